package localbuild_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// A program is compiled with nothing but its source: a folder of this machine that a go.mod or go.work names is refused, with
// the line that names it.
func TestAGoProgramIsCompiledWithItsSourceOnly(t *testing.T) {
	const word = "WordOfThisMachine"
	outside := t.TempDir()
	writeFiles(t, outside, map[string]string{
		"lib/go.mod": "module example.com/lib\n\ngo 1.24\n", "lib/lib.go": "package lib\n\nconst Word = \"" + word + "\"\n",
	})
	lib := outside + "/lib"
	up := strings.Repeat("../", 30) + strings.TrimPrefix(lib, "/")
	program := map[string]string{
		"go.mod":  "module example.com/app\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n",
		"main.go": "package main\n\nimport \"example.com/lib\"\n\nfunc main() { println(lib.Word) }\n",
	}
	module := func(replaces string) map[string]string {
		return map[string]string{"go.mod": program["go.mod"] + replaces}
	}
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"absolute", module("\nreplace example.com/lib => " + lib + "\n"), "go.mod:7: \"replace example.com/lib => " + lib + `" leads out of the repository`},
		{"upwards", module("replace (\n\n\texample.com/lib v0.0.0 => " + up + "\n)\n"), "go.mod:8: "},
		{"quoted", module("replace\t\"example.com/lib\"  => `" + lib + "`// here\n"), "go.mod:6: "},
		{"up and in again", module("replace example.com/lib => ./a/../../" + filepath.Base(outside) + "\n"), "go.mod:6: "},
		{"by a symlink", with(module("replace example.com/lib => ./lib\n"), "lib", "-> "+lib), `go.mod:6: "replace example.com/lib => ./lib" leads out of the repository: lib is a symlink to`},
		{"below a symlink", with(module("replace example.com/lib => ./vendored/lib\n"), "vendored", "-> "+outside), "go.mod:6: "},
		{"go.mod is a symlink", map[string]string{"go.mod": "-> other.mod", "other.mod": module("replace example.com/lib => " + lib + "\n")["go.mod"]}, "go.mod:6: "},
		{"a workspace", map[string]string{"go.work": "go 1.24\n\nuse (\n\t.\n\t" + lib + "\n)\n"}, "go.work:5: \"use " + lib + `" leads out of the repository`},
		{"a workspace, by a symlink", map[string]string{"go.work": "go 1.24\n\nuse .\nuse ./lib\n", "lib": "-> " + lib}, "go.work:4: "},
		{"a workspace replaces", map[string]string{"go.work": "go 1.24\n\nuse .\nreplace example.com/lib => " + lib + "\n"}, "go.work:4: "},
		{"another module of the workspace", map[string]string{
			"go.work": "go 1.24\n\nuse .\nuse ./x\n", "x/go.mod": "module example.com/x\n\ngo 1.24\n\nreplace example.com/lib => " + lib + "\n",
		}, "x/go.mod:5: "},
		{"too large to be looked at", module("replace example.com/lib => " + lib + "\n// " + strings.Repeat("x", 1<<20) + "\n"), "larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, binary, err := build(t, sourceWith(t, with2(program, tt.files)))
			if bytes.Contains(binary, []byte(word)) {
				t.Error("a file of this machine is in the program")
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error is %v, want one with %s", err, tt.want)
			}
		})
	}
}

// Neither a go.work above the source nor a setting of this machine has a part in a build.
func TestNothingOfTheMachineIsCompiledIn(t *testing.T) {
	const word = "WordOfThisMachine"
	src := sourceWith(t, map[string]string{
		"go.mod":  "module example.com/app\n\ngo 1.24\n",
		"main.go": "package main\n\nfunc main() { println(word) }\n",
		"word.go": "//go:build !mine\n\npackage main\n\nconst word = \"of the source\"\n",
		"mine.go": "//go:build mine\n\npackage main\n\nconst word = \"" + word + "\"\n",
	})
	above := filepath.Dir(src.Root)
	writeFiles(t, above, map[string]string{
		"go.work": "go 1.24\n\nuse ./source\n\nthis is no statement\n",
		"go.mod":  "module example.com/above\n\nno statement either\n", "other.mod": "module example.com/other\n",
		"env": "GOFLAGS=-tags=mine\n",
	})
	for name, value := range map[string]string{
		"GOWORK": filepath.Join(above, "go.work"), "GOFLAGS": "-tags=mine -modfile=" + filepath.Join(above, "other.mod"), "GOENV": filepath.Join(above, "env"),
		"GOOS": "plan9", "GOEXPERIMENT": "nothing", "CGO_ENABLED": "1", "GOTOOLCHAIN": "go9.99.9", "GO111MODULE": "off", "GOROOT": above,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			log, binary, err := build(t, src)
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			if bytes.Contains(binary, []byte(word)) || !bytes.Contains(binary, []byte("of the source")) {
				t.Error("a setting of this machine changed the program")
			}
		})
	}
}
