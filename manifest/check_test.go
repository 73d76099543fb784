package manifest

import (
	"io/fs"
	"os"
	"slices"
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
