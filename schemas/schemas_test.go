package schemas

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/plateform/plateform/manifest"
)

func TestForUnknownKind(t *testing.T) {
	if data, err := For("Pod"); err == nil || data != nil {
		t.Errorf("got %s, %v", data, err)
	}
}

// TestSchemasAreStrict: no object has keys beyond those that are described.
func TestSchemasAreStrict(t *testing.T) {
	for _, kind := range Kinds() {
		data, err := For(kind)
		if err != nil {
			t.Fatal(err)
		}
		var schema map[string]any
		if err := json.Unmarshal(data, &schema); err != nil {
			t.Fatal(err)
		}
		written := kind == manifest.KindPlatform || kind == manifest.KindWorkspace || kind == manifest.KindProject
		walk(schema, func(path string, object map[string]any) {
			properties, ok := object["properties"].(map[string]any)
			if !ok {
				return
			}
			if object["additionalProperties"] != false {
				t.Errorf("%s%s takes any keys", kind, path)
			}
			for name, p := range properties {
				if property, _ := p.(map[string]any); written && property["description"] == nil {
					t.Errorf("%s%s.%s has no description", kind, path, name)
				}
			}
		})
	}
}

// walk visits all objects of a JSON document.
func walk(v any, visit func(path string, object map[string]any)) {
	var down func(path string, v any)
	down = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			visit(path, v)
			for name, below := range v {
				down(path+"/"+name, below)
			}
		case []any:
			for _, below := range v {
				down(path+"/[]", below)
			}
		}
	}
	down("", v)
}

// parserOnly are the cases of testdata/parse that a schema cannot refuse: what is wrong is gone once YAML became JSON.
var parserOnly = map[string]bool{
	"duplicate keys": true, "several documents": true, "an empty second document": true, "names of the folders": true,
}

// TestSchemasAgreeWithTheParser: what the parser accepts the schemas accept, and what it refuses they refuse as far as
// they can see it.
func TestSchemasAgreeWithTheParser(t *testing.T) {
	all := compile(t)
	for _, name := range []string{"good", "bad"} {
		for _, f := range archive(t, filepath.Join("..", "manifest", "testdata", "parse", name+".txtar")).Files {
			test, file, _ := strings.Cut(f.Name, "/")
			if file == "want" {
				continue
			}
			t.Run(f.Name, func(t *testing.T) {
				kind := kindOf(file)
				document, ok := decode(f.Data)
				if !ok {
					return // no JSON: the schema is never asked
				}
				err := all[kind].Validate(document)
				switch accepted := accepts(kind, f.Data); {
				case accepted && err != nil:
					t.Errorf("the parser accepts what the schema refuses: %v", err)
				case !accepted && err == nil && !parserOnly[test]:
					t.Error("the schema accepts what the parser refuses")
				}
			})
		}
	}
}

// TestSchemasAgreeWithTheChecks: what the checks find nothing wrong with the schemas accept.
func TestSchemasAgreeWithTheChecks(t *testing.T) {
	all := compile(t)
	names, err := filepath.Glob(filepath.Join("..", "manifest", "testdata", "validate", "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	accepted := 0
	for _, name := range names {
		a := archive(t, name)
		wrong := map[string]bool{}
		for _, f := range a.Files {
			if test, file, _ := strings.Cut(f.Name, "/"); file == "want" && len(f.Data) > 0 {
				wrong[test] = true
			}
		}
		for _, f := range a.Files {
			test, file, _ := strings.Cut(f.Name, "/")
			kind := kindOf(file)
			if document, ok := decode(f.Data); ok && kind != "" && kind != manifest.KindRelease && !wrong[test] && len(f.Data) > 0 {
				accepted++
				if err := all[kind].Validate(document); err != nil {
					t.Errorf("%s: %s: nothing is wrong with what the schema refuses: %v", name, f.Name, err)
				}
			}
		}
	}
	if accepted < 50 {
		t.Errorf("only %d files were tried", accepted)
	}
}

func compile(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	all := map[string]*jsonschema.Schema{}
	for _, kind := range Kinds() {
		data, err := For(kind)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(FileName(kind), document); err != nil {
			t.Fatal(err)
		}
		if all[kind], err = c.Compile(FileName(kind)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func archive(t *testing.T, name string) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// kindOf tells the kind of a file of the cases by its name; "" for none.
func kindOf(file string) string {
	for _, kind := range []string{manifest.KindPlatform, manifest.KindWorkspace, manifest.KindProject, manifest.KindRun} {
		if strings.HasSuffix(file, strings.ToLower(kind)+".yaml") {
			return kind
		}
	}
	if strings.HasSuffix(file, ".yaml") {
		return manifest.KindRelease
	}
	return ""
}

// decode reads YAML as what it is in JSON; ok is false when it is nothing in JSON.
func decode(data []byte) (document any, ok bool) {
	var v any
	if yaml.Unmarshal(data, &v) != nil {
		return nil, false
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	document, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	return document, err == nil
}

func accepts(kind string, data []byte) bool {
	var ps manifest.Problems
	switch kind {
	case manifest.KindPlatform:
		_, ps = manifest.ParsePlatform("f", data)
	case manifest.KindWorkspace:
		_, ps = manifest.ParseWorkspace("f", data)
	case manifest.KindProject:
		_, ps = manifest.ParseProject("f", data)
	case manifest.KindRelease:
		_, ps = manifest.ParseRelease("f", data)
	case manifest.KindRun:
		_, ps = manifest.ParseRun("f", data)
	}
	return len(ps) == 0
}
