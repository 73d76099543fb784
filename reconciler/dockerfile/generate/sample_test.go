package generate_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/dockerfile/generate"
)

var update = flag.Bool("update", false, "write docs/detect.md, the table in README.md and the Dockerfiles in testdata anew")

const repository = "../../.."

const detectPage = `# What a source is

What ` + "`plateform build detect`" + ` finds in the sample trees of the tests (reconciler/detect/testdata/trees.txtar) and in the example app,
and why. A test writes this page with ` + "`go test ./reconciler/dockerfile/generate -update`" + `, and fails when it is not so. The words are those of
` + "`build.framework`" + ` in project.yaml; there is no other set of them. A Dockerfile at the root of the source is always followed, unless
` + "`build.framework`" + ` is go. For all others one is written; those of these trees are in reconciler/dockerfile/generate/testdata.
Go programs are built without one by ` + "`serve`" + `.

| tree | framework | port | why | what else is found |
|---|---|---|---|---|
`

// sample is a tree to look at.
type sample struct {
	name  string
	files fs.FS
	found detect.Detection
	err   error
}

// samples are the trees, in order, with what is found in them.
func samples(t *testing.T) []*sample {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("..", "..", "detect", "testdata", "trees.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var all []*sample
	trees := map[string]fstest.MapFS{}
	for _, f := range archive.Files {
		name, file, _ := strings.Cut(f.Name, "/")
		if trees[name] == nil {
			trees[name] = fstest.MapFS{}
			all = append(all, &sample{name: name, files: trees[name]})
		}
		trees[name][file] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	all = append(all, &sample{name: "examples/apps/hello", files: os.DirFS(filepath.Join(repository, "examples", "apps", "hello"))})
	for _, s := range all {
		s.found, s.err = detect.Find(s.files, "", nil)
	}
	return all
}

// golden compares a text with a file, or writes the file.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), text); diff != "" {
		t.Errorf("%s (-written +found; -update writes it):\n%s", file, diff)
	}
}

func TestTheDetectPage(t *testing.T) {
	var page strings.Builder
	page.WriteString(detectPage)
	for _, s := range samples(t) {
		page.WriteString(row(t, s))
	}
	golden(t, filepath.Join(repository, "docs", "detect.md"), page.String())
}

// row says what is found in a tree. What is found has to be a word that project.yaml may hold, and to be found again when
// it is written there, with the port.
func row(t *testing.T, s *sample) string {
	t.Helper()
	d := s.found
	if s.err != nil {
		return fmt.Sprintf("| %s | none | | %s | |\n", s.name, s.err)
	}
	if !slices.Contains(frameworks.All(), d.Framework) {
		t.Errorf("%s: %q is no word of project.yaml", s.name, d.Framework)
	}
	authored, err := detect.Find(s.files, "", &manifest.Build{Framework: d.Framework})
	if err != nil || authored.Framework != d.Framework || authored.Port != d.Port {
		t.Errorf("%s: written into project.yaml, %s is %+v (%v), want port %d", s.name, d.Framework, authored, err, d.Port)
	}
	port, reason := "unknown", ""
	var more []string
	for _, r := range d.Reasons {
		text := fmt.Sprintf("%s (%s)", r.Value, r.Reason)
		switch r.Field {
		case "build.framework":
			reason = r.Reason
		case "port":
			port = text
		default:
			more = append(more, r.Field+" "+text)
		}
	}
	if missing := d.Writable(); missing != nil {
		more = append(more, "missing: "+missing.Error())
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", s.name, d.Framework, port, reason, strings.ReplaceAll(strings.Join(more, "; "), "|", `\|`))
}

// Every framework that may be written down is found in one of the trees, and has a Dockerfile there.
func TestEveryFrameworkIsFoundSomewhere(t *testing.T) {
	found := map[string]bool{}
	for _, s := range samples(t) {
		if s.err == nil && (s.found.App != nil || s.found.Dockerfile != "") {
			found[s.found.Framework] = true
		}
	}
	for _, word := range frameworks.All() {
		if !found[word] {
			t.Errorf("%s may be written into project.yaml, and no tree is built as that", word)
		}
	}
}

// The Dockerfiles of all trees are as they were read and found good.
func TestDockerfilesOfTheSamples(t *testing.T) {
	want := map[string]bool{}
	for _, s := range samples(t) {
		if s.err != nil || s.found.App == nil {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			file, err := generate.Dockerfile(s.found, []string{"GREETING"})
			if err != nil {
				t.Fatal(err)
			}
			name := strings.NewReplacer(" ", "-", ",", "", "/", "-").Replace(s.name) + ".Dockerfile"
			want[name] = true
			golden(t, filepath.Join("testdata", name), file.Text)
			checkDockerfile(t, s.found, file)
		})
	}
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".Dockerfile") && !want[e.Name()] {
			t.Errorf("testdata/%s is of no tree", e.Name())
		}
	}
}

// TestTheReadmeTable holds the section of README.md to what the trees are built with.
func TestTheReadmeTable(t *testing.T) {
	type line struct{ port, tools, runs []string }
	lines := map[string]*line{}
	add := func(list *[]string, text string) {
		if text != "" && !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	for _, s := range samples(t) {
		if s.err != nil || s.found.App == nil {
			continue
		}
		file, err := generate.Dockerfile(s.found, nil)
		if err != nil {
			t.Fatal(err)
		}
		l := lines[s.found.Framework]
		if l == nil {
			l = &line{}
			lines[s.found.Framework] = l
		}
		add(&l.port, fmt.Sprint(s.found.Port))
		add(&l.tools, s.found.App.Tool)
		last := file.Text[strings.LastIndex(file.Text, "\nFROM ")+len("\nFROM "):]
		image, _, _ := strings.Cut(last, "\n")
		if image == "base" { // which is the first stage
			image = file.Bases[0]
		}
		repository, _, _ := strings.Cut(image, ":")
		add(&l.runs, strings.TrimPrefix(strings.TrimPrefix(repository, "docker.io/library/"), "docker.io/"))
	}
	var table strings.Builder
	table.WriteString("| framework | installed and built by | runs in | port |\n|---|---|---|---|\n")
	for _, word := range frameworks.All() {
		if l := lines[word]; l != nil {
			fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", word, orDash(l.tools), strings.Join(l.runs, ", "), strings.Join(l.port, ", "))
		}
	}
	name := filepath.Join(repository, "README.md")
	readme, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "| framework | installed and built by |", "\n\n"
	before, after, found := strings.Cut(string(readme), begin)
	_, after, ended := strings.Cut(after, end)
	if !found || !ended {
		t.Fatal("README.md has no table of frameworks")
	}
	golden(t, name, before+strings.TrimSuffix(table.String(), "\n")+end+after)
}

func orDash(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}
