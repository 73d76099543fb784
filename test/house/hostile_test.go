package house

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/hostile.md says which test shows what. In its last column names of tests follow their package.
var (
	evidence    = regexp.MustCompile(`(?m)^\|.*\| ([^|]+) \|$`)
	namedTest   = regexp.MustCompile("(?:([a-z0-9/]+): )?`([A-Za-z0-9]+)(?:/([a-z]+))?`")
	hasEvidence = regexp.MustCompile("(?m)^\\|.*`(?:Test|Fuzz)[^|]* \\|$")
)

func TestTestsNamedInHostileAreThere(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "hostile.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOf(sources(t))
	rows := evidence.FindAllStringSubmatch(string(page), -1)
	if found := hasEvidence.FindAllString(string(page), -1); len(found) < 40 {
		t.Fatalf("only %d rows name a test: the page has another form than this test reads", len(found))
	}
	for _, row := range rows {
		folder := ""
		for _, m := range namedTest.FindAllStringSubmatch(row[1], -1) {
			if m[1] != "" {
				folder = m[1]
			}
			if !tests[folder+": "+m[2]] {
				t.Errorf("docs/hostile.md names %s of %s, which is no test there", m[2], folder)
			}
			script := filepath.Join(root, folder, "testdata", "script", m[3]+".txtar")
			if _, err := os.Stat(script); m[3] != "" && err != nil {
				t.Errorf("docs/hostile.md names %s/%s: %v", m[2], m[3], err)
			}
		}
	}
}

// testsOf are the tests and fuzz targets, as package: name.
func testsOf(all []source) map[string]bool {
	tests := map[string]bool{}
	for _, s := range all {
		if !strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
				tests[path.Dir(s.path)+": "+f.Name.Name] = true
			}
		}
	}
	return tests
}
