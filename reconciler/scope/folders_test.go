package scope_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/plateform/plateform/reconciler/scope"
)

func TestGoFoldersOutside(t *testing.T) {
	const mod = "module example.com/app\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\n"
	for _, tt := range []struct {
		name, dir string
		files     map[string]string
		want      string
	}{
		{"nothing is replaced", "", map[string]string{"go.mod": mod}, ""},
		{"by a folder of the source", "api", map[string]string{"api/go.mod": mod + "replace example.com/lib => ../lib\n"}, ""},
		{"by another module", "", map[string]string{"go.mod": mod + "replace example.com/lib => example.com/fork v1.0.0\n"}, ""},
		{"by a folder beside the source", "", map[string]string{"go.mod": mod + "replace example.com/lib => ../lib\n"}, "go.mod:7: replace"},
		{"in a block", "", map[string]string{"go.mod": mod + "replace (\n\t// why\n\texample.com/lib v0.0.0 => ../../lib\n)\n"}, "go.mod:9: replace"},
		{"by a folder of the machine", "", map[string]string{"go.mod": mod + "replace example.com/lib => /srv/lib\n"}, "go.mod:7: replace"},
		{"out and in again", "", map[string]string{"go.mod": mod + "replace example.com/lib => ./a/../../lib\n"}, "go.mod:7: replace"},
		{"quoted", "", map[string]string{"go.mod": mod + "replace example.com/lib => \"../my lib\"\n"}, "go.mod:7: replace"},
		{"it is vendored", "", map[string]string{"go.mod": mod + "replace example.com/lib => ../lib\n", "vendor/modules.txt": "x"}, ""},
		{"it is vendored, and old", "", map[string]string{"go.mod": "module example.com/app\n\ngo 1.13\n\nreplace example.com/lib => ../lib\n", "vendor/modules.txt": "x"}, "go.mod:5: replace"},
		{"it is vendored, and says nothing of Go", "", map[string]string{"go.mod": "module example.com/app\n\nreplace example.com/lib => ../lib\n", "vendor/modules.txt": "x"}, "go.mod:3: replace"},
		{"it is vendored for a workspace", "", map[string]string{"go.mod": mod + "replace example.com/lib => ../lib\n", "vendor/modules.txt": "## workspace\n"}, "go.mod:7: replace"},
		{"it is vendored, and compiled in a workspace", "api", map[string]string{"go.work": "go 1.24\n\nuse ./api\n", "api/go.mod": mod + "replace example.com/lib => ../../lib\n", "api/vendor/modules.txt": "x"}, "api/go.mod:7: replace"},
		{"by a module above the program", "cmd/app", map[string]string{"go.mod": mod + "replace example.com/lib => ../lib\n"}, "go.mod:7: replace"},
		{"of a module that the program is not in", "api", map[string]string{"api/go.mod": mod, "other/go.mod": mod + "replace example.com/lib => ../../lib\n"}, ""},
		{"a workspace", "api", map[string]string{"go.work": "go 1.24\n\nuse (\n\t./api\n\t../lib\n)\n", "api/go.mod": mod}, "go.work:5: use"},
		{"a workspace that does not use the program", "api", map[string]string{"go.work": "go 1.24\n\nuse ../lib\n", "api/go.mod": mod}, ""},
		{"another module of the workspace", "api", map[string]string{"go.work": "go 1.24\n\nuse ./api\nuse ./lib\n", "api/go.mod": mod, "lib/go.mod": mod + "replace example.com/x => ../../x\n"}, "lib/go.mod:7: replace"},
		{"no module at all", "", map[string]string{"main.go": "package main\n"}, ""},
	} {
		files := fstest.MapFS{}
		for name, text := range tt.files {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		folders, err := scope.GoFolders(files, tt.dir)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		got := ""
		for _, f := range folders {
			if word, _, _ := strings.Cut(f.Directive, " "); f.Path == "" {
				got += fmt.Sprintf("%s:%d: %s", f.File, f.Line, word)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
