package main

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/cmd/plateform/doctor"
	"github.com/plateform/plateform/cmd/plateform/images"
	"github.com/plateform/plateform/cmd/plateform/source"
	"github.com/plateform/plateform/cmd/plateform/validation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/ledger"
	"github.com/plateform/plateform/reconciler/plan"
	"github.com/plateform/plateform/reconciler/rights"
)

// documented are the objects of docs/output.md, by their headings.
func documented() map[string]any {
	return map[string]any{
		"plan": planOutput{}, "rights": rights.Verdict{}, "source question": rights.SourceQuestion{}, "planned project": plan.Project{}, "inferred value": manifest.Inference{},
		"planned quota": plan.Quota{},
		"status":        ledger.Status{}, "project": ledger.Project{}, "newest release": ledger.NewestRelease{},
		"why": ledger.Why{}, "asked commit": ledger.AskedCommit{}, "answer": ledger.Answer{}, "traced release": ledger.TracedRelease{}, "source": ledger.Source{},
		"event":        ledger.Event{},
		"validate":     validation.Found{},
		"version":      Version{},
		"build detect": source.Detected{}, "app": detect.App{}, "place": detect.Place{}, "build dockerfile": source.Dockerfile{},
		"images check": images.Report{}, "missing image": images.Missing{}, "unknown images": images.Unknown{},
		"doctor": doctor.Report{}, "diagnosis": doctor.Diagnosis{},
		"problem": manifest.Problem{}, "commit": ledger.Commit{}, "image": manifest.Image{}, "cause": manifest.Cause{},
		"build": manifest.BuildRecord{}, "scan": manifest.ScanResult{}, "hold": manifest.Hold{}, "run": manifest.LastRun{}, "report": ledger.Note{},
	}
}

// TestOutputIsDocumented holds the tables of docs/output.md to the types: every field, its type, and whether it can be absent.
func TestOutputIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/output.md")
	if err != nil {
		t.Fatal(err)
	}
	written := tablesOf(string(text))
	objects := documented()
	for name, object := range objects {
		if diff := cmp.Diff(fieldsOf(reflect.TypeOf(object), objects), written[name]); diff != "" {
			t.Errorf("%s (-the code +docs/output.md):\n%s", name, diff)
		}
		delete(written, name)
	}
	for name := range written {
		t.Errorf("docs/output.md has a table for %q, which is no object", name)
	}
}

// tablesOf reads the rows of each table, as "field: type" with a ? when it is optional.
func tablesOf(text string) map[string][]string {
	tables := map[string][]string{}
	heading := ""
	row := regexp.MustCompile("^\\| `([^`]+)` \\| (.*?) \\| (.*) \\|$")
	link := regexp.MustCompile(`\[([^\]]+)\]\(#([^)]+)\)`)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "##") {
			heading = title
		}
		if cells := row.FindStringSubmatch(line); cells != nil {
			field := cells[1] + ": " + link.ReplaceAllString(cells[2], "$1")
			if strings.HasSuffix(cells[3], "*optional*") {
				field += "?"
			}
			tables[heading] = append(tables[heading], field)
		}
	}
	return tables
}

// fieldsOf lists the fields of a struct as encoding/json writes them.
func fieldsOf(object reflect.Type, objects map[string]any) []string {
	var fields []string
	for i := range object.NumField() {
		field := object.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-", !field.IsExported():
		case field.Anonymous && name == "":
			fields = append(fields, fieldsOf(field.Type, objects)...)
		default:
			line := name + ": " + typeName(field.Type, objects)
			if strings.Contains(options, "omitempty") {
				line += "?"
			}
			fields = append(fields, line)
		}
	}
	return fields
}

func typeName(of reflect.Type, objects map[string]any) string {
	for name, object := range objects {
		if reflect.TypeOf(object) == of {
			return name
		}
	}
	switch {
	case of == reflect.TypeFor[time.Time]():
		return "string"
	case of.Kind() == reflect.Pointer:
		return typeName(of.Elem(), objects)
	case of.Kind() == reflect.Slice:
		return "list of " + typeName(of.Elem(), objects)
	case of.Kind() == reflect.Bool:
		return "boolean"
	case slices.Contains([]reflect.Kind{reflect.Int, reflect.Int64}, of.Kind()):
		return "number"
	}
	return of.Kind().String()
}
