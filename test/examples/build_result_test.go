package examples

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/jenkins"
	"github.com/plateform/plateform/schemas"
)

// TestBuildResult: the schema of release.json accepts what the parser does, and refuses the rest.
func TestBuildResult(t *testing.T) {
	data, err := schemas.For(schemas.BuildResult)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("result.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("result.json")
	if err != nil {
		t.Fatal(err)
	}
	only := `"digest":"sha256:` + strings.Repeat("0a", 32) + `"`
	digest := `"build":"2d8cdf6326bd",` + only
	for text, good := range map[string]bool{
		`{` + digest + `}`: true,
		`{` + digest + `,"framework":"nextjs","port":3000,"scan":{"critical":0,"high":1}}`: true,
		`{` + digest + `,"repository":"evil.example.com/x","scan":{"negligible":7}}`:       true,
		`{}`:                                      false,
		`{` + only + `}`:                          false,
		`{"build":"../a",` + only + `}`:           false,
		`{"build":7,` + only + `}`:                false,
		`[]`:                                      false,
		`{"digest":"sha256:0A"}`:                  false,
		`{"digest":7}`:                            false,
		`{` + digest + `,"framework":"Go \n"}`:    false,
		`{` + digest + `,"port":70000}`:           false,
		`{` + digest + `,"port":"80"}`:            false,
		`{` + digest + `,"port":-1}`:              false,
		`{` + digest + `,"scan":{"critical":-1}}`: false,
		`{` + digest + `,"scan":{"high":"1"}}`:    false,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != good {
			t.Errorf("the schema says of %s: %v", text, err)
		}
		if _, err := jenkins.ParseResult([]byte(text)); (err == nil) != good {
			t.Errorf("the parser says of %s: %v", text, err)
		}
	}
	if r, err := jenkins.ParseResult([]byte(`{` + digest + `,"framework":"spring","scan":{"low":3}}`)); err != nil || r.Framework != frameworks.SpringBoot || r.Scan.Low != 3 {
		t.Errorf("got %+v, %v", r, err)
	}
}
