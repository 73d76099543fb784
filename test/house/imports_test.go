package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/plateform/plateform"

// goPackage is what the rules look at of a package, as `go list -json` prints it. Paths of this module are relative to
// its root.
type goPackage struct {
	ImportPath   string
	Name         string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// mayImport says what each layer may import of this module, besides packages of its own layer where it names itself.
// A pattern ending in / stands for everything below.
var mayImport = map[string][]string{
	"manifest":   {"manifest/"},
	"gitstore":   {"manifest", "gitstore/"},
	"webhook":    {"manifest", "webhook/"},
	"reconciler": {"manifest", "manifest/signing", "manifest/secret"},

	"reconciler/config":    {"manifest", "manifest/signing", "reconciler"},
	"reconciler/decision":  {"manifest", "manifest/repourl", "reconciler", "reconciler/config"},
	"reconciler/plan":      {"manifest", "manifest/signing", "manifest/secret", "reconciler/secrets", "reconciler", "reconciler/config", "reconciler/decision", "reconciler/gitops"},
	"reconciler/rights":    {"manifest", "manifest/signing", "manifest/repourl", "reconciler", "reconciler/config"},
	"reconciler/card":      {"manifest", "reconciler", "reconciler/plan"},
	"reconciler/change":    {"manifest", "manifest/repourl", "reconciler", "reconciler/config"},
	"reconciler/ledger":    {"manifest", "reconciler", "reconciler/config", "reconciler/decision"},
	"reconciler/api":       {"manifest", "reconciler", "reconciler/decision", "reconciler/rights", "reconciler/words", "reconciler/logline"},
	"reconciler/gitops":    {"manifest", "manifest/signing", "manifest/secret", "reconciler/secrets", "reconciler", "reconciler/config", "reconciler/decision", "reconciler/namespace"},
	"reconciler/release":   {"manifest", "manifest/signing", "manifest/secret", "reconciler/secrets", "reconciler", "reconciler/config", "reconciler/decision"},
	"reconciler/scan":      {"manifest", "reconciler"},
	"reconciler/scope":     {"manifest", "manifest/frameworks"},
	"reconciler/secrets":   {"manifest", "manifest/secret", "reconciler"},
	"reconciler/namespace": {"manifest", "manifest/strict"},
	"reconciler/blame":     {},
	"reconciler/health":    {"manifest", "reconciler"},
	"reconciler/live":      {"manifest", "reconciler", "reconciler/health"},
	"reconciler/rollout":   {"manifest", "reconciler", "reconciler/tenant"},
	"reconciler/pods":      {"manifest", "reconciler", "reconciler/health"},
	"reconciler/tenant":    {"manifest", "reconciler", "reconciler/health"},
	"reconciler/detect":    {"manifest", "manifest/frameworks", "reconciler/blame", "reconciler/dockerfile", "reconciler/scope"},

	"reconciler/dockerfile":          {},
	"reconciler/dockerfile/generate": {"manifest", "manifest/frameworks", "reconciler/blame", "reconciler/detect"},

	"reconciler/words":   {"manifest", "reconciler"},
	"reconciler/logline": {},
	"reconciler/queue":   {},
	"reconciler/gate":    {"manifest", "reconciler"},
	"reconciler/backlog": {"manifest", "reconciler"},
	"reconciler/worker":  {"manifest", "manifest/repourl", "reconciler", "reconciler/queue", "reconciler/words"},
	"reconciler/review": {"manifest", "manifest/signing", "manifest/secret", "reconciler", "reconciler/config", "reconciler/queue", "reconciler/worker", "reconciler/plan", "reconciler/card",
		"reconciler/rights", "reconciler/change", "reconciler/words"},
	"reconciler/loop": {"manifest", "manifest/signing", "manifest/secret", "reconciler/secrets", "reconciler", "reconciler/config", "reconciler/decision", "reconciler/gitops", "reconciler/release", "reconciler/queue", "reconciler/namespace",
		"reconciler/worker", "reconciler/backlog", "reconciler/plan", "reconciler/gate", "reconciler/runlog"},

	"adapter": {"manifest", "manifest/frameworks", "manifest/repourl", "manifest/secret", "reconciler/secrets", "gitstore", "gitstore/", "reconciler", "reconciler/scan", "reconciler/scope", "reconciler/words", "reconciler/namespace", // what a build reads, and what people read, is said once
		"reconciler/health", "reconciler/live", "reconciler/pods", "reconciler/rollout", "reconciler/tenant", // how objects in a cluster do, and namespaces there, which each engine of a cluster needs
		"reconciler/blame", "reconciler/detect", "reconciler/dockerfile", "reconciler/dockerfile/", "reconciler/logline"},
	// below an adapter
	"reconciler/github/deliveries":  {"reconciler/github/client", "reconciler/github/auth"},
	"reconciler/github/deployments": {"manifest", "reconciler", "reconciler/github/client", "reconciler/github/auth"},
	"reconciler/github/signin":      {"reconciler", "reconciler/github/client"},
	"reconciler/github/reviews":     {"manifest", "reconciler", "reconciler/github/client", "reconciler/github/auth"},
	"reconciler/github/auth":        {"manifest", "manifest/repourl", "reconciler", "reconciler/github/client"},

	"cmd":      {"manifest", "manifest/signing", "manifest/secret", "gitstore", "gitstore/", "webhook", "webhook/", "reconciler", "reconciler/", "schemas", "schemas/", "examples", "examples/", "cmd/"},
	"schemas":  {"manifest", "manifest/frameworks", "schemas", "schemas/"},
	"examples": {"manifest", "schemas", "examples", "examples/"},
	"test":     {"manifest", "manifest/frameworks", "manifest/signing", "manifest/secret", "gitstore", "gitstore/", "webhook", "webhook/", "reconciler", "reconciler/", "schemas", "examples", "test", "test/"},

	// below the command
	"cmd/plateform/terminal": {"manifest"},
	"cmd/plateform/feed":     {"manifest", "reconciler", "reconciler/words", "cmd/plateform/terminal"},
	"cmd/plateform/plantext": {"manifest", "reconciler", "reconciler/plan", "cmd/plateform/terminal"},
	"cmd/plateform/exit":     {"manifest", "reconciler/config"},
	"cmd/plateform/git":      {"gitstore/environment"},
	"cmd/plateform/checkout": {"manifest", "gitstore", "cmd/plateform/exit", "cmd/plateform/git", "cmd/plateform/terminal"},
	"cmd/plateform/up": {"manifest", "manifest/repourl", "gitstore", "reconciler", "reconciler/", "cmd/plateform/installation", "cmd/plateform/endpoint", "cmd/plateform/scaffold",
		"cmd/plateform/checkout", "cmd/plateform/claim", "cmd/plateform/feed", "cmd/plateform/terminal", "cmd/plateform/exit", "cmd/plateform/git"},
	"cmd/plateform/installation": {"cmd/plateform/crash", "manifest", "manifest/signing", "manifest/secret", "manifest/repourl", "gitstore", "gitstore/", "webhook", "reconciler", "reconciler/", "cmd/plateform/exit", "cmd/plateform/endpoint", "cmd/plateform/kubernetes", "cmd/plateform/operator", "cmd/plateform/standby", "cmd/plateform/metrics", "cmd/plateform/claim"},
	"cmd/plateform/metrics":      {"manifest", "webhook", "reconciler", "reconciler/backlog", "reconciler/loop", "cmd/plateform/standby"},
	"cmd/plateform/claim":        {"cmd/plateform/exit"},
	"cmd/plateform/standby":      {"webhook", "reconciler", "reconciler/lease", "cmd/plateform/exit"},
	"cmd/plateform/endpoint":     {},
	"cmd/plateform/crash":        {"manifest", "reconciler", "reconciler/loop"},
	"cmd/plateform/kubernetes":   {"manifest/secret", "reconciler", "reconciler/argocd", "reconciler/direct", "reconciler/pods", "reconciler/tenant"},
	"cmd/plateform/operator":     {},
	"cmd/plateform/watch":        {"manifest", "reconciler", "reconciler/api", "reconciler/logline", "cmd/plateform/installation", "cmd/plateform/operator", "cmd/plateform/terminal", "cmd/plateform/exit"},
	"cmd/plateform/job":          {"manifest", "gitstore", "reconciler", "reconciler/blame", "reconciler/jenkins", "reconciler/localbuild", "reconciler/registry", "cmd/plateform/exit", "cmd/plateform/source"},
	"cmd/plateform/logs":         {"manifest", "reconciler", "reconciler/jenkins", "reconciler/localbuild", "reconciler/logline", "cmd/plateform/installation", "cmd/plateform/exit"},
	"cmd/plateform/running":      {"manifest", "reconciler", "reconciler/api", "cmd/plateform/terminal", "cmd/plateform/watch"},
	"cmd/plateform/scaffold":     {"manifest", "manifest/signing", "manifest/secret", "schemas", "cmd/plateform/exit", "cmd/plateform/git"},
	"cmd/plateform/cluster":      {"cmd/plateform/installation", "cmd/plateform/scaffold", "cmd/plateform/exit"},
	// the story on GitHub needs one, and there is one: see docs/decisions.md
	"cmd/plateform/demo": {"manifest", "gitstore", "webhook", "reconciler", "reconciler/ledger", "reconciler/card", "reconciler/github/auth",
		"test/githubserver", "test/githubserver/forge", "test/githubserver/model",
		"cmd/plateform/installation", "cmd/plateform/endpoint", "cmd/plateform/scaffold", "cmd/plateform/terminal", "cmd/plateform/exit", "cmd/plateform/git"},
	"cmd/plateform/validation": {"manifest", "manifest/signing", "cmd/plateform/installation", "cmd/plateform/terminal"},
	"cmd/plateform/encrypt":    {"manifest", "manifest/secret", "reconciler/secrets", "cmd/plateform/exit", "cmd/plateform/terminal"},
	"cmd/plateform/source":     {"manifest", "gitstore", "reconciler/blame", "reconciler/detect", "reconciler/dockerfile/generate", "cmd/plateform/exit", "cmd/plateform/git"},
	"cmd/plateform/images":     {"manifest", "gitstore", "reconciler", "reconciler/registry", "cmd/plateform/installation", "cmd/plateform/terminal", "cmd/plateform/exit"},
	"cmd/plateform/doctor": {"manifest", "manifest/repourl", "manifest/secret", "gitstore", "gitstore/", "webhook", "reconciler", "reconciler/",
		"cmd/plateform/installation", "cmd/plateform/terminal", "cmd/plateform/exit", "cmd/plateform/git"},
}

// vague are package names that say nothing, and so collect everything.
var vague = []string{"util", "utils", "common", "types", "pkg", "helpers", "misc", "base", "shared"}

// topLevel are all folders there may be at the root of the repository.
var topLevel = []string{
	"reconciler", "manifest", "webhook", "gitstore", "cmd", "schemas", "examples", "test", "docs", ".ci", ".git", ".github",
	"bin", "dist", // made by make, ignored by Git
}

func TestImportsPointDown(t *testing.T) {
	for _, problem := range checkImports(listPackages(t)) {
		t.Error(problem)
	}
}

func TestTopLevelFolders(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(topLevel, e.Name()) {
			t.Errorf("folder %s: the top level is fixed (%s)", e.Name(), strings.Join(topLevel, " "))
		}
	}
}

func TestCheckImportsFindsWrongOnes(t *testing.T) {
	tests := []struct {
		name string
		pkg  goPackage
		want []string
	}{
		{"the nouns import nothing of ours", goPackage{ImportPath: "manifest", Imports: []string{"fmt", "gitstore"}},
			[]string{"manifest must not import gitstore"}},
		{"not even in a test", goPackage{ImportPath: "manifest", TestImports: []string{"gitstore"}},
			[]string{"the tests of manifest must not import gitstore"}},
		{"the nouns stand on what stands below them", goPackage{ImportPath: "manifest", Imports: []string{"manifest/strict"},
			TestImports: []string{"manifest/strict"}}, nil},
		{"which does not know them", goPackage{ImportPath: "manifest/strict", Imports: []string{"manifest"}, TestImports: []string{"manifest"}},
			[]string{"manifest/strict must not import manifest", "the tests of manifest/strict must not import manifest"}},
		{"nobody else does", goPackage{ImportPath: "reconciler", Imports: []string{"manifest/strict"}},
			[]string{"reconciler must not import manifest/strict"}},
		{"nor do parts of the store know the store", goPackage{ImportPath: "gitstore/pack", Imports: []string{"gitstore"}},
			[]string{"gitstore/pack must not import gitstore"}},
		{"a parent does not know its children", goPackage{ImportPath: "reconciler", Imports: []string{"manifest", "reconciler/jenkins"}},
			[]string{"reconciler must not import reconciler/jenkins"}},
		{"the loop does not know Git", goPackage{ImportPath: "reconciler", Imports: []string{"gitstore"}},
			[]string{"reconciler must not import gitstore"}},
		{"what decides does not know the loop", goPackage{ImportPath: "reconciler/decision", Imports: []string{"reconciler/loop"}},
			[]string{"reconciler/decision must not import reconciler/loop"}},
		{"the loop does not know an adapter", goPackage{ImportPath: "reconciler/loop", Imports: []string{"reconciler/gitforge"}},
			[]string{"reconciler/loop must not import reconciler/gitforge"}},
		{"what people are told does not read Git by itself", goPackage{ImportPath: "reconciler/ledger", Imports: []string{"reconciler/decision", "gitstore"}},
			[]string{"reconciler/ledger must not import gitstore"}},
		{"an edit does not know who tells of it", goPackage{ImportPath: "reconciler/change", Imports: []string{"reconciler/config", "reconciler/ledger"}},
			[]string{"reconciler/change must not import reconciler/ledger"}},
		{"adapters do not know each other", goPackage{ImportPath: "reconciler/github", Imports: []string{"reconciler", "gitstore", "reconciler/gitforge"}},
			[]string{"reconciler/github must not import reconciler/gitforge"}},
		{"nor do their tests", goPackage{ImportPath: "reconciler/github", XTestImports: []string{"reconciler/github", "reconciler/gitforge"}},
			[]string{"the tests of reconciler/github must not import reconciler/gitforge"}},
		{"tests run contract suites and small servers", goPackage{ImportPath: "reconciler/github",
			XTestImports: []string{"reconciler/github", "reconciler/forgetest", "test/gitserver"}}, nil},
		{"a package inside an adapter belongs to it", goPackage{ImportPath: "reconciler/jenkins", Imports: []string{"reconciler/jenkins/wire"}}, nil},
		{"a contract suite is for tests", goPackage{ImportPath: "reconciler/github", Imports: []string{"reconciler/forgetest"}},
			[]string{"reconciler/github must not import reconciler/forgetest"}},
		{"but for the story on GitHub, which needs one server", goPackage{ImportPath: "cmd/plateform/demo", Imports: []string{"test/githubserver", "test/gitserver"}},
			[]string{"cmd/plateform/demo must not import test/gitserver"}},
		{"the product does not need the tests", goPackage{ImportPath: "cmd/plateform", Imports: []string{"manifest", "test/gitserver"}},
			[]string{"cmd/plateform must not import test/gitserver"}},
		{"only cmd imports cmd", goPackage{ImportPath: "test/e2e", Imports: []string{"cmd/plateform"}},
			[]string{"test/e2e must not import cmd/plateform"}},
		{"what is shown on a terminal is not known there", goPackage{ImportPath: "cmd/plateform/terminal", Imports: []string{"manifest", "gitstore"}},
			[]string{"cmd/plateform/terminal must not import gitstore"}},
		{"what lies below the command does not know it", goPackage{ImportPath: "cmd/plateform/terminal", Imports: []string{"cmd/plateform"}},
			[]string{"cmd/plateform/terminal must not import cmd/plateform"}},
		{"what lies below the command is named here", goPackage{ImportPath: "cmd/plateform/everything"},
			[]string{"cmd/plateform/everything is in none of the layers"}},
		{"a name that says nothing", goPackage{ImportPath: "reconciler/util", Name: "util"},
			[]string{"reconciler/util: a package called util collects everything; name it after what it is for"}},
		{"an unknown layer", goPackage{ImportPath: "server"}, []string{"server is in none of the layers"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, checkImports([]goPackage{tt.pkg})); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// checkImports returns what is wrong with the imports and names of the packages.
func checkImports(packages []goPackage) []string {
	var problems []string
	for _, p := range packages {
		allowed, known := mayImport[layer(p.ImportPath)]
		if !known {
			problems = append(problems, p.ImportPath+" is in none of the layers")
			continue
		}
		if slices.Contains(vague, p.Name) {
			problems = append(problems, fmt.Sprintf(
				"%s: a package called %s collects everything; name it after what it is for", p.ImportPath, p.Name))
		}
		for _, imported := range p.Imports {
			if ours(imported) && !within(p.ImportPath, imported) && !allows(allowed, imported, isTestPackage(p.ImportPath)) {
				problems = append(problems, fmt.Sprintf("%s must not import %s", p.ImportPath, imported))
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if ours(imported) && imported != p.ImportPath && !within(p.ImportPath, imported) && !testMayImport(p.ImportPath, allowed, imported) {
				problems = append(problems, fmt.Sprintf("the tests of %s must not import %s", p.ImportPath, imported))
			}
		}
	}
	return problems
}

// layer of a package by its path. What lies below the command is a layer by itself.
func layer(importPath string) string {
	if _, named := mayImport[importPath]; named || strings.HasPrefix(importPath, "cmd/plateform/") {
		return importPath
	}
	first, rest, _ := strings.Cut(importPath, "/")
	if first == "reconciler" && rest != "" {
		return "adapter"
	}
	return first
}

// ours says that a package belongs to this module; only those have a layer's name in front.
func ours(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	_, known := mayImport[first]
	return known
}

// within says that a package lies below an adapter, and so belongs to it.
func within(adapter, importPath string) bool {
	return layer(adapter) == "adapter" && strings.HasPrefix(importPath, adapter+"/")
}

// isTestPackage says that a package is there for tests only: a contract suite or a small server.
func isTestPackage(importPath string) bool {
	return strings.HasPrefix(importPath, "test/") || strings.HasSuffix(path.Base(importPath), "test")
}

// allows says that what is imported is on the list; what is for tests is for those that are for tests themselves.
func allows(allowed []string, imported string, byTest bool) bool {
	if isTestPackage(imported) {
		return byTest || slices.Contains(allowed, imported)
	}
	return slices.ContainsFunc(allowed, func(pattern string) bool {
		return imported == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(imported, pattern)
	})
}

// testMayImport says what a test may import besides: contract suites, the small servers, the store, and the schemas.
// manifest stays alone, and adapters apart.
func testMayImport(importPath string, allowed []string, imported string) bool {
	if layer(importPath) == "manifest" {
		return allows(allowed, imported, false)
	}
	return allows(append(slices.Clone(allowed), "gitstore", "schemas", "examples"), imported, true)
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-e", "-tags", "e2e",
		"-json=ImportPath,Name,Imports,TestImports,XTestImports", "./...")
	list.Dir = root
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("reading what go list says: %v", err)
		}
		packages = append(packages, relative(p))
	}
	if len(packages) == 0 {
		t.Fatal("go list finds no package")
	}
	return packages
}

// relative cuts the module's path off, and leaves packages of others alone.
func relative(p goPackage) goPackage {
	p.ImportPath = strings.TrimPrefix(p.ImportPath, module+"/")
	for _, imports := range [][]string{p.Imports, p.TestImports, p.XTestImports} {
		for i, imported := range imports {
			imports[i] = strings.TrimPrefix(imported, module+"/")
		}
	}
	return p
}
