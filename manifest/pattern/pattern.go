// Package pattern matches paths against lists of patterns, each of which adds or takes away.
package pattern

import (
	"fmt"
	"path"
	"strings"
)

// List is a list of patterns. Of those that match a path the last one decides.
type List []Pattern

// Pattern is one pattern: * and ? stand for characters of one name, ** for any number of folders. A pattern that matches a
// folder matches all below it.
type Pattern struct {
	// Not says that what matches is taken away.
	Not bool
	// names are the parts between slashes.
	names []string
}

// Parse reads one pattern; a ! in front takes away what matches. The error says what is wrong.
func Parse(text string) (Pattern, error) {
	rest, not := strings.CutPrefix(text, "!")
	p := Pattern{Not: not}
	switch {
	case rest == "":
		return p, fmt.Errorf("there is no path")
	case strings.HasPrefix(rest, "/"):
		return p, fmt.Errorf("it begins with a slash")
	case strings.Contains(rest, `\`):
		return p, fmt.Errorf(`it contains \`)
	}
	p.names = strings.Split(strings.TrimSuffix(rest, "/"), "/")
	for _, name := range p.names {
		if _, err := path.Match(name, ""); err != nil {
			return p, fmt.Errorf("a [ is not closed")
		}
		switch {
		case name == "" || name == "." || name == "..":
			return p, fmt.Errorf("%q is no name in a path", name)
		case name != "**" && strings.Contains(name, "**"):
			return p, fmt.Errorf("** stands alone between slashes")
		}
	}
	return p, nil
}

// Covers says that a path counts, given whether it does without the list.
func (l List) Covers(file string, before bool) bool {
	names := strings.Split(file, "/")
	for _, p := range l {
		if matches(p.names, names) {
			before = !p.Not
		}
	}
	return before
}

// Reaches says that the list may decide about a path below a folder, so that one answer does not hold for all of them.
func (l List) Reaches(dir string) bool {
	names := strings.Split(dir, "/")
	for _, p := range l {
		if begins(p.names, names) {
			return true
		}
	}
	return false
}

// matches says that a pattern matches a path or a folder that it is in.
func matches(pattern, names []string) bool {
	switch {
	case len(pattern) == 0:
		return true
	case pattern[0] == "**":
		for i := range len(names) + 1 {
			if matches(pattern[1:], names[i:]) && (len(pattern) > 1 || i < len(names)) {
				return true
			}
		}
		return false
	case len(names) == 0:
		return false
	}
	same, _ := path.Match(pattern[0], names[0]) // Parse refuses what does not read as a pattern
	return same && matches(pattern[1:], names[1:])
}

// begins says that a pattern may match a path below a folder.
func begins(pattern, names []string) bool {
	for i, name := range names {
		if i == len(pattern) { // it matches the folder itself or one above
			return true
		}
		if pattern[i] == "**" {
			return true
		}
		if same, _ := path.Match(pattern[i], name); !same {
			return false
		}
	}
	return true
}
