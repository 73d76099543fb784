package scope_test

import (
	"testing"
	"testing/fstest"

	"github.com/plateform/plateform/reconciler/scope"
)

func TestLeadingOut(t *testing.T) {
	const mod = "module example.com/app\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\n"
	for _, tt := range []struct {
		name, dir string
		files     map[string]string
		want      string
	}{
		{"nothing is replaced", "", map[string]string{"go.mod": mod}, ""},
		{"by a folder of the source", "api", map[string]string{"api/go.mod": mod + "replace example.com/lib => ../lib\n"}, ""},
		{"by another module", "", map[string]string{"go.mod": mod + "replace example.com/lib => example.com/fork v1.0.0\n"}, ""},
		{"by a folder beside the source", "", map[string]string{"go.mod": mod + "replace example.com/lib => ../lib\n"}, "go.mod:7: replace ../lib leads out of the repository"},
		{"in a block", "", map[string]string{"go.mod": mod + "replace (\n\t// why\n\texample.com/lib v0.0.0 => ../../lib\n)\n"}, "go.mod:9: replace ../../lib leads out of the repository"},
		{"by a folder of the machine", "", map[string]string{"go.mod": mod + "replace example.com/lib => /srv/lib\n"}, "go.mod:7: replace /srv/lib leads out of the repository"},
		{"out and in again", "", map[string]string{"go.mod": mod + "replace example.com/lib => ./a/../../lib\n"}, "go.mod:7: replace ./a/../../lib leads out of the repository"},
		{"quoted", "", map[string]string{"go.mod": mod + "replace example.com/lib => \"../my lib\"\n"}, "go.mod:7: replace ../my lib leads out of the repository"},
		{"it is vendored", "", map[string]string{"go.mod": mod + "replace example.com/lib => ../lib\n", "vendor/modules.txt": "x"}, ""},
		{"it is vendored, and old", "", map[string]string{"go.mod": "module example.com/app\n\ngo 1.13\n\nreplace example.com/lib => ../lib\n", "vendor/modules.txt": "x"}, "go.mod:5: replace ../lib leads out of the repository"},
		{"by a module above the program", "cmd/app", map[string]string{"go.mod": mod + "replace example.com/lib => ../lib\n"}, "go.mod:7: replace ../lib leads out of the repository"},
		{"of a module that the program is not in", "api", map[string]string{"api/go.mod": mod, "other/go.mod": mod + "replace example.com/lib => ../../lib\n"}, ""},
		{"a workspace", "api", map[string]string{"go.work": "go 1.24\n\nuse (\n\t./api\n\t../lib\n)\n", "api/go.mod": mod}, "go.work:5: use ../lib leads out of the repository"},
		{"a workspace that does not use the program", "api", map[string]string{"go.work": "go 1.24\n\nuse ../lib\n", "api/go.mod": mod}, ""},
		{"another module of the workspace", "api", map[string]string{"go.work": "go 1.24\n\nuse ./api\nuse ./lib\n", "api/go.mod": mod, "lib/go.mod": mod + "replace example.com/x => ../../x\n"}, "lib/go.mod:7: replace ../../x leads out of the repository"},
		{"no module at all", "", map[string]string{"main.go": "package main\n"}, ""},
	} {
		files := fstest.MapFS{}
		for name, text := range tt.files {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		out, err := scope.LeadingOut(files, tt.dir)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		got := ""
		if out != nil {
			got = out.String()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
