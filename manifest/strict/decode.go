package strict

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

var (
	timeType     = reflect.TypeFor[time.Time]()
	documentType = reflect.TypeFor[Document]()
)

// decoder turns YAML nodes into Go values, strictly: nothing is converted, nothing is guessed, and everything that does
// not fit is reported.
type decoder struct {
	file     string
	data     []byte
	problems Problems
	// lenient: the tree has problems already, so a Document is not worth reading.
	lenient bool
	root    reflect.Type
	path    []step
}

// step is one step of a field's path: a key, or an index when the key is empty.
type step struct {
	key   string
	index int
}

// field is the path of where the decoder is: spec.env[2].name.
func (d *decoder) field(more ...string) string {
	var b strings.Builder
	for _, s := range d.path {
		if s.key == "" {
			fmt.Fprintf(&b, "[%d]", s.index)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.key)
	}
	for _, key := range more {
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(key)
	}
	return b.String()
}

func (d *decoder) add(n *yaml.Node, field, what, fix string) {
	if len(d.problems) <= MaxProblems {
		d.problems = append(d.problems, problemAt(d.file, n, field, what, fix))
	}
}

// wrong says that a node is not what is wanted.
func (d *decoder) wrong(n *yaml.Node, wanted, fix string) {
	field, is := d.field(), Describe(n)
	if d.mayBeSecret() && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		is = "one value"
	}
	d.add(n, field, fmt.Sprintf("%s is %s, but %s is wanted", field, is, wanted), fix)
}

// mayBeSecret says that the decoder is where people may have written a secret: it must not be shown, also where it is not in its place.
func (d *decoder) mayBeSecret() bool {
	return slices.ContainsFunc(d.path, func(s step) bool { return s.key == "env" || s.key == "secret" || s.key == "value" })
}

// decode fills in the object from the root of a file.
func (d *decoder) decode(root *yaml.Node, object any) {
	v := reflect.ValueOf(object).Elem()
	d.root = v.Type()
	d.value(root, v)
}

// value decodes a node into v.
func (d *decoder) value(n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.AliasNode {
		return
	}
	switch v.Type() {
	case timeType:
		d.time(n, v)
		return
	case documentType:
		d.document(n, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem())
	case reflect.Struct:
		d.mapping(n, v)
	case reflect.Map:
		d.table(n, v)
	case reflect.Slice:
		d.list(n, v)
	case reflect.String:
		d.text(n, v)
	case reflect.Int, reflect.Int64:
		d.integer(n, v)
	case reflect.Bool:
		d.boolean(n, v)
	default:
		panic("strict: no way to decode a " + v.Type().String())
	}
}

// mapping decodes a mapping into a struct.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "a mapping", "write its keys indented below it")
		return
	}
	p := planOf(v.Type())
	var seen uint64
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, below := n.Content[i], n.Content[i+1]
		f, known := p.fields[key.Value]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			continue // reported already
		}
		if !known {
			d.unknown(key, p)
			continue
		}
		if seen&(1<<f.number) != 0 {
			continue // reported already
		}
		seen |= 1 << f.number
		d.path = append(d.path, step{key: key.Value})
		d.present(key, below, v.FieldByIndex(f.index), f)
		d.path = d.path[:len(d.path)-1]
	}
	for _, name := range p.names {
		if f := p.fields[name]; f.required && seen&(1<<f.number) == 0 {
			d.add(n, d.field(name), d.field(name)+" is missing", "add the key "+name)
		}
	}
}

// present decodes the value of a key that is there. Where leaving a key out has a meaning, a zero that is written down
// would silently mean the same, so it is refused.
func (d *decoder) present(key, below *yaml.Node, v reflect.Value, f field) {
	if below.Kind == yaml.ScalarNode && below.Tag == "!!null" {
		d.add(key, d.field(), d.field()+" is empty", "write a value, or remove the key")
		return
	}
	before := len(d.problems)
	d.value(below, v)
	if below.Kind == yaml.AliasNode {
		return // reported already
	}
	if f.required || len(d.problems) > before || !v.IsZero() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		d.add(below, d.field(), d.field()+" is an empty text", "write a value, or remove the key")
	case reflect.Int, reflect.Int64:
		d.add(below, d.field(), d.field()+" is 0, which is no value for it", "write a number from 1, or remove the key")
	}
}

// unknown reports a key that does not belong where it is, and where it may belong.
func (d *decoder) unknown(key *yaml.Node, p *plan) {
	where := d.field()
	if where == "" {
		where = "the file"
	}
	fix := "known here: " + strings.Join(p.names, ", ")
	if near := Nearest(key.Value, p.names); near != "" {
		fix = fmt.Sprintf("did you mean %q?", near)
	} else if places := homes(d.root, key.Value, ""); len(places) > 0 {
		fix = "it belongs in " + strings.Join(places[:min(len(places), 3)], " or ")
	}
	d.add(key, d.field(plain(key.Value)), fmt.Sprintf("unknown key %s in %s", Quote(key.Value), where), fix)
}

// table decodes a mapping of texts.
func (d *decoder) table(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "a mapping", "write its keys indented below it")
		return
	}
	t := v.Type()
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, below := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			continue // reported already
		}
		if v.IsNil() {
			v.Set(reflect.MakeMapWithSize(t, len(n.Content)/2))
		}
		value := reflect.New(t.Elem()).Elem()
		d.path = append(d.path, step{key: key.Value})
		d.present(key, below, value, field{required: true})
		d.path = d.path[:len(d.path)-1]
		v.SetMapIndex(reflect.ValueOf(key.Value).Convert(t.Key()), value)
	}
}

// list decodes a list. An empty list is the same as none.
func (d *decoder) list(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, "a list", "write it as [a, b], or as lines that begin with -")
		return
	}
	if len(n.Content) == 0 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, below := range n.Content {
		d.path = append(d.path, step{index: i})
		d.present(below, below, v.Index(i), field{required: true})
		d.path = d.path[:len(d.path)-1]
	}
}

func (d *decoder) text(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.wrong(n, "a text", "write one value")
		return
	}
	switch {
	case n.Tag == "!!str":
		v.SetString(n.Value)
	case d.mayBeSecret():
		d.add(n, d.field(), d.field()+" is not a text", "put it in quotes")
	default:
		d.wrong(n, "a text", fmt.Sprintf("put it in quotes: %q", clip(n.Value)))
	}
}

func (d *decoder) boolean(n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.ScalarNode && n.Style == 0 && (n.Value == "true" || n.Value == "false") {
		v.SetBool(n.Value == "true")
		return
	}
	fix := "write true or false"
	if n.Kind == yaml.ScalarNode {
		switch strings.ToLower(n.Value) {
		case "yes", "y", "on", "true", "1":
			fix = "write true"
		case "no", "n", "off", "false", "0":
			fix = "write false"
		}
	}
	d.wrong(n, "true or false", fix)
}

func (d *decoder) integer(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || n.Style != 0 || n.Tag != "!!int" || !isDecimal(n.Value) {
		d.wrong(n, "a whole number", integerFix(n, d.field()))
		return
	}
	value, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
	if err != nil {
		d.wrong(n, "a whole number of at most 18 digits", "write a smaller number")
		return
	}
	v.SetInt(value)
}

// isDecimal says that a text is a whole number in the only spelling that every YAML parser reads the same.
func isDecimal(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 1 && digits[0] == '0' || s == "-0" {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// integerFix finds the number that was meant: 80 for "80", 12 for 012, 1000 for 1e3.
func integerFix(n *yaml.Node, field string) string {
	example := "write a whole number in decimal digits, such as 3"
	if strings.HasSuffix(strings.ToLower(field), "port") {
		example = "write a whole number in decimal digits, such as 8080"
	}
	if n.Kind != yaml.ScalarNode {
		return example
	}
	if plain := strings.TrimLeft(n.Value, "+0"); isDecimal(plain) {
		if _, err := strconv.ParseInt(plain, 10, 64); err != nil {
			return "write a smaller number"
		}
		return "write " + plain + " without quotes or leading zeros"
	}
	if i, err := strconv.ParseInt(n.Value, 0, 64); err == nil {
		return fmt.Sprintf("write %d", i)
	}
	if f, err := strconv.ParseFloat(n.Value, 64); err == nil && f == float64(int32(f)) {
		return fmt.Sprintf("write %d", int32(f))
	}
	return example
}

func (d *decoder) time(n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!timestamp" || n.Tag == "!!str") {
		if t, err := time.Parse(time.RFC3339, n.Value); err == nil && t.UTC().Year() >= 0 && t.UTC().Year() <= 9999 {
			v.Set(reflect.ValueOf(t.UTC()))
			return
		}
	}
	d.wrong(n, "a time", "write it like 2026-11-22T12:00:00Z")
}

func (d *decoder) document(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "a mapping", "write its keys indented below it")
		return
	}
	if d.lenient {
		return
	}
	if c := commented(n); c != nil {
		d.add(c, d.field(), "there is a comment in "+d.field()+", which could not be kept word for word", "remove the comment")
		return
	}
	var text Document
	if err := text.UnmarshalYAML(n); err != nil {
		d.add(n, d.field(), d.field()+" cannot be read: "+err.Error(), "write plain YAML")
		return
	}
	if !d.standsAt(n, text) && !isKept(text) {
		d.add(n, d.field(), d.field()+" cannot be kept word for word", "write texts of several lines in double quotes")
		return
	}
	v.SetString(string(text))
}

// commented finds a node with a comment. The YAML library moves comments around.
func commented(n *yaml.Node) *yaml.Node {
	if n.HeadComment != "" || n.LineComment != "" || n.FootComment != "" {
		return n
	}
	for _, below := range n.Content {
		if c := commented(below); c != nil {
			return c
		}
	}
	return nil
}

// standsAt says that a document stands in the file as it would be written there, so that nobody has to try out whether
// it is kept. Texts of several lines are another matter.
func (d *decoder) standsAt(n *yaml.Node, text Document) bool {
	if n.Column < 2 || severalLines(n) {
		return false
	}
	rest := d.data
	for range n.Line - 1 {
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
	}
	indent := strings.Repeat(" ", n.Column-1)
	for line := range strings.Lines(string(text)) {
		var found bool
		if rest, found = bytes.CutPrefix(rest, []byte(indent+line)); !found {
			return false
		}
	}
	return true
}

// severalLines finds a text that is not written on one line.
func severalLines(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || strings.Contains(n.Value, "\n")) ||
		slices.ContainsFunc(n.Content, severalLines)
}

// isKept says that a document is the same text after it was written into a file and read again. The YAML library does
// not manage that with all styles of block texts.
func isKept(text Document) bool {
	type file struct {
		Spec struct{ Values Document }
	}
	var before, after file
	before.Spec.Values = text
	data, err := Encode(before)
	return err == nil && yaml.Unmarshal(data, &after) == nil && after == before
}
