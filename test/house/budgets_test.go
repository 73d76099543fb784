package house

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The limits of the tail. What is usual is far below: functions of some 60 lines, files of 400, interfaces of 4 methods.
const (
	maxFunctionLines    = 100
	maxFileLines        = 500
	maxInterfaceMethods = 6
	maxStructFields     = 15
	maxParameters       = 5 // the receiver is not counted, a context is
	maxTypeMethods      = 30
	maxPackageLines     = 3000 // tests left out
)

// larger are the packages that may have more lines than maxPackageLines, and how many.
var larger = map[string]int{
	// The nouns and what is said of them: words, checks, inference, parts, watched paths, values, signing all work on the kinds.
	"manifest": 4780,
	// One goroutine's memory: follower, sources, builds, runs, rollouts, releases and writer each own a part of it and touch
	// the others' through the project they all work on. What needs none of it is in config, decision, gate, gitops, release, worker.
	// What registries say of images and tags, and which sources are lost, is kept there too, by project, for decisions and verdicts are
	// made of it.
	"reconciler/loop": 4600,
}

func TestBudgets(t *testing.T) {
	all := slices.DeleteFunc(sources(t), source.isTest)
	for _, s := range all {
		for _, problem := range checkBudgets(s) {
			t.Error(problem)
		}
	}
	for _, problem := range append(checkMethods(all), checkSizes(all, larger)...) {
		t.Error(problem)
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
		{"parameters at the limit", "func (t T) f(ctx context.Context, a, b string, c int, _ bool) {}", nil},
		{"many parameters", "func f(ctx context.Context, a, b string, c int, _ bool, more ...int) {}",
			[]string{"x.go:2: f has 6 parameters (at most 5)"}},
		{"many parameters without names", "type I interface {\n\tM(int, int, int, int, int, int)\n}",
			[]string{"x.go:3: M has 6 parameters (at most 5)"}},
		{"a function literal with many parameters", "var f = func(a, b, c, d, e, f int) {}",
			[]string{"x.go:2: a function literal has 6 parameters (at most 5)"}},
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
			over(n, n.Name.Name, count(n.Type.Params), "parameters", maxParameters)
		case *ast.FuncLit:
			over(n, "a function literal", s.lines(n), "lines", maxFunctionLines)
			over(n, "a function literal", count(n.Type.Params), "parameters", maxParameters)
		case *ast.TypeSpec:
			switch body := n.Type.(type) {
			case *ast.InterfaceType:
				over(n, n.Name.Name, methods(s.file, body), "methods", maxInterfaceMethods)
				for _, m := range body.Methods.List {
					if method, _ := m.Type.(*ast.FuncType); method != nil {
						over(m, m.Names[0].Name, count(method.Params), "parameters", maxParameters)
					}
				}
			case *ast.StructType:
				over(n, n.Name.Name, count(body.Fields), "fields", maxStructFields)
			}
		}
		return true
	})
	return problems
}

// methods counts those of an interface, with those of the interfaces of the same file that it embeds. One embedded from
// elsewhere counts once.
func methods(file *ast.File, body *ast.InterfaceType) int {
	n := 0
	for _, m := range body.Methods.List {
		embedded, isName := m.Type.(*ast.Ident)
		if inner := interfaceCalled(file, embedded); isName && inner != nil {
			n += methods(file, inner)
			continue
		}
		n += max(1, len(m.Names))
	}
	return n
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

// count is how many fields or parameters a list has; one without a name, as an embedded one, counts once.
func count(list *ast.FieldList) int {
	n := 0
	for _, f := range list.List {
		n += max(1, len(f.Names))
	}
	return n
}

func TestCheckMethodsFindsTypesWithMany(t *testing.T) {
	file := func(path, receiver string, from, to int) source {
		text := "package x\n"
		for i := from; i < to; i++ {
			text += fmt.Sprintf("func (%s) m%d() {}\n", receiver, i)
		}
		return parse(t, path, text)
	}
	all := []source{
		file("gitstore/a.go", "*Store", 0, 20), file("gitstore/b.go", "s Store", 20, 31), file("gitstore/c.go", "p *Pack[K, V]", 0, 31),
		file("manifest/a.go", "Store", 0, 30), file("webhook/a.go", "Store", 0, 5),
	}
	want := []string{
		"gitstore: the type Pack has 31 methods (at most 30): give a part of it a type of its own",
		"gitstore: the type Store has 31 methods (at most 30): give a part of it a type of its own",
	}
	if diff := cmp.Diff(want, checkMethods(all)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// checkMethods returns which types have too many methods, over all files of their packages.
func checkMethods(all []source) []string {
	type place struct{ folder, name string }
	found := map[place]int{}
	for _, s := range all {
		for _, d := range s.file.Decls {
			if f, _ := d.(*ast.FuncDecl); f != nil && f.Recv != nil {
				found[place{path.Dir(s.path), receiver(f)}]++
			}
		}
	}
	var problems []string
	for at, n := range found {
		if n > maxTypeMethods {
			problems = append(problems, fmt.Sprintf("%s: the type %s has %d methods (at most %d): give a part of it a type of its own",
				at.folder, at.name, n, maxTypeMethods))
		}
	}
	slices.Sort(problems)
	return problems
}

// receiver is the name of the type that a method belongs to.
func receiver(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	for {
		switch inner := t.(type) {
		case *ast.StarExpr:
			t = inner.X
		case *ast.IndexExpr:
			t = inner.X
		case *ast.IndexListExpr:
			t = inner.X
		case *ast.Ident:
			return inner.Name
		default:
			return ""
		}
	}
}

func TestCheckSizesFindsLargeOnes(t *testing.T) {
	file := func(path string, lines int) source { return parse(t, path, "package x"+strings.Repeat("\n", lines)) }
	all := []source{
		file("gitstore/a.go", 3000), file("gitstore/b.go", 500), file("manifest/a.go", 2000), file("manifest/b.go", 1001),
		file("webhook/a.go", 3000),
	}
	want := []string{
		"gitstore has 3500 lines besides its tests, 3400 are the most: give a part of it a package of its own",
		"manifest has 3001 lines besides its tests, 3000 are the most: give a part of it a package of its own",
		"webhook is small enough by now: take it off the list of larger packages",
	}
	if diff := cmp.Diff(want, checkSizes(all, map[string]int{"gitstore": 3400, "webhook": 4000})); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// checkSizes returns which packages are too large, and which of the larger ones are not any more.
func checkSizes(all []source, larger map[string]int) []string {
	lines := map[string]int{}
	for _, s := range all {
		lines[path.Dir(s.path)] += s.set.File(s.file.FileStart).LineCount()
	}
	var problems []string
	for _, folder := range slices.Sorted(maps.Keys(lines)) {
		most := max(maxPackageLines, larger[folder])
		if lines[folder] > most {
			problems = append(problems, fmt.Sprintf("%s has %d lines besides its tests, %d are the most: give a part of it a package of its own",
				folder, lines[folder], most))
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(larger)) {
		if lines[folder] <= maxPackageLines {
			problems = append(problems, folder+" is small enough by now: take it off the list of larger packages")
		}
	}
	return problems
}
