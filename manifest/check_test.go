package manifest

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// checkout is the checkout of testdata/validate/base, in which nothing is wrong, with some files added, replaced, or
// removed where they are empty.
func checkout(t *testing.T, files map[string]string) fstest.MapFS {
	t.Helper()
	all := fstest.MapFS{}
	base := os.DirFS("testdata/validate/base")
	err := fs.WalkDir(base, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(base, name)
		all[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if content == "" {
			delete(all, name)
			continue
		}
		all[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return all
}

// validate is what `plateform validate` does.
func validate(fsys fs.FS) Problems {
	config, ps := Load(fsys)
	return LocateIn(fsys, append(slices.Clone(ps), config.Validate()...))
}

// TestValidate runs the cases of testdata/validate: the files of a case over those of a checkout in which nothing is
// wrong.
func TestValidate(t *testing.T) {
	runCases(t, "testdata/validate/*.txtar", func(t *testing.T, c testCase) string {
		ps := validate(checkout(t, c.files))
		for _, p := range ps {
			if p.What == "" || p.Fix == "" {
				t.Errorf("the problem %v says too little", p)
			}
		}
		return lines(ps)
	})
}

// A program cannot be given any amount of text: it is told where it is written, and not when the program starts.
func TestVariablesThatNoProgramCanBeGiven(t *testing.T) {
	const longest = 128<<10 - len("LONG=") - 1
	for _, tt := range []struct {
		name, env string
		want      int
	}{
		{"as long as can be", "    - {name: LONG, value: \"" + strings.Repeat("x", longest) + "\"}\n", 0},
		{"longer", "    - {name: LONG, value: \"" + strings.Repeat("x", longest+1) + "\"}\n", 1},
		{"more than a release could hold twice", strings.Repeat("    - {name: LONG, value: \""+strings.Repeat("x", longest)+"\"}\n", 2), 1},
		{"a byte that ends it", "    - {name: A, value: \"a\\0b\"}\n", 1},
		{"a character that YAML loses", "    - {name: A, value: \"a\\u0085b\"}\n", 1},
	} {
		text := "apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: blog}\nspec:\n  type: monolithic\n  image: ghost:5\n  env:\n"
		lines := strings.SplitAfter(tt.env, "\n")
		for i, line := range lines[:len(lines)-1] {
			text += strings.Replace(line, "name: LONG", fmt.Sprintf("name: LON%c", 'A'+i), 1)
		}
		ps := validate(checkout(t, map[string]string{"workspaces/ws-2/projects/blog/project.yaml": text}))
		if len(ps) != tt.want {
			t.Errorf("%s: %d problems, want %d: %.500v", tt.name, len(ps), tt.want, ps)
		}
		for _, p := range ps {
			if p.Line == 0 && p.What[:8] != "the file" || len(p.String()) > 400 {
				t.Errorf("%s: at line %d: %.500s", tt.name, p.Line, p.String())
			}
		}
	}
}
