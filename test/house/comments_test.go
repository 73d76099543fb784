package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		for _, problem := range checkComments(s) {
			t.Error(problem)
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	for _, problem := range checkPackageComments(sources(t)) {
		t.Error(problem)
	}
}

func TestCheckCommentsFindsMissingOnes(t *testing.T) {
	tests := []struct {
		name, code string
		want       []string
	}{
		{"a function", "func F() {}", []string{"x.go:2: F has no comment"}},
		{"a comment about something else", "// G does it.\nfunc F() {}", []string{"x.go:3: the comment of F does not begin with its name"}},
		{"a documented function", "// F does it.\nfunc F() {}", nil},
		{"an article before the name", "// A T is one.\ntype T int", nil},
		{"a function of the package's own", "func f() {}", nil},
		{"a type", "type T int", []string{"x.go:2: T has no comment"}},
		{"a group of types", "// Some types.\ntype (\n\tA int\n\t// B is one.\n\tB int\n)", []string{"x.go:4: A has no comment"}},
		{"a method", "// T is one.\ntype T int\nfunc (t *T) M() {}", []string{"x.go:4: T.M has no comment"}},
		{"methods that everybody knows", "// T is one.\ntype T int\nfunc (T) Error() string { return \"\" }\nfunc (T) String() string { return \"\" }\nfunc (T) Unwrap() error { return nil }", nil},
		{"a method of a type of the package's own", "type t int\nfunc (t) M() {}", nil},
		{"a method of an interface", "// I is one.\ntype I interface {\n\tM()\n\t// N does it.\n\tN()\n\tString() string\n}",
			[]string{"x.go:4: I.M has no comment"}},
		{"a constant", "const C = 1", []string{"x.go:2: C has no comment"}},
		{"a constant that was renamed", "// c is one.\nconst C = 1", []string{"x.go:3: the comment of C does not begin with its name"}},
		{"a group of constants with a comment", "// The constants.\nconst (\n\tC = 1\n\tD = 2\n)", nil},
		{"a group without", "const (\n\tC = 1\n\t// D is the other.\n\tD = 2\n\tE = 3 // the last\n)", []string{"x.go:3: C has no comment"}},
		{"a variable", "var c, V = 1, 2", []string{"x.go:2: V has no comment"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, checkComments(parse(t, "x.go", "package x\n"+tt.code))); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckPackageCommentsFindsMissingOnes(t *testing.T) {
	all := []source{
		parse(t, "a/a.go", "package a"), parse(t, "a/doc.go", "// Package a is one.\npackage a"),
		parse(t, "b/b.go", "// Package c is another.\npackage b"),
		parse(t, "c/c_test.go", "package c_test"),
		parse(t, "cmd/d/d.go", "// Command d does it.\npackage main"),
	}
	want := []string{
		"b: no comment begins with \"Package b\": say in a file what the package is for",
		"c: no comment begins with \"Package c\": say in a file what the package is for",
	}
	if diff := cmp.Diff(want, checkPackageComments(all)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// checkPackageComments returns which packages do not say what they are for.
func checkPackageComments(all []source) []string {
	documented := map[string]bool{}
	names := map[string]string{}
	for _, s := range all {
		folder, name := path.Dir(s.path), strings.TrimSuffix(s.file.Name.Name, "_test")
		names[folder] = "Package " + name
		if name == "main" {
			names[folder] = "Command " + path.Base(folder)
		}
		documented[folder] = documented[folder] || strings.HasPrefix(s.file.Doc.Text(), names[folder])
	}
	var problems []string
	for folder, name := range names {
		if !documented[folder] {
			problems = append(problems, fmt.Sprintf("%s: no comment begins with %q: say in a file what the package is for", folder, name))
		}
	}
	slices.Sort(problems)
	return problems
}

// wellKnown are methods whose names say all that there is to say.
var wellKnown = []string{"Error", "String", "Unwrap", "Is", "MarshalJSON", "UnmarshalJSON", "MarshalYAML", "UnmarshalYAML"}

// checkComments returns which exported names of a file have no comment that is about them. Fields of structs are left to
// who writes them.
func checkComments(s source) []string {
	var problems []string
	say := func(n ast.Node, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s:%d: ", s.path, s.line(n.Pos()))+fmt.Sprintf(format, args...))
	}
	about := func(n ast.Node, name string, comment *ast.CommentGroup) {
		last := name[strings.LastIndex(name, ".")+1:]
		switch text := comment.Text(); {
		case text == "":
			say(n, "%s has no comment", name)
		case !beginsWith(text, last):
			say(n, "the comment of %s does not begin with its name", name)
		}
	}
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if name := exportedName(d); name != "" {
				about(d.Name, name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					checkType(spec, d, about)
				case *ast.ValueSpec:
					checkValues(spec, d, about)
				}
			}
		}
	}
	return problems
}

// beginsWith says that a comment's first words are the name.
func beginsWith(text, name string) bool {
	for _, article := range []string{"A ", "An ", "The "} {
		text = strings.TrimPrefix(text, article)
	}
	rest, found := strings.CutPrefix(text, name)
	return found && strings.IndexFunc(rest, func(r rune) bool { return r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }) != 0
}

// exportedName is the name of a function or method that other packages may call; empty for others, and for methods whose
// name says it all.
func exportedName(f *ast.FuncDecl) string {
	switch name := f.Name.Name; {
	case !f.Name.IsExported():
		return ""
	case f.Recv == nil:
		return name
	case !token.IsExported(receiver(f)) || slices.Contains(wellKnown, name):
		return ""
	}
	return receiver(f) + "." + f.Name.Name
}

type aboutFunc func(n ast.Node, name string, comment *ast.CommentGroup)

func checkType(spec *ast.TypeSpec, group *ast.GenDecl, about aboutFunc) {
	if !spec.Name.IsExported() {
		return
	}
	comment := spec.Doc
	if !group.Lparen.IsValid() {
		comment = group.Doc
	}
	about(spec.Name, spec.Name.Name, comment)
	body, _ := spec.Type.(*ast.InterfaceType)
	if body == nil {
		return
	}
	for _, m := range body.Methods.List {
		for _, name := range m.Names {
			if name.IsExported() && !slices.Contains(wellKnown, name.Name) {
				about(name, spec.Name.Name+"."+name.Name, m.Doc)
			}
		}
	}
}

// checkValues is content with a comment on the group, above the values or behind them. One above a value that stands
// alone is about that value.
func checkValues(spec *ast.ValueSpec, group *ast.GenDecl, about aboutFunc) {
	if name := spec.Names[0]; name.IsExported() && len(spec.Names) == 1 && !group.Lparen.IsValid() && group.Doc != nil {
		about(name, name.Name, group.Doc)
	}
	for _, name := range spec.Names {
		if name.IsExported() && group.Doc == nil && spec.Doc == nil && spec.Comment == nil {
			about(name, name.Name, nil)
		}
	}
}
