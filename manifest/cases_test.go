package manifest

import (
	"flag"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what the tests find into the files under testdata")

// wantFile is the section of a case that says what must come out.
const wantFile = "want"

// testCase is one case of a txtar file: the sections whose names begin with the name of the case.
type testCase struct {
	name  string
	files map[string]string
	want  string
}

// runCases runs the cases of all txtar files that match: sections <case>/<path>, and <case>/want with what must come
// out. With -update the latter is written.
func runCases(t *testing.T, pattern string, run func(t *testing.T, c testCase) string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no cases (%v)", pattern, err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		theme := strings.TrimSuffix(path.Base(name), ".txtar")
		for _, c := range cases(archive) {
			t.Run(theme+"/"+c.name, func(t *testing.T) {
				got := run(t, c)
				if *update {
					setWant(archive, c.name, got)
				} else if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			})
		}
		if *update {
			if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func cases(archive *txtar.Archive) []testCase {
	var all []testCase
	for _, f := range archive.Files {
		name, file, _ := strings.Cut(f.Name, "/")
		i := slices.IndexFunc(all, func(c testCase) bool { return c.name == name })
		if i < 0 {
			i = len(all)
			all = append(all, testCase{name: name, files: map[string]string{}})
		}
		if file == wantFile {
			all[i].want = string(f.Data)
		} else {
			all[i].files[file] = string(f.Data)
		}
	}
	return all
}

func setWant(archive *txtar.Archive, name, got string) {
	section := name + "/" + wantFile
	at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == section })
	if at < 0 {
		last := 0
		for i, f := range archive.Files {
			if strings.HasPrefix(f.Name, name+"/") {
				last = i
			}
		}
		at = last + 1
		archive.Files = slices.Insert(archive.Files, at, txtar.File{Name: section})
	}
	archive.Files[at].Data = []byte(got)
}

// lines writes problems one a line, each with the field it names.
func lines(ps Problems) string {
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(p.String() + "\n")
		if p.Field != "" {
			b.WriteString("\tin " + p.Field + "\n")
		}
	}
	return b.String()
}
