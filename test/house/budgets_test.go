package house

import (
	"fmt"
	"go/ast"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The limits of the tail. What is usual is far below: functions of some 60 lines, files of 400, interfaces of 4 methods.
const (
	maxFunctionLines    = 100
	maxFileLines        = 500
	maxInterfaceMethods = 6
	maxStructFields     = 15
)

func TestBudgets(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, problem := range checkBudgets(s) {
			t.Error(problem)
		}
	}
}

func TestCheckBudgetsFindsWhatIsTooLarge(t *testing.T) {
	repeat := func(n int, format string) (text string) {
		for i := range n {
			text += fmt.Sprintf(format, i) + "\n"
		}
		return text
	}
	tests := []struct {
		name, code string
		want       []string
	}{
		{"a function at the limit", "func f() {\n" + repeat(98, "_ = %d") + "}", nil},
		{"a long function", "func f() {\n" + repeat(99, "_ = %d") + "}",
			[]string{"x.go:2: f has 101 lines (at most 100)"}},
		{"a long method", "type T int\nfunc (T) f() {\n" + repeat(99, "_ = %d") + "}",
			[]string{"x.go:3: f has 101 lines (at most 100)"}},
		{"a long function literal", "var f = func() {\n" + repeat(99, "_ = %d") + "}",
			[]string{"x.go:2: a function literal has 101 lines (at most 100)"}},
		{"a wide interface", "type I interface {\n" + repeat(7, "M%d()") + "}",
			[]string{"x.go:2: I has 7 methods (at most 6)"}},
		{"an interface widened by another", "type I interface {\n J\n" + repeat(6, "M%d()") + "}\ntype J interface { N() }",
			[]string{"x.go:2: I has 7 methods (at most 6)"}},
		{"a wide struct", "type S struct {\n" + repeat(14, "F%d int") + "a, b int\n}",
			[]string{"x.go:2: S has 16 fields (at most 15)"}},
		{"a long file", repeat(499, "// %d") + "var x = 0",
			[]string{"x.go: 501 lines (at most 500): split it by what it does"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(t, "x.go", "package x\n"+tt.code)
			if diff := cmp.Diff(tt.want, checkBudgets(s)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// checkBudgets returns what is too large in a file.
func checkBudgets(s source) []string {
	var problems []string
	over := func(n ast.Node, what string, size int, unit string, limit int) {
		if size > limit {
			problems = append(problems, fmt.Sprintf("%s:%d: %s has %d %s (at most %d)", s.path, s.line(n.Pos()), what, size, unit, limit))
		}
	}
	if lines := s.line(s.file.FileEnd - 1); lines > maxFileLines {
		problems = append(problems, fmt.Sprintf("%s: %d lines (at most %d): split it by what it does", s.path, lines, maxFileLines))
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			over(n, n.Name.Name, s.lines(n), "lines", maxFunctionLines)
		case *ast.FuncLit:
			over(n, "a function literal", s.lines(n), "lines", maxFunctionLines)
		case *ast.TypeSpec:
			switch body := n.Type.(type) {
			case *ast.InterfaceType:
				over(n, n.Name.Name, methods(s.file, body), "methods", maxInterfaceMethods)
			case *ast.StructType:
				over(n, n.Name.Name, fields(body), "fields", maxStructFields)
			}
		}
		return true
	})
	return problems
}

// methods counts those of an interface, with those of the interfaces of the same file that it embeds. One embedded from
// elsewhere counts once.
func methods(file *ast.File, body *ast.InterfaceType) int {
	count := 0
	for _, m := range body.Methods.List {
		embedded, isName := m.Type.(*ast.Ident)
		if inner := interfaceCalled(file, embedded); isName && inner != nil {
			count += methods(file, inner)
			continue
		}
		count += max(1, len(m.Names))
	}
	return count
}

func interfaceCalled(file *ast.File, name *ast.Ident) *ast.InterfaceType {
	if name == nil {
		return nil
	}
	for _, d := range file.Decls {
		general, _ := d.(*ast.GenDecl)
		if general == nil {
			continue
		}
		for _, spec := range general.Specs {
			if named, _ := spec.(*ast.TypeSpec); named != nil && named.Name.Name == name.Name {
				body, _ := named.Type.(*ast.InterfaceType)
				return body
			}
		}
	}
	return nil
}

// fields counts those of a struct; an embedded one counts once.
func fields(body *ast.StructType) int {
	count := 0
	for _, f := range body.Fields.List {
		count += max(1, len(f.Names))
	}
	return count
}
