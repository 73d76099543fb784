package manifest

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// simpleEncode writes a value as Encode does, many times faster, when all in it is simple: structs, maps, lists, and texts
// that stand for themselves on one line. For everything else ok is false: how that is written is for the YAML library to
// say.
func simpleEncode(v any) (text []byte, ok bool) {
	e := simpleEncoder{w: simpleWriter{ok: true}}
	value := reflect.ValueOf(v)
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if kind := value.Kind(); kind != reflect.Struct && kind != reflect.Map || value.Type() == timeType {
		return nil, false
	}
	if n := e.mapping(value, 0, false); n == 0 {
		return nil, false
	}
	return e.w.b.Bytes(), e.w.ok
}

type simpleEncoder struct{ w simpleWriter }

// mapping writes the entries of a struct or a map and returns how many there are. In a list the first of them stands in
// the line of the dash.
func (e *simpleEncoder) mapping(v reflect.Value, depth int, inList bool) int {
	entries := 0
	entry := func(key string, value reflect.Value) {
		if entries > 0 || !inList {
			e.w.indent(depth)
		}
		entries++
		e.w.b.WriteString(key)
		e.w.b.WriteByte(':')
		e.value(value, depth)
	}
	switch v.Kind() {
	case reflect.Struct:
		p := planOf(v.Type())
		e.w.ok = e.w.ok && !p.special
		for _, f := range p.order {
			if value := v.FieldByIndex(f.index); f.required || !isEmpty(value) {
				entry(f.name, value)
			}
		}
	case reflect.Map:
		for _, key := range e.keys(v) {
			entry(key.String(), v.MapIndex(key))
		}
	}
	return entries
}

// keys are the keys of a map in the library's order.
func (e *simpleEncoder) keys(v reflect.Value) []reflect.Value {
	if v.Type().Key().Kind() != reflect.String {
		e.w.ok = false
		return nil
	}
	keys := v.MapKeys()
	for _, key := range keys {
		e.w.ok = e.w.ok && isSimpleWord(key.String()) && key.Len() <= maxSimpleKey && isUnquoted(key.String())
	}
	slices.SortFunc(keys, func(a, b reflect.Value) int { return e.compare(a.String(), b.String()) })
	return keys
}

// compare orders two keys: letters come after other characters. How numbers in them compare is not simple.
func (e *simpleEncoder) compare(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) || i == len(b) {
		return len(a) - len(b)
	}
	if isDigit(a[i]) || isDigit(b[i]) || i > 0 && isDigit(a[i-1]) {
		e.w.ok = false
	}
	if al, bl := isAlphanumeric(a[i]), isAlphanumeric(b[i]); al != bl {
		if bl {
			return -1
		}
		return 1
	}
	return int(a[i]) - int(b[i])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// value writes what stands behind a key at a depth.
func (e *simpleEncoder) value(v reflect.Value, depth int) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			e.w.ok = false
			return
		}
		v = v.Elem()
	}
	switch {
	case v.Type() == documentType:
		e.document(Document(v.String()), depth)
	case v.Kind() == reflect.Slice:
		e.list(v, depth+1)
	case (v.Kind() == reflect.Struct || v.Kind() == reflect.Map) && v.Type() != timeType:
		at := e.w.b.Len()
		e.w.b.WriteByte('\n')
		if e.mapping(v, depth+1, false) == 0 {
			e.w.b.Truncate(at)
			e.w.b.WriteString(" {}\n")
		}
	default:
		e.w.b.WriteByte(' ')
		e.scalar(v)
	}
}

func (e *simpleEncoder) document(text Document, depth int) {
	root := simpleTree([]byte(text))
	if root == nil {
		e.w.ok = false
		return
	}
	e.w.b.WriteByte('\n')
	e.w.mapping(root, depth+1, false)
}

func (e *simpleEncoder) list(v reflect.Value, depth int) {
	if v.Len() == 0 {
		e.w.b.WriteString(" []\n")
		return
	}
	e.w.b.WriteByte('\n')
	for i := range v.Len() {
		e.w.indent(depth)
		e.w.b.WriteString("- ")
		entry := v.Index(i)
		switch kind := entry.Kind(); {
		case kind == reflect.Struct && entry.Type() != timeType || kind == reflect.Map:
			if e.mapping(entry, depth+1, true) == 0 {
				e.w.ok = false
			}
		default:
			e.scalar(entry)
		}
	}
}

// scalar writes one value and ends the line.
func (e *simpleEncoder) scalar(v reflect.Value) {
	switch t := v.Type(); {
	case t == timeType:
		e.w.b.WriteString(v.Interface().(time.Time).Format(time.RFC3339Nano))
	case t == quotedType:
		e.w.ok = e.w.ok && isSimpleText(v.String())
		e.w.quoted(v.String())
	case t.PkgPath() != "" && t.NumMethod() > 0: // may have its own way to be written
		e.w.ok = false
	case v.Kind() == reflect.String:
		e.text(v.String())
	case v.Kind() == reflect.Int || v.Kind() == reflect.Int64:
		e.w.b.Write(strconv.AppendInt(e.w.b.AvailableBuffer(), v.Int(), 10))
	case v.Kind() == reflect.Bool:
		e.w.b.WriteString(strconv.FormatBool(v.Bool()))
	default:
		e.w.ok = false
	}
	e.w.b.WriteByte('\n')
}

// text writes a text, in quotes when it would be taken for something else.
func (e *simpleEncoder) text(s string) {
	switch {
	case s == "" || isDecimal(s) && len(s) <= 18 || s == "true" || s == "false":
		e.w.quoted(s)
	case isPlain(s) && isUnquoted(s):
		e.w.b.WriteString(s)
	default:
		e.w.ok = false
	}
}

// isUnquoted says that a plain text is taken for a text by every YAML reader.
func isUnquoted(s string) bool {
	if plainTag(s) != "!!str" {
		return false
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off":
		return false
	}
	return true
}

// isEmpty says that a field with omitempty is left out.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		if v.Type() == timeType {
			return v.Interface().(time.Time).IsZero()
		}
		for i := range v.NumField() {
			if !isEmpty(v.Field(i)) {
				return false
			}
		}
		return true
	}
	return v.IsZero()
}

var quotedType = reflect.TypeFor[quoted]()
