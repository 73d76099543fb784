package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"
)

// What Plateform writes is read the fast way.
func TestSimpleTreeOfReleases(t *testing.T) {
	for name, spec := range map[string]ProjectSpec{"shop": shop(), "store": store()} {
		values, err := BuildValues(valuesInput(spec))
		if err != nil {
			t.Fatal(err)
		}
		r := sampleRelease(t)
		r.Spec.Project, r.Spec.Values = spec, values
		file, err := EncodeRelease(r, Key{"ws-1", "shop"}, 7, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !checkSimpleTree(t, file) {
			t.Errorf("the release of %s is not simple:\n%s", name, file)
		}
	}
}

func TestSimpleTree(t *testing.T) {
	for _, test := range []struct {
		text   string
		simple bool
	}{
		{"a: b\n", true},
		{"a: b", true},
		{"a:\n      b: c\n", true},
		{"a:\n  - b: 1\n    c: {}\n  - d\n  - \"e: f\"\ng: []\n", true},
		{"a: 'b'\nc: \"d \\\"e\\\" \\\\\"\n", true},
		{"a: hello world\nb: x=1&y=2, z?\n", true},
		{"a: 2026-11-22T12:00:00Z\nb: 1.0.0\nc: 9fceb02\nd: 500m\n", true},
		{"", false},
		{"\n", false},
		{"# a\nb: c\n", false},
		{"a: b # c\n", false},
		{"a: b\n  c\n", false},
		{"a:\n- b\n", false},
		{"a:\nb: c\n", false},
		{"a: b\n c: d\n", false},
		{"a:\n  b: c\n d: e\n", false},
		{"a:\n  - b\n  c: d\n", false},
		{"a: \"b\" c\n", false},
		{"a: \"b\\n\"\n", false},
		{"a: \"b\\\"\n", false},
		{"a: b: c\n", false},
		{"a: b:\n", false},
		{"a:  b\n", false},
		{"a: 1.5\nb: 0x1f\n", false},
		{"a: Null\n", false},
		{"a: ~\n", false},
		{"a: ä\n", false},
		{"a: {b: c}\n", false},
		{"a: b\n---\nc: d\n", false},
		{"- a\n", false},
		{"\"a\": b\n", false},
	} {
		if simple := checkSimpleTree(t, []byte(test.text)); simple != test.simple {
			t.Errorf("simple is %t: %q", simple, test.text)
		}
	}
}

// FuzzSimpleTree holds that what is parsed the fast way is what the YAML library makes of it.
func FuzzSimpleTree(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/parse/good.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases(archive) {
		for _, data := range c.files {
			f.Add([]byte(data))
		}
	}
	f.Add([]byte("a:\n  - b: 1\n    c: {}\n  - d\n  - \"e: f\"\ng: []\n"))
	f.Add([]byte("a: 1e3\nb: 0b1\nc: 1_0\nd: 12345678901234567890\ne: 2001-1-1\nf: 0o7\ng: 1:2\n"))
	f.Fuzz(func(t *testing.T, data []byte) { checkSimpleTree(t, data) })
}

func checkSimpleTree(t *testing.T, data []byte) bool {
	t.Helper()
	if checkText("x.yaml", data) != nil {
		return false
	}
	fast := simpleTree(data)
	if fast == nil {
		return false
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%q is no YAML: %v", data, err)
	}
	if diff := cmp.Diff(doc.Content[0], fast); diff != "" {
		t.Fatalf("%q is not what it should be (-want +got):\n%s", data, diff)
	}
	return true
}
