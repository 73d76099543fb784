package localbuild_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localbuild"
)

var update = flag.Bool("update", false, "write docs/detect.md anew")

const detectPage = `# What a source is

What ` + "`plateform build detect`" + ` finds in the sample trees of the tests (reconciler/localbuild/testdata/trees.txtar) and in the example app,
and why. A test writes this page with ` + "`go test ./reconciler/localbuild -update`" + `, and fails when it is not so. The words are those of
` + "`build.framework`" + ` in project.yaml; there is no other set of them. A Dockerfile at the root of the source is always followed, unless
` + "`build.framework`" + ` is go; without one only Go programs are built here, the others are recognized and need one.

| tree | framework | port | why |
|---|---|---|---|
`

// samples are the trees to look at, in order.
func samples(t *testing.T) (names []string, trees map[string]map[string]string) {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "trees.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	trees = map[string]map[string]string{}
	for _, f := range archive.Files {
		name, file, _ := strings.Cut(f.Name, "/")
		if trees[name] == nil {
			names, trees[name] = append(names, name), map[string]string{}
		}
		trees[name][file] = string(f.Data)
	}
	return names, trees
}

func TestSampleTrees(t *testing.T) {
	var page strings.Builder
	page.WriteString(detectPage)
	names, trees := samples(t)
	for _, name := range names {
		dir := filepath.Join(t.TempDir(), "source")
		writeFiles(t, dir, trees[name])
		page.WriteString(row(t, name, dir))
	}
	page.WriteString(row(t, "examples/apps/hello", filepath.Join("..", "..", "examples", "apps", "hello")))
	file := filepath.Join("..", "..", "docs", "detect.md")
	if *update {
		if err := os.WriteFile(file, []byte(page.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), page.String()); diff != "" {
		t.Errorf("docs/detect.md (-written +found; -update writes it):\n%s", diff)
	}
}

// row says what is found in a tree. What is found has to be a word that project.yaml may hold, and to be found again when
// it is written there, with the port.
func row(t *testing.T, name, dir string) string {
	t.Helper()
	d, err := localbuild.Detect(localbuild.Source{Root: dir}, nil)
	if err != nil {
		return fmt.Sprintf("| %s | none | | %s |\n", name, err)
	}
	if !slices.Contains(manifest.Frameworks(), d.Framework) {
		t.Errorf("%s: %q is no word of project.yaml", name, d.Framework)
	}
	authored, err := localbuild.Detect(localbuild.Source{Root: dir}, &manifest.Build{Framework: d.Framework})
	if err != nil || authored.Framework != d.Framework || authored.Port != d.Port {
		t.Errorf("%s: written into project.yaml, %s is %+v (%v), want port %d", name, d.Framework, authored, err, d.Port)
	}
	port, reason := "unknown", ""
	for _, r := range d.Reasons {
		switch r.Field {
		case "build.framework":
			reason = r.Reason
		case "port":
			port = fmt.Sprintf("%s (%s)", r.Value, r.Reason)
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", name, d.Framework, port, reason)
}

// Every framework that may be written down is found in one of the trees.
func TestEveryFrameworkIsFoundSomewhere(t *testing.T) {
	found := map[string]bool{}
	_, trees := samples(t)
	for _, files := range trees {
		dir := filepath.Join(t.TempDir(), "source")
		writeFiles(t, dir, files)
		if d, err := localbuild.Detect(localbuild.Source{Root: dir}, nil); err == nil {
			found[d.Framework] = true
		}
	}
	for _, word := range manifest.Frameworks() {
		if !found[word] {
			t.Errorf("%s may be written into project.yaml and is found in no tree", word)
		}
	}
}

// A module of a build with several leaves its framework to its parent.
func TestAModuleIsWhatItsParentIs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source")
	writeFiles(t, dir, map[string]string{
		"pom.xml":                     "<project><parent><groupId>org.springframework.boot</groupId></parent><modules><module>services/orders</module></modules></project>",
		"services/orders/pom.xml":     "<project><parent><groupId>com.acme</groupId></parent></project>",
		"services/quick/build.gradle": "plugins { id 'io.quarkus' }",
	})
	for folder, want := range map[string]string{"services/orders": "spring-boot", "services/quick": "quarkus", "": "spring-boot"} {
		d, err := localbuild.Detect(localbuild.Source{Root: dir, Path: folder}, nil)
		if err != nil || d.Framework != want {
			t.Errorf("%q is %q (%v), want %s", folder, d.Framework, err, want)
		}
	}
}
