package pattern_test

import (
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest/pattern"
)

func list(t *testing.T, texts ...string) pattern.List {
	t.Helper()
	var l pattern.List
	for _, text := range texts {
		p, err := pattern.Parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		l = append(l, p)
	}
	return l
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		patterns string // between spaces
		file     string
		before   bool
		want     bool
	}{
		{"", "a", true, true},
		{"", "a", false, false},
		{"docs", "docs", false, true},
		{"docs", "docs/a/b.md", false, true},
		{"docs/", "docs/a/b.md", false, true},
		{"docs", "doc", false, false},
		{"docs", "a/docs/b", false, false},
		{"docs/**", "docs/a/b.md", false, true},
		{"docs/**", "docs", false, false},
		{"docs/*", "docs/a.md", false, true},
		{"docs/*", "docs/a/b.md", false, true}, // it is in a folder that matches
		{"**/*.md", "a.md", false, true},
		{"**/*.md", "x/y/a.md", false, true},
		{"**/*.md", "x/y/a.go", false, false},
		{"a/**/z", "a/z", false, true},
		{"a/**/z", "a/b/c/z", false, true},
		{"a/**/z", "a/b/c", false, false},
		{"**", "a/b", false, true},
		{"!**", "a/b", true, false},
		{"!docs/**", "docs/a", true, false},
		{"!docs/**", "src/a", true, true},
		{"!** cmd/api", "cmd/api/main.go", true, true},
		{"!** cmd/api", "cmd/worker/main.go", true, false},
		{"!docs docs/api", "docs/api/x", true, true},
		{"docs/api !docs", "docs/api/x", true, false},
		{"?.go", "a.go", false, true},
		{"?.go", "ab.go", false, false},
		{"[a-c]/x", "b/x", false, true},
		{"**/test/**", "a/test/b", false, true},
		{"**/test/**", "a/test", false, false},
	} {
		if got := list(t, strings.Fields(c.patterns)...).Covers(c.file, c.before); got != c.want {
			t.Errorf("[%s] covers %s: %v, want %v", c.patterns, c.file, got, c.want)
		}
	}
}

// A folder that no pattern reaches is the same for all that is in it.
func TestReaches(t *testing.T) {
	l := list(t, "docs/**", "!cmd/*/testdata", "proto/v1/x.proto")
	for dir, want := range map[string]bool{
		"docs": true, "docs/a": true, "cmd": true, "cmd/api": true, "cmd/api/testdata": true, "cmd/api/testdata/x": true, "cmd/api/other": false,
		"proto": true, "proto/v1": true, "proto/v2": false, "src": false,
	} {
		if got := l.Reaches(dir); got != want {
			t.Errorf("%s is reached: %v, want %v", dir, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "!", "/a", "!/a", "a//b", "./a", "a/../b", "..", "a**", "**a/b", "[", `a\b`, "!!/"} {
		if p, err := pattern.Parse(text); err == nil && text != "!!/" {
			t.Errorf("%q is read as %+v", text, p)
		}
	}
}

func FuzzPatterns(f *testing.F) {
	f.Add("a/**/b*", "a/x/bc")
	f.Fuzz(func(t *testing.T, text, file string) {
		p, err := pattern.Parse(text)
		if err != nil || len(text) > 100 || len(file) > 100 || strings.Count(text, "**") > 4 {
			return
		}
		l := pattern.List{p}
		if l.Covers(file, p.Not) == p.Not {
			return // it does not match
		}
		for i, r := range file {
			if r == '/' && i > 0 && !l.Reaches(file[:i]) {
				t.Errorf("%q matches %q and does not reach %q", text, file, file[:i])
			}
		}
	})
}
