package doctor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// Whatever is not fine comes with how to mend it.
func TestEachTroubleHasAFix(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	looked, set := 0, token.NewFileSet()
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(set, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is {
				return true
			}
			if name, is := call.Fun.(*ast.Ident); is && len(call.Args) == 3 && slices.Contains([]string{"warn", "fail", "broken"}, name.Name) {
				looked++
				if fix, is := call.Args[2].(*ast.BasicLit); is && fix.Value == `""` {
					t.Errorf("%s: it has no fix", set.Position(call.Pos()))
				}
			}
			return true
		})
	}
	if looked < 20 {
		t.Errorf("%d diagnoses were looked at", looked)
	}
}
