package manifest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest/strict"
)

// parseAny parses a file as what its name says: project.yaml, or a path of the config repository.
func parseAny(file string, data []byte) (any, Problems) {
	switch {
	case strings.HasSuffix(file, "platform.yaml"):
		return untyped(ParsePlatform(file, data))
	case strings.HasSuffix(file, "workspace.yaml"):
		return untyped(ParseWorkspace(file, data))
	case strings.HasSuffix(file, "project.yaml"):
		return untyped(ParseProject(file, data))
	case strings.HasSuffix(file, "run.yaml"):
		return untyped(ParseRun(file, data))
	}
	return untyped(ParseRelease(file, data))
}

// untyped turns a nil pointer into a nil interface.
func untyped[T any](object *T, ps Problems) (any, Problems) {
	if object == nil {
		return nil, ps
	}
	return object, ps
}

// TestParse runs the cases of testdata/parse: what is accepted comes out as Plateform would write it, of all else every
// problem.
func TestParse(t *testing.T) {
	runCases(t, "testdata/parse/*.txtar", func(t *testing.T, c testCase) string {
		var b strings.Builder
		for _, file := range slices.Sorted(maps.Keys(c.files)) {
			data := []byte(c.files[file])
			object, ps := parseAny(file, data)
			if (object == nil) != (len(ps) > 0) {
				t.Fatalf("the object is %v with the problems %v", object, ps)
			}
			b.WriteString(lines(ps))
			if object != nil {
				b.WriteString(encodeAgain(t, file, object))
			}
		}
		return b.String()
	})
}

// encodeAgain encodes an object and checks that parsing the result gives it again.
func encodeAgain(t *testing.T, file string, object any) string {
	t.Helper()
	text, err := Encode(object)
	if err != nil {
		t.Fatal(err)
	}
	again, ps := parseAny(file, text)
	if len(ps) > 0 {
		t.Fatalf("what was accepted and encoded again is refused: %v\n%s", ps, text)
	}
	if diff := cmp.Diff(object, again); diff != "" {
		t.Fatalf("encoded and parsed again it differs (-before +after):\n%s\n%s", diff, text)
	}
	return string(text)
}

const header = "apiVersion: plateform.dev/v1\nkind: Project\nmetadata:\n  name: shop\n"

func TestParseRefusesWhatIsNoText(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"nothing", "", "p:1:1: the file is empty (write apiVersion, kind, metadata and spec)"},
		{"comments only", "# nothing\n", "p:1:1: the file is empty (write apiVersion, kind, metadata and spec)"},
		{"NUL", header + "spec: {type: \"a\x00\"}", "p:5:16: there is a NUL byte here (save the file as UTF-8 text)"},
		{"BOM", "\uFEFF" + header, "p:1:1: there is a byte order mark (BOM) here (save the file as UTF-8 without BOM)"},
		{"UTF-16", "\xff\xfea\x00", "p:1:1: the file is not valid UTF-8 here (save the file as UTF-8)"},
		{"invalid UTF-8", header + "spec:\n  type: ä\xff", "p:6:10: the file is not valid UTF-8 here (save the file as UTF-8)"},
		{"escape", "a: \x1b[31m", `p:1:4: there is the control character U+001B here (remove it; in a value in double quotes write "\u001B")`},
		{"line separator", "a: b\u2028c: d", `p:1:5: there is the control character U+2028 here (remove it; in a value in double quotes write "\u2028")`},
		{"bidirectional override", "a: b\u202Ec", `p:1:5: there is the control character U+202E here (remove it; in a value in double quotes write "\u202E")`},
		{"lone carriage return", "a: b\rc: d\n", `p:1:5: there is a carriage return without a line feed here (end lines with a line feed; in a value write "\r")`},
		{"too large", strings.Repeat("# 45678\n", maxProjectBytes/8) + "#", "p: the file has 196609 bytes, more than the 196608 that a project may have (have the app read what is long from a file of its image)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			object, ps := ParseProject("p", []byte(tt.data))
			if object != nil || strings.TrimSuffix(ps.Error(), "\n") != tt.want {
				t.Errorf("got %v, %v, want %s", object, ps, tt.want)
			}
		})
	}
	object, ps := ParseWorkspace("w", []byte(strings.Repeat("# 45678\n", MaxFileBytes/8)+"#"))
	const want = "w: the file has 1048577 bytes, more than the 1048576 that are read (split it, or remove what does not belong in it)"
	if object != nil || strings.TrimSuffix(ps.Error(), "\n") != want {
		t.Errorf("got %v, %v, want %s", object, ps, want)
	}
}

func TestParseAcceptsLineFeedsOfWindows(t *testing.T) {
	text := header + "spec:\n  type: monolithic\n"
	want, _ := ParseProject("p", []byte(text))
	got, ps := ParseProject("p", []byte(strings.ReplaceAll(text, "\n", "\r\n")))
	if diff := cmp.Diff(want, got); want == nil || diff != "" || len(ps) > 0 {
		t.Errorf("with CRLF: %v (-want +got):\n%s", ps, diff)
	}
}

func TestParseNesting(t *testing.T) {
	for _, tt := range []struct {
		name string
		open string
		end  string
		deep int
		want string
	}{
		// The values are at level 3, in the mapping of the file and that of the spec.
		{"lists at the limit", "[", "]", strict.MaxDepth - 3, ""},
		{"lists beyond it", "[", "]", strict.MaxDepth - 2, "r:"},
		{"mappings at the limit", "{a: ", "}", strict.MaxDepth - 3, ""},
		{"mappings beyond it", "{a: ", "}", strict.MaxDepth - 2, "r:"},
		{"thousands", "[", "]", 9000, "r:"},
		{"more than the YAML parser takes", "{a: ", "}", 20000, "r:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			deep := "a: " + strings.Repeat(tt.open, tt.deep) + strings.Repeat(tt.end, tt.deep)
			_, ps := ParseRelease("r", []byte("apiVersion: plateform.dev/v1\nkind: Release\nmetadata: {name: v1.0.0}\nspec:\n  values:\n    "+deep+"\n"))
			tooDeep := slices.ContainsFunc(ps, func(p Problem) bool { return strings.Contains(p.What+p.Fix, "levels") && p.Line == 6 })
			if tooDeep != (tt.want != "") {
				t.Errorf("problems: %v", ps)
			}
		})
	}
}

func TestParseCutsAFlood(t *testing.T) {
	var b strings.Builder
	b.WriteString(header + "spec:\n  type: monolithic\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  key%d: 1\n", i)
	}
	_, ps := ParseProject("p", []byte(b.String()))
	if len(ps) != strict.MaxProblems+1 || !strings.Contains(ps[strict.MaxProblems].What, "more problems follow") {
		t.Errorf("%d problems, the last one: %v", len(ps), ps[len(ps)-1])
	}
}

func TestParseIsQuickWithHostileFiles(t *testing.T) {
	fill := func(s string) []byte { return bytes.Repeat([]byte(s), MaxFileBytes/len(s)) }
	for name, data := range map[string][]byte{
		"brackets": fill("["), "braces": fill("{"), "dashes": fill("- "), "question marks": fill("? "), "pairs": fill("a: "),
		"keys": fill("a:\n"), "quotes": fill("\""), "anchors": fill("&a "), "aliases": fill("*a "), "tags": fill("!a "),
		"comments": fill("#\n"), "documents": fill("---\n"), "commas": fill("[,"), "lines": fill("\n"), "spaces": fill(" "),
		"list of lists": fill("[[],"), "literal": append([]byte("a: |\n"), fill(" x\n")[:MaxFileBytes-10]...),
		"unclosed list of keys": fill("{a,"), "alias bomb": []byte(bomb()), "percent": fill("%"), "long key": fill("k"),
	} {
		t.Run(name, func(t *testing.T) {
			if object, ps := ParseProject("p", data); object != nil || len(ps) == 0 {
				t.Errorf("accepted: %v", object)
			}
		})
	}
}

// bomb is a document of nine levels of nine aliases each.
func bomb() string {
	var b strings.Builder
	b.WriteString(header + "spec:\n  a: &a [x]\n")
	for c := 'b'; c < 'k'; c++ {
		fmt.Fprintf(&b, "  %c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 9))
	}
	return b.String()
}
