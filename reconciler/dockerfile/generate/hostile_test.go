package generate_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"golang.org/x/tools/txtar"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/dockerfile/generate"
)

// treeOf are the files of an archive; those with names that no tree can have are left out.
func treeOf(text string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(text)).Files {
		if fs.ValidPath(f.Name) && f.Name != "." {
			files[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
		}
	}
	for name := range files { // a name is a file or a folder
		for above := filepath.Dir(name); above != "."; above = filepath.Dir(above) {
			delete(files, above)
		}
	}
	return files
}

// Comments are read as they are written: what a source says turns no direction of writing around, and moves nothing on a terminal.
func TestCommentsAreReadAsTheyAreWritten(t *testing.T) {
	marks := "\u202e\u2066\u2069\u200f\u061c\ufeff\u009b2J\x1b[31m\u00ad"
	tree := fstest.MapFS{
		"package.json":                {Data: []byte(`{"scripts": {"start": "node x", "build": "y"}}`), Mode: 0o644},
		"a" + marks + "/package.json": {Data: []byte(`{}`), Mode: 0o644},
	}
	d, err := detect.Find(tree, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Reasons = append(d.Reasons, manifest.Inference{Field: "runtime", Value: "node" + marks, Reason: "file a" + marks + "b \u4e2d"})
	file, err := generate.Dockerfile(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(file.Text, "#   runtime: node 2J [31m (file a 2J [31mb \u4e2d)\n") {
		t.Errorf("the reason is not readable in\n%q", file.Text)
	}
	for _, r := range file.Text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U is in\n%s", r, file.Text)
		}
	}
}

// What a source says stays where it belongs: in comments of one line, and in words of commands.
func TestHostileSourcesDoNotBreakOut(t *testing.T) {
	const word = "INJECTED"
	tests := map[string]map[string]string{
		"a script": {"package.json": `{"scripts": {"start": "node \"x\"\nRUN INJECTED\n# \\", "build": "x\nUSER root"}}`},
		"a version": {"package.json": `{"scripts": {"start": "node x"}, "engines": {"node": "22\nRUN INJECTED"}, "packageManager": "npm@1.2.3\nRUN INJECTED"}`,
			".nvmrc": "v20 && INJECTED"},
		"a main file":     {"package.json": `{"main": "a b; INJECTED.js", "scripts": {"build": "x"}}`, "server.js": ""},
		"a lockfile":      {"package.json": `{"scripts": {"start": "node x"}, "workspaces": ["a"]}`, "a\nRUN INJECTED/package.json": "{}", "$(INJECTED)/package.json": "{}"},
		"an output":       {"package.json": `{"devDependencies": {"vite": "1"}}`, "vite.config.js": "outDir: 'dist /x\nRUN INJECTED'"},
		"a way upwards":   {"package.json": `{"devDependencies": {"vite": "1"}}`, "vite.config.js": "outDir: '../../INJECTED'"},
		"a next output":   {"package.json": `{"dependencies": {"next": "1"}}`, "next.config.js": "output: 'standalone', distDir: 'a;INJECTED'"},
		"a Procfile":      {"requirements.txt": "flask", "Procfile": "web: gunicorn x\"] \\\nRUN INJECTED", "app.py": "app = Flask()"},
		"a settings file": {"manage.py": "django DJANGO_SETTINGS_MODULE\", \"a;INJECTED.settings\"", "x/wsgi.py": "", "INJECTED x/wsgi.py": ""},
		"a project":       {"Shop\nRUN INJECTED.csproj": `<Project Sdk="Microsoft.NET.Sdk.Web"/>`, "x.csproj": `<Project Sdk="Microsoft.NET.Sdk.Web"><AssemblyName>a;INJECTED</AssemblyName></Project>`},
		"a crate":         {"Cargo.toml": "[package]\nname = \"a;INJECTED\"\ndefault-run = \"b c\"\n[[bin]]\nname = \"ok\"\n"},
		"an extension":    {"composer.json": `{"require": {"ext-a;INJECTED": "*", "ext-ok": "*"}}`, "index.php": ""},
		"a pom":           {"pom.xml": "<project><parent><groupId>org.springframework.boot</groupId></parent><properties><java.version>17 INJECTED</java.version></properties></project>"},
		"a Gemfile":       {"Gemfile": "gem 'puma'\nruby \"3.3\nINJECTED\"", "config.ru": ""},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for file, text := range files {
				tree[file] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
			}
			d, err := detect.Find(tree, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			file, err := generate.Dockerfile(d, []string{"A", "A", "B"})
			if err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("the error has several lines: %q", err)
				}
				return // it says what it cannot be told
			}
			checkDockerfile(t, d, file)
			checkWords(t, file)
			parsed, err := parser.Parse(strings.NewReader(file.Text))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range parsed.AST.Children {
				if n.Value != "CMD" && strings.Contains(n.Original, word) {
					t.Errorf("%q reached an instruction", n.Original)
				}
			}
			if got := strings.Count(file.Text, "\nARG A\n"); got != 1 {
				t.Errorf("ARG A is there %d times", got)
			}
		})
	}
}

// The names of variables are checked, and values have no way into the file.
func TestVariablesOfTheBuild(t *testing.T) {
	d, err := detect.Find(fstest.MapFS{"index.html": {}}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "A B", "A=B", "A\nRUN x", "$A", "1A", `A\`, "é"} {
		if file, err := generate.Dockerfile(d, []string{name}); err == nil || !strings.Contains(err.Error(), "is no name of a variable") {
			t.Errorf("%q: %v\n%s", name, err, file.Text)
		}
	}
}

// A source with a Dockerfile, or one that does not say enough, gets none.
func TestWhatGetsNoDockerfile(t *testing.T) {
	for text, want := range map[string]string{
		"-- Dockerfile --\nFROM scratch\n": "the source has a Dockerfile of its own: Dockerfile",
		"-- package.json --\n{}\n":         "nothing says how the app is started",
		"-- pom.xml --\n<project><packaging>pom</packaging><modules><module>a</module></modules></project>": "pom.xml builds other modules and is no app itself",
	} {
		d, err := detect.Find(treeOf(text), "", nil)
		if err == nil {
			_, err = generate.Dockerfile(d, nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// instruction is one that a generated Dockerfile may have.
var instruction = regexp.MustCompile(`^(FROM|RUN|COPY|ENV|WORKDIR|ARG|USER|EXPOSE|HEALTHCHECK|CMD)$`)

// checkWords holds a Dockerfile to the instructions that are ours.
func checkWords(t *testing.T, file generate.File) {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(file.Text))
	if err != nil {
		t.Fatalf("BuildKit cannot read it: %v\n%s", err, file.Text)
	}
	if parsed.EscapeToken != '\\' {
		t.Errorf("a comment is taken for a directive:\n%s", file.Text)
	}
	commands := 0
	for _, n := range parsed.AST.Children {
		words := arguments(n)
		switch {
		case !instruction.MatchString(n.Value):
			t.Errorf("%q is no instruction of ours:\n%s", n.Original, file.Text)
		case n.Value == "CMD":
			commands++
		case n.Value == "USER" && !slices.Contains([]string{"0:0", "65532:65532"}, words[0]):
			t.Errorf("the user is %q", words)
		}
		if len(n.Heredocs) > 0 {
			t.Errorf("%q has a text of its own", n.Original)
		}
	}
	if commands != 1 {
		t.Errorf("there are %d commands:\n%s", commands, file.Text)
	}
}

// FuzzDockerfile: whatever a tree says, looking at it ends, and what is written is one of our Dockerfiles.
func FuzzDockerfile(f *testing.F) {
	archive, err := txtar.ParseFile(filepath.Join("..", "..", "detect", "testdata", "trees.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	trees := map[string]*txtar.Archive{}
	for _, file := range archive.Files {
		name, local, _ := strings.Cut(file.Name, "/")
		if trees[name] == nil {
			trees[name] = &txtar.Archive{}
		}
		trees[name].Files = append(trees[name].Files, txtar.File{Name: local, Data: file.Data})
	}
	for _, tree := range trees {
		f.Add(string(txtar.Format(tree)), "", "")
	}
	f.Add("-- a/package.json --\n{\"scripts\": {\"start\": \"node x\"}}\n-- package.json --\n{\"workspaces\": [\"a\"]}\n-- pnpm-lock.yaml --\n-- turbo.json --\n", "a", "nextjs")
	f.Add("-- a/b/pom.xml --\n<project><parent><relativePath>../pom.xml</relativePath></parent></project>\n-- a/pom.xml --\n<project><modules><module>b</module></modules></project>\n", "a/b", "spring-boot")
	f.Add("-- a/Cargo.toml --\n[package]\nname = \"a\"\n-- Cargo.toml --\n[workspace]\n", "a", "")
	f.Add("-- package.json --\n{\"engines\": {\"node\": \">=1 <2 || ~=3.1 || ^4\"}, \"scripts\": {\"start\": \"a\\nb\"}}\n", "", "express")
	f.Fuzz(func(t *testing.T, text, dir, framework string) {
		files := treeOf(text)
		authored := &manifest.Build{}
		if slices.Contains(frameworks.All(), framework) {
			authored.Framework = framework
		}
		detect.Places(files, "")
		d, err := detect.Find(files, dir, authored)
		if err != nil {
			return
		}
		file, err := generate.Dockerfile(d, []string{"A"})
		if err != nil {
			return
		}
		checkDockerfile(t, d, file)
		checkWords(t, file)
	})
}
