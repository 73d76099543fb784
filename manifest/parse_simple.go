package manifest

import (
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// simpleTree parses YAML that is written plainly, as Plateform and most people write it: block mappings and lists, one
// value a line, ASCII, no comments. It gives the same nodes as the YAML library, several times faster, which counts when
// ten thousand files are read at a start. For everything else, right or wrong, it returns nil: the library decides.
func simpleTree(data []byte) *yaml.Node {
	p := simpleParser{rest: string(data)}
	p.next()
	root := p.mapping()
	if p.refused || p.column > 0 {
		return nil
	}
	return root
}

// simpleParser goes through the lines of a file.
type simpleParser struct {
	rest string
	// text is what is left of the line at hand, and column and line where that begins, from 1; column is 0 at the end.
	text         string
	column, line int
	refused      bool
	// nodes are made many at a time.
	nodes []yaml.Node
}

// next goes to the next line.
func (p *simpleParser) next() {
	if p.rest == "" {
		p.text, p.column = "", 0
		return
	}
	p.line++
	p.text, p.rest, _ = strings.Cut(p.rest, "\n")
	trimmed := strings.TrimLeft(p.text, " ")
	p.column = 1 + len(p.text) - len(trimmed)
	p.text = trimmed
	if trimmed == "" {
		p.refused = true
	}
}

// take goes on in the line.
func (p *simpleParser) take(n int) {
	p.text = p.text[n:]
	p.column += n
}

func (p *simpleParser) node(kind yaml.Kind, tag, value string) *yaml.Node {
	if len(p.nodes) == 0 {
		p.nodes = make([]yaml.Node, 32)
	}
	n := &p.nodes[0]
	p.nodes = p.nodes[1:]
	n.Kind, n.Tag, n.Value, n.Line, n.Column = kind, tag, value, p.line, p.column
	return n
}

// mapping parses the mapping that begins where the parser is.
func (p *simpleParser) mapping() *yaml.Node {
	n, column := p.node(yaml.MappingNode, "!!map", ""), p.column
	for p.column == column && !p.refused {
		end := strings.IndexByte(p.text, ':')
		if end < 1 || end > maxSimpleKey || !isSimpleWord(p.text[:end]) {
			p.refused = true
			break
		}
		key := p.node(yaml.ScalarNode, "", p.text[:end])
		key.Tag = p.tag(key.Value)
		n.Content = append(n.Content, key, p.below(end+1, column))
	}
	p.refused = p.refused || p.column > column || len(n.Content) == 0
	return n
}

// below parses the value of a key that ends at an offset of the line; column is that of the mapping.
func (p *simpleParser) below(end, column int) *yaml.Node {
	p.take(end)
	if p.text != "" {
		if p.text[0] != ' ' {
			p.refused = true
			return nil
		}
		p.take(1)
		return p.scalar()
	}
	p.next()
	if p.column <= column {
		p.refused = true
		return nil
	}
	if strings.HasPrefix(p.text, "- ") {
		return p.list()
	}
	return p.mapping()
}

// list parses the list that begins where the parser is.
func (p *simpleParser) list() *yaml.Node {
	n, column := p.node(yaml.SequenceNode, "!!seq", ""), p.column
	for p.column == column && !p.refused {
		if !strings.HasPrefix(p.text, "- ") {
			p.refused = true
			break
		}
		p.take(2)
		if p.isKey() {
			n.Content = append(n.Content, p.mapping())
		} else {
			n.Content = append(n.Content, p.scalar())
		}
	}
	p.refused = p.refused || p.column > column
	return n
}

// isKey says that a mapping begins here, and no scalar. Between quotes it is none, or refused later.
func (p *simpleParser) isKey() bool {
	if p.text == "" || p.text[0] == '"' || p.text[0] == '\'' {
		return false
	}
	return strings.HasSuffix(p.text, ":") || strings.Contains(p.text, ": ")
}

// scalar parses the rest of the line as one value, and goes to the next line.
func (p *simpleParser) scalar() *yaml.Node {
	n, text := p.node(yaml.ScalarNode, "!!str", p.text), p.text
	switch {
	case text == "{}":
		n.Kind, n.Tag, n.Value, n.Style = yaml.MappingNode, "!!map", "", yaml.FlowStyle
	case text == "[]":
		n.Kind, n.Tag, n.Value, n.Style = yaml.SequenceNode, "!!seq", "", yaml.FlowStyle
	case len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"':
		n.Style = yaml.DoubleQuotedStyle
		n.Value = p.unquoted(text[1 : len(text)-1])
	case len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'':
		n.Style, n.Value = yaml.SingleQuotedStyle, text[1:len(text)-1]
		p.refused = p.refused || !isSimpleText(n.Value) || strings.Contains(n.Value, "'")
	case isPlain(text):
		n.Tag = p.tag(text)
	default:
		p.refused = true
	}
	p.next()
	return n
}

// unquoted is the text that is written between double quotes.
func (p *simpleParser) unquoted(s string) string {
	if !isSimpleText(s) {
		p.refused = true
		return ""
	}
	if !strings.ContainsAny(s, `\"`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
			if i == len(s) || s[i] != '\\' && s[i] != '"' {
				p.refused = true
				return ""
			}
		} else if s[i] == '"' {
			p.refused = true
			return ""
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// isPlain says that a text without quotes is all there is in its line: it begins like a word, and holds nothing that means
// something to YAML.
func isPlain(s string) bool {
	if s == "" || !isAlphanumeric(s[0]) && s[0] != '/' || s[len(s)-1] == ':' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !isAlphanumeric(c) && strings.IndexByte("-_./:@+=?&%*, ", c) < 0 || c == ' ' && s[i-1] == ':' {
			return false
		}
	}
	return true
}

// tag tells what a plain text is taken for.
func (p *simpleParser) tag(s string) string {
	tag := plainTag(s)
	p.refused = p.refused || tag == ""
	return tag
}

// plainTag is what the YAML library takes a plain text for; empty where that is not simple to say.
func plainTag(s string) string {
	switch first := s[0]; {
	case s == "true" || s == "false":
		return "!!bool"
	case len(s) <= 5 && (strings.EqualFold(s, "true") || strings.EqualFold(s, "false") || strings.EqualFold(s, "null")):
		return ""
	case first < '0' || first > '9':
		return "!!str"
	case isDecimal(s) && len(s) <= 18:
		return "!!int"
	case len(s) > 1 && first == '0' && strings.IndexByte("xXbBoO", s[1]) >= 0:
		return ""
	case strings.Count(s, ".") > 1 || strings.ContainsFunc(s, neverInNumbers):
		return "!!str"
	}
	if _, err := time.Parse(time.RFC3339, s); err == nil {
		return "!!timestamp"
	}
	return ""
}

// neverInNumbers says that a text with this character in it is no decimal number and no time.
func neverInNumbers(r rune) bool {
	return r == '/' || r < 0x80 && isAlphanumeric(byte(r)) && (r < '0' || r > '9') && !strings.ContainsRune("eEtTzZ", r)
}
