package charts

import (
	"strings"
	"testing"
	"testing/fstest"
	"text/template/parse"

	"github.com/Masterminds/sprig/v3"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

var _ reconciler.Charts = (*Charts)(nil)

// impure are the template functions whose result depends on more than the values.
var impure = []string{
	"lookup", "getHostByName", "env", "expandenv", "now", "date", "dateInZone", "date_in_zone", "ago", "htmlDate",
	"htmlDateInZone", "uuidv4", "shuffle", "bcrypt", "htpasswd", "derivePassword", "encryptAES", "randAlpha",
	"randAlphaNum", "randAscii", "randBytes", "randInt", "randNumeric", "genCA", "genCAWithKey", "genPrivateKey",
	"genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
}

func TestTemplatesArePure(t *testing.T) {
	charts, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for name, versions := range charts.byName {
		for _, version := range versions {
			for path, content := range version.files {
				if !strings.HasPrefix(path, "templates/") {
					continue
				}
				for _, function := range impureIn(t, string(content)) {
					t.Errorf("%s/%s/%s calls %s: a render must be a pure function", name, version.version, path, function)
				}
			}
		}
	}
}

func TestImpureFunctionsAreFound(t *testing.T) {
	for _, text := range []string{
		`{{ randAlphaNum 16 }}`,
		`{{ if true }}{{ $x := dict "a" (now | date "2006") }}{{ end }}`,
		`{{ define "x" }}{{ range $i, $e := list (lookup "v1" "Secret" "" "") }}{{ end }}{{ end }}`,
		`{{ with .x }}{{ else }}{{ uuidv4 }}{{ end }}`,
	} {
		if len(impureIn(t, text)) == 0 {
			t.Errorf("nothing found in %s", text)
		}
	}
	if found := impureIn(t, `date -u {{ "now" }} {{ .Values.now }} {{ quote "lookup" }}`); len(found) > 0 {
		t.Errorf("text and fields are no calls: %v", found)
	}
}

// impureIn returns the impure functions a template calls.
func impureIn(t *testing.T, text string) []string {
	t.Helper()
	functions := map[string]any{"include": true, "toYaml": true, "toJson": true, "lookup": true, "tpl": true, "required": true}
	for name := range sprig.TxtFuncMap() {
		functions[name] = true
	}
	for _, builtin := range []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "printf", "print", "index", "len"} {
		functions[builtin] = true
	}
	trees, err := parse.Parse("template", text, "", "", functions)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, tree := range trees {
		for _, name := range identifiers(tree.Root) {
			for _, bad := range impure {
				if name == bad {
					found = append(found, name)
				}
			}
		}
	}
	return found
}

func identifiers(node parse.Node) []string {
	switch n := node.(type) {
	case *parse.IdentifierNode:
		return []string{n.Ident}
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		return each(n.Nodes)
	case *parse.ActionNode:
		return identifiers(n.Pipe)
	case *parse.PipeNode:
		if n == nil {
			return nil
		}
		return each(n.Cmds)
	case *parse.CommandNode:
		return each(n.Args)
	case *parse.IfNode:
		return branch(n.BranchNode)
	case *parse.RangeNode:
		return branch(n.BranchNode)
	case *parse.WithNode:
		return branch(n.BranchNode)
	case *parse.ChainNode:
		return identifiers(n.Node)
	case *parse.TemplateNode:
		return identifiers(n.Pipe)
	}
	return nil
}

func branch(n parse.BranchNode) []string {
	return append(append(identifiers(n.Pipe), identifiers(n.List)...), identifiers(n.ElseList)...)
}

func each[N parse.Node](nodes []N) []string {
	var names []string
	for _, n := range nodes {
		names = append(names, identifiers(n)...)
	}
	return names
}

func TestChart(t *testing.T) {
	charts, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, projectType := range []manifest.ProjectType{manifest.Monolithic, manifest.Database, manifest.SpringMicroservice} {
		newest, err := charts.Chart(projectType, "")
		if err != nil {
			t.Fatal(err)
		}
		same, err := charts.Chart(projectType, newest.Version)
		if err != nil || same != newest {
			t.Errorf("%s %s: %v, %v; want %v", projectType, newest.Version, same, err, newest)
		}
		files, err := charts.Files(newest)
		if err != nil || len(files["Chart.yaml"]) == 0 || len(files["templates/_helpers.tpl"]) == 0 {
			t.Errorf("%s has no Chart.yaml or no helpers: %v", projectType, err)
		}
		forged := newest
		forged.Digest = "sha256:" + strings.Repeat("0", 64)
		if _, err := charts.Files(forged); err == nil || !strings.Contains(err.Error(), "digest") {
			t.Errorf("%s with another digest: %v", projectType, err)
		}
	}
}

func TestUnknownCharts(t *testing.T) {
	charts, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		projectType manifest.ProjectType
		version     string
		want        string
	}{
		{"function", "", `no chart for projects of type "function"`},
		{manifest.Monolithic, "9.9.9", "it has 1.0.0, 1.1.0: set spec.charts"},
		{manifest.Monolithic, "v1.0.0", "it has 1.0.0"},
		{manifest.Monolithic, "../monolithic/1.0.0", "it has 1.0.0"},
	} {
		if _, err := charts.Chart(c.projectType, c.version); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v; want %s", c.projectType, c.version, err, c.want)
		}
	}
	if _, err := charts.Files(manifest.Chart{Name: "monolithic"}); err == nil {
		t.Error("a chart without a version has files")
	}
}

func TestNewestIsByNumber(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("x")}
	charts, err := read(fstest.MapFS{"a/1.9.0/Chart.yaml": file, "a/1.10.0/Chart.yaml": file, "a/1.2.0/Chart.yaml": file})
	if err != nil {
		t.Fatal(err)
	}
	if newest, err := charts.Chart("a", ""); err != nil || newest.Version != "1.10.0" {
		t.Errorf("newest is %v, %v", newest, err)
	}
	if _, err := read(fstest.MapFS{"a/latest/Chart.yaml": file}); err == nil {
		t.Error("a folder that is no version is taken for one")
	}
}

func TestDigestCoversPathsAndContents(t *testing.T) {
	base := map[string][]byte{"a": []byte("1"), "b": []byte("2")}
	for name, other := range map[string]map[string][]byte{
		"content":  {"a": []byte("1"), "b": []byte("3")},
		"path":     {"a": []byte("1"), "c": []byte("2")},
		"moved":    {"a": []byte("12"), "b": []byte("")},
		"swapped":  {"a": []byte("2"), "b": []byte("1")},
		"one more": {"a": []byte("1"), "b": []byte("2"), "c": nil},
	} {
		if digest(base) == digest(other) {
			t.Errorf("%s: the same digest", name)
		}
	}
}

// A version that was published never changes: releases name it with its digest.
func TestPublishedChartsAreAsTheyWere(t *testing.T) {
	charts, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for name, digest := range map[manifest.ProjectType]string{
		manifest.Monolithic:         "sha256:4ec29edc552236e41887e9bbaf44d1c2e5982596766aac968d114a4de7c4984d",
		manifest.Database:           "sha256:e86bd8467dd076c182e8e20ea8e15ee5f880ea9510d20a2b1338ed049bbb0d6f",
		manifest.SpringMicroservice: "sha256:19d763974dec41626e87cd86b28da01473cabb1c240448937b4aece2faa45b3c",
	} {
		chart, err := charts.Chart(name, "1.0.0")
		if err != nil || chart.Digest != digest {
			t.Errorf("%s 1.0.0 has digest %s, not %s (%v): add a version instead of changing one", name, chart.Digest, digest, err)
		}
	}
}
