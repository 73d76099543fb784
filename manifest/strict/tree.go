package strict

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// treeCheck checks what holds for every YAML file, whatever it is about: no anchors, aliases, merge keys, tags or
// duplicate keys, and no deep nesting. What is left is what JSON can say, in one way only.
type treeCheck struct {
	file     string
	problems Problems
	tooDeep  bool
}

func (c *treeCheck) add(n *yaml.Node, what, fix string) {
	if len(c.problems) <= MaxProblems {
		c.problems = append(c.problems, problemAt(c.file, n, "", what, fix))
	}
}

// What is not supported is not named: a password may begin with one of these characters.
const (
	noAnchors = "anchors (&) are not supported"
	noAliases = "aliases (*) are not supported"
	noTags    = "tags (!) are not supported"
)

// check looks at a node and everything below it.
func (c *treeCheck) check(n *yaml.Node, depth int) {
	if c.tooDeep {
		return
	}
	if n.Anchor != "" {
		c.add(n, noAnchors, "write the value out where it is needed; put a text in quotes")
	}
	if n.Kind == yaml.AliasNode {
		c.add(n, noAliases, "write the value out; put a text in quotes")
		return
	}
	if n.Style&yaml.TaggedStyle != 0 || n.Tag == "!" {
		c.add(n, noTags, "remove the tag; put a text in quotes")
	}
	if n.Kind == yaml.ScalarNode {
		if n.Tag == "!!merge" {
			c.add(n, "merge keys (<<) are not supported", "write the keys out")
		}
		return
	}
	if depth > MaxDepth {
		c.tooDeep = true
		c.add(n, fmt.Sprintf("this is nested deeper than %d levels", MaxDepth), "nest less deeply")
		return
	}
	if n.Kind == yaml.MappingNode {
		c.checkKeys(n)
	}
	for _, below := range n.Content {
		c.check(below, depth+1)
	}
}

// checkKeys refuses keys that are no scalars, and keys that are there twice.
func (c *treeCheck) checkKeys(mapping *yaml.Node) {
	seen := make(map[string]int, len(mapping.Content)/2)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if key.Kind != yaml.ScalarNode {
			c.add(key, "a key is "+Describe(key)+", but a text is wanted", "write it as key: value")
			continue
		}
		if first, twice := seen[key.Value]; twice {
			c.add(key, fmt.Sprintf("the key %s is there twice, first in line %d", Quote(key.Value), first), "remove one of the two")
			continue
		}
		seen[key.Value] = key.Line
	}
}

// Describe says in words what a node is.
func Describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.Tag {
	case "!!null":
		return "empty"
	case "!!bool":
		return "the boolean " + plain(n.Value)
	case "!!int", "!!float":
		return "the number " + plain(n.Value)
	case "!!timestamp":
		return "the date " + plain(n.Value)
	}
	return "the text " + Quote(n.Value)
}

// Quote prepares a text from outside for a message: in quotes, on one line, not too long, without credentials in a URL.
func Quote(s string) string { return fmt.Sprintf("%q", clip(s)) }

// credentials are what may be a login in front of a host: with a scheme all up to the last @, without one what has a colon in it. The
// digest of an image is none, and neither is the user that everybody is at a Git host.
var credentials = regexp.MustCompile(`(://)[^\s"]*@|[^\s"/@]+:[^\s"@/][^\s"@]*@`)

// WithoutCredentials is a text without what may be the login in a URL.
func WithoutCredentials(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	var b strings.Builder
	from := 0
	for _, m := range credentials.FindAllStringSubmatchIndex(s, -1) {
		scheme := ""
		if m[2] >= 0 {
			scheme = s[m[2]:m[3]]
		}
		login, rest := s[m[0]+len(scheme):m[1]], s[m[1]:]
		if login == "git@" || scheme == "" && (strings.HasPrefix(rest, "sha256:") || strings.HasPrefix(rest, "sha512:")) {
			continue
		}
		b.WriteString(s[from:m[0]] + scheme + "***@")
		from = m[1]
	}
	return b.String() + s[from:]
}

// clip shortens a text for a message.
func clip(s string) string {
	const most = 60
	s = WithoutCredentials(strings.ToValidUTF8(s, "?"))
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "..."
}

// plain shortens a text that stands in a message without quotes.
func plain(s string) string { return strings.Map(printable, clip(s)) }

// printable keeps what a terminal shows as it is: a tag of %00 is a zero byte once it is read.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}
