package house

import (
	"fmt"
	"go/ast"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestManners(t *testing.T) {
	for _, s := range sources(t) {
		for _, problem := range checkManners(s) {
			t.Error(problem)
		}
	}
}

func TestCheckMannersFindsBadOnes(t *testing.T) {
	tests := []struct {
		name, path, code string
		want             []string
	}{
		{"a test that sleeps", "gitstore/x_test.go", "func f() { time.Sleep(time.Second) }",
			[]string{"gitstore/x_test.go:2: a test must not sleep: poll until a deadline"}},
		{"a small server that sleeps", "test/gitserver/x.go", "func f() { time.Sleep(1) }",
			[]string{"test/gitserver/x.go:2: a test must not sleep: poll until a deadline"}},
		{"a contract suite that sleeps", "reconciler/forgetest/x.go", "var sleep = time.Sleep",
			[]string{"reconciler/forgetest/x.go:2: a test must not sleep: poll until a deadline"}},
		{"a skip that does not say why", "gitstore/x_test.go", "func f(t *testing.T) { t.Skip() }",
			[]string{"gitstore/x_test.go:2: a skipped test must say why: t.Skip(\"because ...\")"}},
		{"a skip that says nothing", "gitstore/x_test.go", "func f(t *testing.T) { t.Skip(\"\") }",
			[]string{"gitstore/x_test.go:2: a skipped test must say why: t.Skip(\"because ...\")"}},
		{"a skip that cannot say why", "gitstore/x_test.go", "func f(t *testing.T) { t.SkipNow() }",
			[]string{"gitstore/x_test.go:2: a skipped test must say why: t.Skip(\"because ...\")"}},
		{"a skip with a reason", "gitstore/x_test.go", "func f(t *testing.T) { t.Skipf(\"no %s here\", \"git\") }", nil},
		{"work left for later", "gitstore/x.go", "// TODO: the rest", []string{"gitstore/x.go:2: work left for later: do it or leave it out"}},
		{"things done on import", "gitstore/x.go", "func init() { }",
			[]string{"gitstore/x.go:2: init works behind everybody's back: call it from where it is needed"}},
		{"a method called init", "gitstore/x.go", "func (s *store) init() { }", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(t, tt.path, "package x\n"+tt.code)
			if diff := cmp.Diff(tt.want, checkManners(s)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

var leftForLater = regexp.MustCompile(`\b(` + "TO" + `DO|FIX` + `ME|XXX)\b`)

// checkManners returns what is done in a file that is not done here.
func checkManners(s source) []string {
	var problems []string
	say := func(n ast.Node, text string) {
		problems = append(problems, fmt.Sprintf("%s:%d: %s", s.path, s.line(n.Pos()), text))
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				say(n, "init works behind everybody's back: call it from where it is needed")
			}
		case *ast.SelectorExpr:
			if x, _ := n.X.(*ast.Ident); s.isTest() && x != nil && x.Name == "time" && n.Sel.Name == "Sleep" {
				say(n, "a test must not sleep: poll until a deadline")
			}
		case *ast.CallExpr:
			if s.isTest() && skipsSilently(n) {
				say(n, `a skipped test must say why: t.Skip("because ...")`)
			}
		}
		return true
	})
	for _, group := range s.file.Comments {
		for _, comment := range group.List {
			if leftForLater.MatchString(comment.Text) {
				say(comment, "work left for later: do it or leave it out")
			}
		}
	}
	return problems
}

// skipsSilently says that a call skips a test without a reason.
func skipsSilently(call *ast.CallExpr) bool {
	method, _ := call.Fun.(*ast.SelectorExpr)
	if method == nil {
		return false
	}
	switch method.Sel.Name {
	case "SkipNow":
		return true
	case "Skip", "Skipf":
		receiver, _ := method.X.(*ast.Ident)
		if receiver == nil || !testValue.MatchString(receiver.Name) {
			return false
		}
		text, isText := first(call.Args).(*ast.BasicLit)
		return len(call.Args) == 0 || isText && text.Value == `""`
	}
	return false
}

// testValue matches the names that a *testing.T, B, F or TB usually has.
var testValue = regexp.MustCompile(`^(t|b|f|tb)$`)

func first(args []ast.Expr) ast.Expr {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}
