package localbuild_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/localbuild"
)

// program is one that says what it embeds.
const embedding = "package main\n\nimport _ \"embed\"\n\n//go:embed logo.png\nvar logo string\n\nfunc main() { println(logo) }\n"

// lfs is a pointer as Git LFS commits it.
const lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

// sourceWith makes a checkout without a .git. A name that ends with a slash is an empty folder, a content that begins with
// "-> " is a symlink.
func sourceWith(t *testing.T, files map[string]string) localbuild.Source {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "source")
	for name, content := range files {
		file := filepath.Join(dir, name)
		folder := filepath.Dir(file)
		if strings.HasSuffix(name, "/") {
			folder = file
		}
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		target, isLink := strings.CutPrefix(content, "-> ")
		var err error
		switch {
		case strings.HasSuffix(name, "/"):
		case isLink:
			err = os.Symlink(target, file)
		default:
			err = os.WriteFile(file, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return localbuild.Source{Root: dir}
}

// build builds a source, and returns what the tools said and the program, if it is one of Go.
func build(t *testing.T, src localbuild.Source) (log string, program []byte, err error) {
	t.Helper()
	d, err := localbuild.Detect(src, nil)
	if err != nil {
		return "", nil, err
	}
	var out bytes.Buffer
	work := t.TempDir()
	_, _, err = localbuild.Steps{Name: "one", Work: work, Cache: t.TempDir(), Log: &out}.Build(t.Context(), src, d, nil)
	if err == nil && d.Framework == "go" {
		if program, err = os.ReadFile(filepath.Join(work, "program")); err != nil {
			t.Fatal(err)
		}
	}
	return out.String(), program, err
}

func with2(files map[string]string, more map[string]string) map[string]string {
	for name, content := range more {
		files = with(files, name, content)
	}
	return files
}

func TestWhatAGoProgramNeedsAndIsNotThere(t *testing.T) {
	const cgo = "package main\n\nimport \"C\"\n\nfunc add() int { return 1 }\n"
	tests := []struct {
		name  string
		files map[string]string
		path  string
		// want is part of the Fault; empty when the program is built.
		want []string
	}{
		{"an embedded LFS pointer", map[string]string{"main.go": embedding, "logo.png": lfs}, "", []string{"logo.png is a Git LFS pointer", "commit the file itself"}},
		{"an LFS pointer that nothing reads", map[string]string{"docs/video.mp4": lfs, "logo.png": lfs}, "", nil},
		{"a program that is a pointer", map[string]string{"x.go": lfs}, "", []string{"x.go is a Git LFS pointer"}},
		{"pointers in an embedded folder", map[string]string{"main.go": strings.ReplaceAll(embedding, "logo.png\nvar logo string", "web\nvar logo embed.FS"), "web/a.png": lfs, "web/b.png": lfs, "web/index.html": "x"}, "",
			[]string{"web/a.png is a Git LFS pointer", "and 1 more"}},
		{"a text about LFS", map[string]string{"main.go": embedding, "logo.png": "version https://git-lfs.github.com/spec/v1 is what a pointer begins with, " + strings.Repeat("and so on ", 10)}, "", nil},
		{"a submodule that nothing reads", map[string]string{"themes/docs/": ""}, "", nil},
		{"an embedded submodule", map[string]string{"main.go": strings.ReplaceAll(embedding, "logo.png\nvar logo string", "web\nvar logo embed.FS"), "web/theme/": "", "web/index.html": "x"}, "",
			[]string{"web/theme is a submodule", "commit its files instead"}},
		{"a package in a submodule", map[string]string{"main.go": "package main\n\nimport _ \"example.com/hello/lib\"\n\nfunc main() {}\n", "lib/": ""}, "",
			[]string{"lib is a submodule"}},
		{"a module in a submodule", map[string]string{"go.mod": "module example.com/hello\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ./third/lib\n", "main.go": "package main\n\nimport _ \"example.com/lib\"\n\nfunc main() {}\n", "third/lib/": ""}, "",
			[]string{"third/lib is a submodule"}},
		{"the folder to build is a submodule", map[string]string{"svc/": ""}, "svc", []string{"svc is a submodule"}},
		{"cgo beside a program", map[string]string{"main.go": "package main\n\nfunc main() { println(add()) }\n", "c.go": cgo}, "", []string{`c.go imports "C"`, "compiled without cgo", "add a Dockerfile"}},
		{"a program of cgo alone", map[string]string{"main.go": "package main\n\nimport \"C\"\n\nfunc main() {}\n"}, "", []string{`main.go imports "C"`, "compiled without cgo"}},
		{"a package of cgo alone", map[string]string{"main.go": "package main\n\nimport _ \"example.com/hello/c\"\n\nfunc main() {}\n", "c/c.go": strings.ReplaceAll(cgo, "main", "c")}, "", []string{`c/c.go imports "C"`}},
		{"cgo that would be left out in silence", map[string]string{"c.go": cgo}, "", []string{`c.go imports "C"`, "compiled without cgo", "add a Dockerfile"}},
		{"likewise behind its preamble", map[string]string{"c.go": "package main\n\n/*\nint one(void);\n*/ import \"C\"\n"}, "", []string{`c.go imports "C"`}},
		{"likewise in one line with others", map[string]string{"c.go": "package main\n\nimport (_ \"fmt\"; \"C\")\n"}, "", []string{`c.go imports "C"`}},
		{"likewise in other quotes", map[string]string{"c.go": "package main\n\nimport `C`\n"}, "", []string{`c.go imports "C"`}},
		{"a text that is only C", map[string]string{"c.go": "package main\n\nvar notes = []string{\n\t\"C\",\n}\n"}, "", nil},
		{"likewise in a package", map[string]string{"main.go": "package main\n\nimport _ \"example.com/hello/c\"\n\nfunc main() {}\n", "c/c.go": strings.ReplaceAll(cgo, "main", "c"), "c/d.go": "package c\n"}, "", []string{`c/c.go imports "C"`}},
		{"cgo in a package that is not used", map[string]string{"c/c.go": strings.ReplaceAll(cgo, "main", "c"), "c/d.go": "package c\n"}, "", nil},
		{"cgo that says that it can be left out", map[string]string{"c.go": "//go:build cgo\n\n" + cgo}, "", nil},
		{"a mistake beside cgo elsewhere", map[string]string{"main.go": "package main\n\nimport _ \"example.com/hello/c\"\n\nfunc main() { nothing() }\n", "c/c.go": "//go:build cgo\n\n" + strings.ReplaceAll(cgo, "main", "c"), "c/d.go": "package c\n"}, "", []string{"undefined: nothing (mend the source and push)"}},
		{"an embedded link that leads nowhere", map[string]string{"main.go": embedding, "logo.png": "-> nowhere.png"}, "", []string{"logo.png is a symlink to \"nowhere.png\", which leads nowhere"}},
		{"a source file behind a link that leads out", map[string]string{"x.go": "-> ../../x.go"}, "", []string{"x.go is a symlink to \"../../x.go\", which leads out of the source"}},
		{"a package behind a link that leads nowhere", map[string]string{"main.go": "package main\n\nimport _ \"example.com/hello/lib\"\n\nfunc main() {}\n", "lib": "-> gone"}, "", []string{"lib is a symlink"}},
		{"go.mod is a link out", map[string]string{"go.mod": "-> ../../go.mod"}, "", []string{"go.mod is a symlink"}},
		{"the folder is a link out", map[string]string{"svc": "-> /etc"}, "svc", []string{"svc is a symlink to \"/etc\", which leads out"}},
		{"the folder is behind a link out", map[string]string{"svc": "-> /"}, "svc/etc", []string{"svc is a symlink"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := sourceWith(t, with2(hello, tt.files))
			src.Path = tt.path
			_, _, err := build(t, src)
			if len(tt.want) == 0 {
				if err != nil {
					t.Fatalf("it does not build: %v", err)
				}
				return
			}
			var fault *localbuild.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("error %v, want a fault of the source", err)
			}
			said := err.Error()
			if fault.Fix == "" {
				said += " (mend the source and push)"
			}
			for _, part := range tt.want {
				if !strings.Contains(said, part) {
					t.Errorf("it says %q, want %q in it", said, part)
				}
			}
		})
	}
}

// Links that nothing follows do not matter, whatever they are.
func TestLinksThatNothingFollows(t *testing.T) {
	links := map[string]string{
		"testdata/absolute": "-> /etc/hostname", "testdata/upward": "-> ../../../../etc/hostname", "testdata/dangling": "-> nowhere",
		"testdata/a": "-> b", "testdata/b": "-> a", "testdata/self": "-> self", "testdata/through": "-> f/x", "testdata/f": "a file",
		"testdata/out": "-> /", "testdata/far": "-> out/etc/hostname", "data": "-> /var", "x_test.go": "-> /etc/passwd",
		"testdata/inside": "-> ../go.mod", "up": "-> .",
	}
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		if _, _, err := build(t, sourceWith(t, with2(hello, links))); err != nil {
			t.Error(err)
		}
	})
	t.Run("a program in a folder", func(t *testing.T) {
		t.Parallel()
		src := sourceWith(t, with2(with2(hello, links), map[string]string{"svc/main.go": hello["main.go"]}))
		src.Path = "svc"
		if _, _, err := build(t, src); err != nil {
			t.Error(err)
		}
	})
	t.Run("links inside the source are followed", func(t *testing.T) {
		t.Parallel()
		src := sourceWith(t, with2(links, map[string]string{
			"go.mod": hello["go.mod"], "main.go": "package main\n\nimport \"example.com/hello/lib\"\n\nfunc main() { println(lib.Word + shared) }\n",
			"lib": "-> internal/lib", "internal/lib/lib.go": "package lib\n\nconst Word = \"found\"\n", "shared.go": "-> deep/shared.go", "deep/shared.go": "package main\n\nconst shared = \"too\"\n",
		}))
		if _, _, err := build(t, src); err != nil {
			t.Error(err)
		}
	})
}

// The go command is asked once which packages a program is made of, also when they are looked at before the compile and after it.
func TestPackagesAreListedOnce(t *testing.T) {
	real, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	calls, command := filepath.Join(dir, "calls"), filepath.Join(dir, "go")
	if err := os.WriteFile(command, []byte("#!/bin/sh\necho \"$1\" >>"+calls+"\nexec "+real+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	src := sourceWith(t, with2(hello, map[string]string{"docs/video.mp4": lfs, "main.go": "package main\n\nfunc main() { openWindow() }\n"}))
	d, err := localbuild.Detect(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = localbuild.Steps{Name: "one", Work: t.TempDir(), Cache: t.TempDir(), GoCommand: command}.Build(t.Context(), src, d, nil)
	if err == nil || !strings.Contains(err.Error(), "does not compile") {
		t.Errorf("the build ended with %v", err)
	}
	text, err := os.ReadFile(calls)
	if asked := strings.Count(string(text), "list\n"); err != nil || asked != 1 {
		t.Errorf("the packages were listed %d times (%v):\n%s", asked, err, text)
	}
}

// followEverything puts a container tool before all others that says what is in the files it is given, wherever they lead: what a
// build hands to a tool is seen on machines without one, too.
func followEverything(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	const script = `#!/bin/sh
[ "$1" = debug ] && exit 0
for word in "$@"; do
	case $word in
	context=*) context=${word#context=} ;;
	dockerfile=*) folder=${word#dockerfile=} ;;
	filename=*) name=${word#filename=} ;;
	esac
done
cat "$folder/$name" "$folder/$name.dockerignore" "$folder/$name.containerignore" "$context/.dockerignore" "$context/.containerignore" 2>/dev/null
exit 1
`
	if err := os.WriteFile(filepath.Join(dir, "buildctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// No link makes the builder read a file of this machine: not into a program, not into a message.
func TestNoLinkReadsThisMachine(t *testing.T) {
	const word = "Passw0rdOfThisMachine"
	outside := t.TempDir()
	writeFiles(t, outside, map[string]string{
		"secret.go": "package main\n\nconst secret = \"" + word + "\"\n", "secret.txt": word + "\n",
		"pkg/pkg.go": "package pkg\n\nconst Secret = \"" + word + "\"\n", "Dockerfile": "FROM " + strings.ToLower(word) + "\n", ".dockerignore": "[" + word + "\n",
		"go.mod": "module " + word + "\n",
	})
	uses := "package main\n\nimport \"example.com/hello/pkg\"\n\nfunc main() { println(pkg.Secret) }\n"
	chain := map[string]string{"main.go": uses, "pkg": "-> l0"}
	for i := range 20 {
		chain["l"+string(rune('0'+i))] = "-> l" + string(rune('0'+i+1))
	}
	chain["l"+string(rune('0'+20))] = "-> " + outside + "/pkg"
	tests := map[string]map[string]string{
		"a file of the program":     {"main.go": "package main\n\nfunc main() { println(secret) }\n", "secret.go": "-> " + outside + "/secret.go"},
		"a text for a program":      {"secret.go": "-> " + outside + "/secret.txt"},
		"a package":                 {"main.go": uses, "pkg": "-> " + outside + "/pkg"},
		"a file of a package":       {"main.go": uses, "pkg/pkg.go": "-> " + outside + "/pkg/pkg.go"},
		"a package behind links":    {"main.go": uses, "pkg": "-> way/pkg", "way": "-> there", "there": "-> " + outside},
		"a long chain":              chain,
		"relative":                  {"main.go": uses, "pkg": "-> ../../../../../../../../../.." + outside + "/pkg"},
		"by way of a folder":        {"main.go": uses, "a/b/up": "-> ../..", "pkg": "-> a/b/up/../../../../../../../../../.." + outside + "/pkg"},
		"an embedded file":          {"main.go": strings.ReplaceAll(embedding, "logo.png", "secret.txt"), "secret.txt": "-> " + outside + "/secret.txt"},
		"an embedded folder":        {"main.go": strings.ReplaceAll(embedding, "logo.png\nvar logo string", "all:web\nvar logo embed.FS"), "web": "-> " + outside},
		"inside an embedded one":    {"main.go": strings.ReplaceAll(embedding, "logo.png\nvar logo string", "all:web\nvar logo embed.FS"), "web/l": "-> " + outside + "/secret.txt", "web/x": "x"},
		"go.mod":                    {"go.mod": "-> " + outside + "/go.mod"},
		"go.work":                   {"go.work": "-> " + outside + "/secret.txt"},
		"go.sum":                    {"go.sum": "-> " + outside + "/secret.txt"},
		"vendor":                    {"main.go": uses, "vendor": "-> " + outside},
		"the Dockerfile":            {"Dockerfile": "-> " + outside + "/Dockerfile"},
		"the .dockerignore":         {"Dockerfile": "FROM scratch\nCOPY . .\n", ".dockerignore": "-> " + outside + "/.dockerignore"},
		"an ignore file of its own": {"Dockerfile": "FROM scratch\nCOPY . .\n", "Dockerfile.dockerignore": "-> " + outside + "/.dockerignore"},
	}
	followEverything(t)
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			log, program, err := build(t, sourceWith(t, with2(hello, files)))
			if err != nil {
				log += err.Error()
			}
			if strings.Contains(strings.ToLower(log), strings.ToLower(word)) {
				t.Errorf("it is told: %s", log)
			}
			if bytes.Contains(program, []byte(word)) {
				t.Error("it is in the program")
			}
		})
	}
}

// What COPY takes and .dockerignore leaves is what an image needs.
func TestWhatADockerfileNeedsAndIsNotThere(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		path  string
		want  []string
	}{
		{"all with a pointer", map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "assets/a.bin": lfs}, "", []string{"assets/a.bin is a Git LFS pointer", ".dockerignore"}},
		{"a folder with a pointer", map[string]string{"Dockerfile": "FROM scratch\nCOPY assets/ docs /x/\n", "assets/a.bin": lfs}, "", []string{"assets/a.bin"}},
		{"a pattern", map[string]string{"Dockerfile": "FROM scratch\nADD assets/*.bin /\n", "assets/a.bin": lfs}, "", []string{"assets/a.bin"}},
		{"the other form", map[string]string{"Dockerfile": "FROM scratch\nCOPY [\"assets\", \"/\"]\n", "assets/a.bin": lfs}, "", []string{"assets/a.bin"}},
		{"a variable", map[string]string{"Dockerfile": "FROM scratch\nARG from=assets\nCOPY $from /\n", "assets/a.bin": lfs}, "", []string{"assets/a.bin"}},
		{"a mount", map[string]string{"Dockerfile": "FROM scratch\nRUN --mount=type=bind,target=/src make\n", "assets/a.bin": lfs}, "", []string{"assets/a.bin"}},
		{"another folder", map[string]string{"Dockerfile": "FROM scratch\nCOPY src /\n", "src/x": "x", "assets/a.bin": lfs, "lib/": ""}, "", nil},
		{"of another stage", map[string]string{"Dockerfile": "FROM scratch AS a\nFROM scratch\nCOPY --from=a . /\n", "assets/a.bin": lfs}, "", nil},
		{"left out", map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", ".dockerignore": "# no\n**/*.bin\nlib\n", "assets/a.bin": lfs, "lib/": ""}, "", nil},
		{"left out and taken in again", map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", ".dockerignore": "assets\n!assets/a.bin\n", "assets/a.bin": lfs}, "", []string{"assets/a.bin"}},
		{"outside of the folder", map[string]string{"svc/Dockerfile": "FROM scratch\nCOPY . /\n", "assets/a.bin": lfs, "lib/": ""}, "svc", nil},
		{"inside of the folder", map[string]string{"svc/Dockerfile": "FROM scratch\nCOPY . /\n", "svc/a.bin": lfs}, "svc", []string{"svc/a.bin"}},
		{"a submodule", map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "lib/": ""}, "", []string{"lib is a submodule"}},
		{"a file of a submodule", map[string]string{"Dockerfile": "FROM scratch\nCOPY lib/x /\n", "lib/": ""}, "", []string{"lib is a submodule"}},
		{"links of all kinds", map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "a": "-> /etc/hostname", "b": "-> ../../x", "c": "-> c", "d": "-> nowhere"}, "", nil},
		{"a Dockerfile behind a link", map[string]string{"Dockerfile": "-> deploy/Dockerfile", "deploy/Dockerfile": "FROM scratch\n"}, "", nil},
		{"a Dockerfile behind a link that leads nowhere", map[string]string{"Dockerfile": "-> deploy/Dockerfile"}, "", []string{"Dockerfile is a symlink to \"deploy/Dockerfile\", which leads nowhere"}},
		{"an ignore file that leads out", map[string]string{"Dockerfile": "FROM scratch\n", ".dockerignore": "-> /etc/hostname"}, "", []string{".dockerignore is a symlink"}},
		{"an ignore file of its own that leads out", map[string]string{"svc/D": "FROM scratch\n", "svc/Dockerfile": "-> D", "svc/D.dockerignore": "-> /etc/hostname"}, "svc", []string{"svc/D.dockerignore is a symlink"}},
		{"likewise beside a Dockerfile behind a link", map[string]string{"Dockerfile": "-> deploy/Dockerfile", "deploy/Dockerfile": "FROM scratch\n", "deploy/Dockerfile.dockerignore": "-> /etc/hostname"}, "", []string{"deploy/Dockerfile.dockerignore is a symlink"}},
		{"likewise elsewhere", map[string]string{"svc/Dockerfile": "-> ../docker/D", "docker/D": "FROM scratch\n", "docker/D.containerignore": "-> /etc/hostname"}, "svc", []string{"docker/D.containerignore is a symlink"}},
		{"what the file beside it leaves out", map[string]string{"Dockerfile": "-> deploy/D", "deploy/D": "FROM scratch\nCOPY . /\n", "deploy/D.dockerignore": "**/*.bin\n", "assets/a.bin": lfs}, "", nil},
	}
	b := newToolbox(t)
	b.add(t, "docker", docker)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := sourceWith(t, tt.files)
			src.Path = tt.path
			_, _, err := build(t, src)
			if len(tt.want) == 0 && err != nil {
				t.Fatalf("it does not build: %v", err)
			}
			for _, part := range tt.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("error %v does not say %q", err, part)
				}
			}
		})
	}
	t.Run("what is not found behind a link is explained", func(t *testing.T) {
		b.add(t, "docker", `case "$*" in *" -f "*) echo 'ERROR: failed to compute cache key: "/config.json": not found' >&2; exit 1 ;; esac`+"\n")
		_, _, err := build(t, sourceWith(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY config.json /\n", "config.json": "-> ../config.json"}))
		if err == nil || !strings.Contains(err.Error(), `config.json is a symlink to "../config.json", which leads out of the source`) {
			t.Errorf("error %v", err)
		}
	})
}
