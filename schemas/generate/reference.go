package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/schemas"
)

// referenceFile is the page that describes what people write.
const referenceFile = "docs/reference.md"

// described are the kinds on the page, with the file that each is in. Releases and runs are written by Plateform.
func described() []struct{ kind, file string } {
	return []struct{ kind, file string }{
		{manifest.KindPlatform, "platform.yaml"},
		{manifest.KindWorkspace, "workspaces/<workspace>/workspace.yaml"},
		{manifest.KindProject, "workspaces/<workspace>/projects/<project>/project.yaml"},
	}
}

const referenceHead = `# What people write: every field

Made by ` + "`make generate`" + ` from the same types and comments as the [JSON Schemas](../schemas), so it says what the parser accepts. A field that
is not here is an error. Fields in **bold** have to be there.

Each file begins with ` + "`apiVersion: plateform.dev/v1`, its `kind`, and `metadata: {name: ...}`" + `, which has to be the name of its folder.

`

// reference makes the page.
func reference() ([]byte, error) {
	var page strings.Builder
	page.WriteString(referenceHead)
	for _, d := range described() {
		data, err := schemas.For(d.kind)
		if err != nil {
			return nil, err
		}
		var schema jsonschema.Schema
		if err := json.Unmarshal(data, &schema); err != nil {
			return nil, fmt.Errorf("reading the schema of %s: %w", d.kind, err)
		}
		_, what, _ := strings.Cut(schema.Description, ": ")
		spec, found := schema.Properties.Get("spec")
		if !found {
			return nil, fmt.Errorf("the schema of %s has no spec", d.kind)
		}
		fmt.Fprintf(&page, "## %s\n\n`%s`: %s Fields of its `spec`:\n\n", d.kind, d.file, cell(what))
		page.WriteString("| field | type | what |\n|---|---|---|\n")
		r := rows{&page, schema.Definitions}
		body, _ := r.resolve(spec)
		r.object("", body)
		page.WriteString("\n")
	}
	return []byte(strings.TrimSuffix(page.String(), "\n")), nil
}

// rows writes the fields of objects as rows of a table.
type rows struct {
	to          *strings.Builder
	definitions jsonschema.Definitions
}

// object writes the fields of one object, each with the fields below it.
func (r rows) object(prefix string, s *jsonschema.Schema) {
	required := map[string]bool{}
	for _, name := range s.Required {
		required[name] = true
	}
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		r.field(prefix+pair.Key, required[pair.Key], pair.Value)
	}
}

func (r rows) field(name string, required bool, s *jsonschema.Schema) {
	target, kind := r.resolve(s)
	shown := "`" + name + "`"
	if required {
		shown = "**" + shown + "**"
	}
	what := s.Description
	if what == "" {
		what = target.Description
	}
	fmt.Fprintf(r.to, "| %s | %s | %s%s |\n", shown, kind, cell(what), cell(allowed(target)))
	switch {
	case target.Properties != nil && s.Items != nil:
		r.object(name+"[].", target)
	case target.Properties != nil:
		r.object(name+".", target)
	}
}

// resolve follows a field to the object that it holds, or a list of, and says what type it has.
func (r rows) resolve(s *jsonschema.Schema) (target *jsonschema.Schema, kind string) {
	switch {
	case s.Ref != "":
		target := r.definitions[strings.TrimPrefix(s.Ref, "#/$defs/")]
		return target, typeOf(target)
	case s.Items != nil:
		target, kind := r.resolve(s.Items)
		return target, "list of " + kind
	case s.AdditionalProperties != nil && s.AdditionalProperties.Type != "":
		return s, "map of " + s.AdditionalProperties.Type
	}
	return s, typeOf(s)
}

func typeOf(s *jsonschema.Schema) string {
	if s.Type == "" {
		return "any"
	}
	return s.Type
}

// allowed says which values a field takes, where they can be listed.
func allowed(s *jsonschema.Schema) string {
	if len(s.Enum) == 0 {
		return ""
	}
	words := make([]string, len(s.Enum))
	for i, v := range s.Enum {
		words[i] = fmt.Sprintf("`%v`", v)
	}
	return " One of " + strings.Join(words, ", ") + "."
}

// cell is text for a cell of a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", ">", "&gt;", "*", "\\*").Replace(text)
}
