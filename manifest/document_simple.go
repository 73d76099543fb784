package manifest

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// simpleDocument writes a mapping as Encode does, many times faster, when all in it is simple: nested mappings and lists of
// plain words, numbers and texts in double quotes, as the values of releases are. For everything else ok is false.
func simpleDocument(n *yaml.Node) (text Document, ok bool) {
	w := simpleWriter{ok: true}
	w.mapping(n, 0, false)
	return Document(w.b.String()), w.ok
}

// simpleWriter writes what it is sure that the YAML library would write the same way.
type simpleWriter struct {
	b  strings.Builder
	ok bool
}

func (w *simpleWriter) indent(n int) {
	for range n {
		w.b.WriteString("  ")
	}
}

// mapping writes a mapping that is not empty. One that is an entry of a list begins in the line of the dash.
func (w *simpleWriter) mapping(n *yaml.Node, depth int, inList bool) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 || !bare(n) {
		w.ok = false
		return
	}
	for i := 0; i+1 < len(n.Content) && w.ok; i += 2 {
		if i > 0 || !inList {
			w.indent(depth)
		}
		key, below := n.Content[i], n.Content[i+1]
		if !bare(key) || key.Style != 0 || !isSimpleWord(key.Value) || len(key.Value) > maxSimpleKey {
			w.ok = false
			return
		}
		w.b.WriteString(key.Value)
		w.b.WriteByte(':')
		switch {
		case below.Kind == yaml.ScalarNode:
			w.b.WriteByte(' ')
			w.scalar(below)
		case below.Kind == yaml.MappingNode:
			w.b.WriteByte('\n')
			w.mapping(below, depth+1, false)
		default:
			w.list(below, depth+1)
		}
	}
}

// maxSimpleKey is below the length at which the library writes keys in another way.
const maxSimpleKey = 64

func (w *simpleWriter) list(n *yaml.Node, depth int) {
	if n.Kind != yaml.SequenceNode || n.Tag != "!!seq" || hasComment(n) {
		w.ok = false
		return
	}
	if len(n.Content) == 0 && n.Style == yaml.FlowStyle {
		w.b.WriteString(" []\n")
		return
	}
	if len(n.Content) == 0 || n.Style != 0 {
		w.ok = false
		return
	}
	w.b.WriteByte('\n')
	for _, entry := range n.Content {
		w.indent(depth)
		w.b.WriteString("- ")
		if entry.Kind == yaml.ScalarNode {
			w.scalar(entry)
			continue
		}
		w.mapping(entry, depth+1, true)
	}
}

func (w *simpleWriter) scalar(n *yaml.Node) {
	switch {
	case hasComment(n) || n.Anchor != "":
		w.ok = false
	case n.Style == 0 && isSimpleTag(n.Tag) && isSimpleWord(n.Value):
		w.b.WriteString(n.Value)
	case n.Style == yaml.DoubleQuotedStyle && n.Tag == "!!str" && isSimpleText(n.Value):
		w.quoted(n.Value)
	default:
		w.ok = false
	}
	w.b.WriteByte('\n')
}

// quoted writes a simple text in double quotes.
func (w *simpleWriter) quoted(s string) {
	w.b.WriteByte('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			w.b.WriteByte('\\')
		}
		w.b.WriteByte(s[i])
	}
	w.b.WriteByte('"')
}

// bare says that a mapping or key has nothing but its content.
func bare(n *yaml.Node) bool {
	return n.Style == 0 && n.Anchor == "" && !hasComment(n) && (n.Tag == "!!map" || n.Tag == "!!str")
}

func hasComment(n *yaml.Node) bool {
	return n.HeadComment != "" || n.LineComment != "" || n.FootComment != ""
}

func isSimpleTag(tag string) bool {
	return tag == "!!str" || tag == "!!int" || tag == "!!bool"
}

// isSimpleWord says that a text needs no quotes: ASCII letters and digits, and in between what means nothing to YAML
// there. A path may begin with its slash.
func isSimpleWord(s string) bool {
	if s == "" || !isAlphanumeric(s[0]) && s[0] != '/' || !isAlphanumeric(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && !strings.ContainsRune("-_./:@+", rune(c)) {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isSimpleText says that a text is on one line and plain ASCII.
func isSimpleText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
