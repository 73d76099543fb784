package installation

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table in docs/serve.md anew")

// TestSettingsTable holds the table in docs/serve.md to the struct and its comments. -update writes it.
func TestSettingsTable(t *testing.T) {
	const page = "../../../docs/serve.md"
	const begin, end = "<!-- serve.yaml:begin -->\n", "<!-- serve.yaml:end -->\n"
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := bytes.Cut(have, []byte(begin))
	_, after, ended := bytes.Cut(rest, []byte(end))
	if !found || !ended {
		t.Fatalf("%s has no lines %q and %q for the table", page, begin, end)
	}
	want := fmt.Appendf(nil, "%s%s%s%s%s", before, begin, settingsTable(t), end, after)
	if bytes.Equal(have, want) {
		return
	}
	if !*update {
		t.Fatalf("the table of serve.yaml in %s is stale: go test ./cmd/plateform/installation -run TestSettingsTable -update", page)
	}
	if err := os.WriteFile(page, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSettingsExamples holds the examples on the page of serve.yaml to what is accepted.
func TestSettingsExamples(t *testing.T) {
	page, err := os.ReadFile("../../../docs/serve.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) < 4 {
		t.Fatalf("docs/serve.md has %d examples, want 4 at least", len(examples))
	}
	for _, example := range examples {
		settings := example[1]
		if !bytes.Contains(settings, []byte("config:")) { // a part of one
			settings = append([]byte("config: {url: config.git}\ngitops: {url: gitops.git}\n"), settings...)
		}
		file := filepath.Join(t.TempDir(), "serve.yaml")
		if err := os.WriteFile(file, settings, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file); err != nil {
			t.Errorf("%v in\n%s", err, settings)
		}
	}
}

// settingsTable renders the table of keys out of the comments of the settings structs.
func settingsTable(t *testing.T) string {
	file, err := parser.ParseFile(token.NewFileSet(), "settings.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	structs := map[string]*ast.StructType{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			if body, ok := spec.Type.(*ast.StructType); ok {
				structs[spec.Name.Name] = body
			}
		}
		return true
	})
	var b strings.Builder
	b.WriteString("| key | what | default |\n|---|---|---|\n")
	writeKeys(t, &b, structs, "Settings", "")
	return b.String()
}

func writeKeys(t *testing.T, b *strings.Builder, structs map[string]*ast.StructType, name, prefix string) {
	for _, field := range structs[name].Fields.List {
		tag, _, _ := strings.Cut(strings.TrimPrefix(strings.Trim(field.Tag.Value, "`"), `yaml:"`), `"`)
		key, options, _ := strings.Cut(tag, ",")
		key = prefix + key
		comment := strings.Join(strings.Fields(field.Doc.Text()), " ")
		if comment == "" {
			t.Errorf("%s has no comment", key)
		}
		what, fallback, _ := strings.Cut(comment, " Default")
		fallback = strings.TrimSuffix(fallback, ".")
		if prose, ok := strings.CutPrefix(fallback, ": "); ok {
			fallback = prose
		} else if fallback != "" {
			fallback = "`" + strings.TrimSpace(fallback) + "`"
		}
		// Comments begin with the name of the field, the table with what it is.
		if rest, ok := strings.CutPrefix(what, field.Names[0].Name+" is "); ok {
			what = strings.ToUpper(rest[:1]) + rest[1:]
		}
		if options != "omitempty" {
			fallback = "none: it must be there"
		}
		inner := fmt.Sprint(field.Type)
		if list, ok := field.Type.(*ast.ArrayType); ok {
			inner, key = fmt.Sprint(list.Elt), key+"[]"
		}
		if pointer, ok := field.Type.(*ast.StarExpr); ok {
			inner = fmt.Sprint(pointer.X)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, strings.ReplaceAll(what, "|", `\|`), fallback)
		if structs[inner] != nil {
			writeKeys(t, b, structs, inner, key+".")
		}
	}
}
