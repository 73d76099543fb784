package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root of the repository, seen from this package.
const root = "../.."

// source is one parsed Go file.
type source struct {
	path string // relative to the root
	set  *token.FileSet
	file *ast.File
}

// isTest says that the file is no part of the product.
func (s source) isTest() bool {
	return strings.HasSuffix(s.path, "_test.go") || strings.HasPrefix(s.path, "test/") || isTestPackage(filepath.Dir(s.path))
}

func (s source) line(p token.Pos) int { return s.set.Position(p).Line }

// lines the node takes.
func (s source) lines(n ast.Node) int { return s.line(n.End()) - s.line(n.Pos()) + 1 }

// parse reads one file of Go.
func parse(t *testing.T, path string, content any) source {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, filepath.Join(root, path), content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parsing %s: %v", path, err)
	}
	return source{path: path, set: set, file: file}
}

// sources parses every Go file of the repository that was written by hand. testdata is left out, and so are apps with a
// module of their own.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && (leftOut(d.Name()) || hasModule(path)) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if s := parse(t, filepath.ToSlash(relative), nil); !ast.IsGenerated(s.file) {
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("there is no Go file")
	}
	return all
}

func leftOut(folder string) bool {
	return strings.HasPrefix(folder, ".") || slices.Contains([]string{"testdata", "bin", "dist"}, folder)
}

func hasModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}
