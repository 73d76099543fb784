// Command generate writes the JSON Schemas in the folder schemas, and the reference of their fields in docs, from the Go types of package manifest and their comments:
//
//	go generate ./schemas
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/schemas"
)

const (
	module = "github.com/plateform/plateform"
	baseID = "https://plateform.dev/schemas/v1/"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	for _, kind := range schemas.All() {
		data, err := generate(kind)
		if err != nil {
			return fmt.Errorf("schema of %s: %w", kind, err)
		}
		if err := os.WriteFile(filepath.Join("schemas", schemas.FileName(kind)), data, 0o644); err != nil {
			return err
		}
	}
	page, err := reference()
	if err != nil {
		return fmt.Errorf("the reference: %w", err)
	}
	return os.WriteFile(referenceFile, page, 0o644)
}

// moduleRoot is the folder of go.mod above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("there is no go.mod above the working directory (run it inside the repository)")
		}
		dir = filepath.Dir(dir)
	}
}

// objects are the types of the kinds.
func objects() map[string]reflect.Type {
	return map[string]reflect.Type{
		manifest.KindPlatform:  reflect.TypeFor[manifest.Platform](),
		manifest.KindWorkspace: reflect.TypeFor[manifest.Workspace](),
		manifest.KindProject:   reflect.TypeFor[manifest.Project](),
		manifest.KindRelease:   reflect.TypeFor[manifest.Release](),
		manifest.KindRun:       reflect.TypeFor[manifest.Run](),
		schemas.BuildResult:    reflect.TypeFor[manifest.BuildResult](),
	}
}

// generate makes the schema of a kind. The working directory must be the root of the module, where the comments are.
func generate(kind string) ([]byte, error) {
	r := jsonschema.Reflector{FieldNameTag: "yaml", ExpandedStruct: true, Mapper: mapType}
	if err := r.AddGoComments(module, "./manifest"); err != nil {
		return nil, fmt.Errorf("reading the comments: %w", err)
	}
	t := objects()[kind]
	schema := r.ReflectFromType(t)
	schema.ID = jsonschema.ID(baseID + schemas.FileName(kind))
	schema.Title = kind
	schema.Description = oneLine(r.CommentMap[t.PkgPath()+"."+t.Name()])
	refine(kind, schema)
	for name, definition := range schema.Definitions {
		refine(name, definition)
	}
	if kind == schemas.BuildResult {
		loosen(schema)
	}
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, err
	}
	// The descriptions are for people, not for a page of HTML.
	plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(data))
	return []byte(plain + "\n"), nil
}

// mapType gives the schema of types that are not what they look like in Go.
func mapType(t reflect.Type) *jsonschema.Schema {
	if t == reflect.TypeFor[manifest.Document]() {
		return &jsonschema.Schema{Type: "object"}
	}
	return nil
}

// oneLine joins the lines of a comment.
func oneLine(comment string) string { return strings.Join(strings.Fields(comment), " ") }
