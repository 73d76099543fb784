package manifest

import (
	"testing"

	"gopkg.in/yaml.v3"
)

func TestSimpleDocuments(t *testing.T) {
	values, err := BuildValues(valuesInput(shop()))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		text   string
		simple bool
	}{
		{string(values), true},
		{"a: 1\nb:\n  c: d\n  e: true\nf:\n  - g: h\n    i: \"j k\"\n  - l\nm: []\n", true},
		{"a:   1\n", true},
		{"a: {}\n", false},
		{"a: b # c\n", false},
		{"a: 'b'\n", false},
		{"a: |\n  b\n", false},
		{"a: \"b\\n\"\n", false},
		{"a: \"ä\"\n", false},
		{"a: 2026-11-22\n", false},
		{"a: ~\n", false},
		{"a: b c\n", false},
		{"a:\n  - - b\n", false},
		{"? a\n: b\n", true},
		{"a: \"{\\\"b\\\": \\\\}\"\n", true},
	} {
		if simple := checkSimple(t, test.text); simple != test.simple {
			t.Errorf("simple is %t:\n%s", simple, test.text)
		}
	}
}

// FuzzSimpleDocument holds that what is taken for simple is written as the YAML library writes it.
func FuzzSimpleDocument(f *testing.F) {
	f.Add("a: 1\nb:\n  c: d\nf:\n  - g: h\n    i: \"j k\"\n  - l\nm: []\n")
	f.Add("on: 0o7\n1e3: 0x1f\n1_0: a:b\n\"a\": !!str b\n")
	f.Add("a: &x b\nc: *x\n<<: d\n")
	f.Fuzz(func(t *testing.T, text string) { checkSimple(t, text) })
}

func checkSimple(t *testing.T, text string) bool {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) == 0 || hasComment(&doc) {
		return false
	}
	fast, simple := simpleDocument(doc.Content[0])
	if !simple {
		return false
	}
	var slow Document
	if err := slow.UnmarshalYAML(doc.Content[0]); err != nil || fast != slow {
		t.Fatalf("%q was written as\n%s\nand not as\n%s\n%v", text, fast, slow, err)
	}
	if !isKept(fast) {
		t.Fatalf("not kept word for word:\n%s", fast)
	}
	return true
}
