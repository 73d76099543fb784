package house

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docs/architecture.md names every package, what each imports, and functions that are there.
func TestArchitectureIsAsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	packages := listPackages(t)
	problems := checkPackagesNamed(string(page), packages)
	problems = append(problems, checkPicture(string(page), packages)...)
	problems = append(problems, checkNames(string(page), names(sources(t)))...)
	for _, problem := range problems {
		t.Errorf("docs/architecture.md: %s", problem)
	}
}

// The comment of package loop says what a pass does, in order, and who reports which stage.
func TestLoopIsAsDocumented(t *testing.T) {
	all := sources(t)
	loop, words := packageComment(t, all, "reconciler/loop"), packageComment(t, all, "reconciler")
	for _, problem := range checkNames(quoteNames(loop), names(all)) {
		t.Errorf("the comment of reconciler/loop: %s", problem)
	}
	if diagram := diagramOf(words); diagram == "" || diagram != diagramOf(loop) {
		t.Errorf("the comments of reconciler and reconciler/loop draw different stages:\n%s\n%s", diagram, diagramOf(loop))
	}
	var stages []string
	for _, name := range firstWords(loop, "Here is who reports") {
		stages = append(stages, strings.TrimSuffix(name, ","))
	}
	if diff := cmp.Diff(stagesOf(all), stages); diff != "" {
		t.Errorf("stages that somebody reports (-there +in the comment of reconciler/loop):\n%s", diff)
	}
	if diff := cmp.Diff(passOf(t, all), firstWords(loop, "A pass (session.pass)")); diff != "" {
		t.Errorf("steps of a pass (-there +in the comment of reconciler/loop):\n%s", diff)
	}
}

func TestCheckArchitectureFindsWhatIsNotThere(t *testing.T) {
	const page = "```\n│ cmd/plateform  all  → loop\n│ reconciler/loop  doing  → decision, queue\n│ reconciler/decision  pure  →\n```\n" +
		"In `reconciler/gone` there is `loop.Run`, `loop.gone`, `session.pass`, `loop.Options`, `Options.Log`, `Options.Gone`; `run.yaml` is a file.\n"
	packages := []goPackage{
		{ImportPath: "cmd/plateform", Imports: []string{"fmt", "manifest", "reconciler/loop"}},
		{ImportPath: "reconciler/loop", Imports: []string{"reconciler", "reconciler/decision", "reconciler/worker"}},
		{ImportPath: "reconciler/decision", Imports: []string{"reconciler/config"}},
		{ImportPath: "reconciler/worker"},
	}
	code := parse(t, "reconciler/loop/x.go", "package loop\nfunc Run() {}\ntype session struct{}\nfunc (s *session) pass() {}\ntype Options struct { Log, Clock int }")
	want := []string{
		"there is no package reconciler/gone",
		"it does not name the package reconciler/worker",
		"reconciler/decision imports config; the picture says nothing",
		"reconciler/loop imports decision, worker; the picture says decision, queue",
		"there is no loop.gone",
		"there is no Options.Gone",
	}
	got := checkPackagesNamed(page, packages)
	got = append(got, checkPicture(page, packages)...)
	got = append(got, checkNames(page, names([]source{code}))...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// aPackage matches what is a path of this module, and aName what is a name in its code.
var (
	aPackage = regexp.MustCompile(`(?:│ |\x60)((?:manifest|gitstore|webhook|reconciler|cmd|schemas|examples|test)(?:/[a-z0-9/]+)?)(?:\x60| )`)
	aName    = regexp.MustCompile("`([A-Za-z]+)\\.([A-Za-z]+)`")
	aLine    = regexp.MustCompile(`(?m)^│ (\S+) .* →(.*)$`)
)

// checkPackagesNamed returns which packages a page names that are not there, and which it does not name.
func checkPackagesNamed(page string, packages []goPackage) []string {
	var problems []string
	named := map[string]bool{}
	for _, m := range aPackage.FindAllStringSubmatch(page, -1) {
		named[m[1]] = true
	}
	there := map[string]bool{}
	for _, p := range packages {
		there[p.ImportPath] = true
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if info, err := os.Stat(filepath.Join(root, name)); !there[name] && (err != nil || !info.IsDir()) {
			problems = append(problems, "there is no package "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if !named[name] {
			problems = append(problems, "it does not name the package "+name)
		}
	}
	return problems
}

// checkPicture returns which imports in the picture of a page are not those that are there.
func checkPicture(page string, packages []goPackage) []string {
	picture := map[string]string{}
	for _, m := range aLine.FindAllStringSubmatch(page, -1) {
		picture[m[1]] = strings.TrimSpace(m[2])
	}
	var problems []string
	for _, p := range packages {
		said, drawn := picture[p.ImportPath]
		if !drawn {
			continue
		}
		var imports []string
		for _, imported := range p.Imports {
			if ours(imported) && imported != "manifest" && imported != "reconciler" && !isTestPackage(imported) {
				imports = append(imports, path.Base(imported))
			}
		}
		slices.Sort(imports)
		sorted := strings.Split(said, ", ")
		slices.Sort(sorted)
		if there := strings.Join(imports, ", "); there != strings.Join(sorted, ", ") {
			problems = append(problems, fmt.Sprintf("%s imports %s; the picture says %s", p.ImportPath, orNothing(there), orNothing(said)))
		}
	}
	slices.Sort(problems)
	return problems
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// checkNames returns which names between backticks are not there. Names of files are left out.
func checkNames(page string, there map[string]bool) []string {
	var problems []string
	for _, m := range aName.FindAllStringSubmatch(page, -1) {
		name := m[1] + "." + m[2]
		if !there[name] && !slices.Contains([]string{"yaml", "md", "go", "json"}, m[2]) {
			problems = append(problems, "there is no "+name)
		}
	}
	return problems
}

// names are all that code declares: package.Name, Type.method and Type.Field.
func names(all []source) map[string]bool {
	there := map[string]bool{}
	for _, s := range all {
		pkg := s.file.Name.Name
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					there[pkg+"."+d.Name.Name] = true
				} else {
					there[receiver(d)+"."+d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					declared(spec, pkg, there)
				}
			}
		}
	}
	return there
}

func declared(spec ast.Spec, pkg string, there map[string]bool) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			there[pkg+"."+name.Name] = true
		}
	case *ast.TypeSpec:
		there[pkg+"."+spec.Name.Name] = true
		var inside *ast.FieldList
		switch body := spec.Type.(type) {
		case *ast.StructType:
			inside = body.Fields
		case *ast.InterfaceType:
			inside = body.Methods
		default:
			return
		}
		for _, f := range inside.List {
			for _, name := range f.Names {
				there[spec.Name.Name+"."+name.Name] = true
			}
		}
	}
}

// packageComment is what a package says of itself.
func packageComment(t *testing.T, all []source, folder string) string {
	t.Helper()
	for _, s := range all {
		if path.Dir(s.path) == folder && s.file.Doc != nil {
			return s.file.Doc.Text()
		}
	}
	t.Fatalf("%s has no comment", folder)
	return ""
}

// quoteNames puts the names in a comment between backticks, as a page has them.
func quoteNames(comment string) string {
	return regexp.MustCompile(`\b([A-Za-z]+\.[A-Za-z]+)\b`).ReplaceAllString(comment, "`$1`")
}

// diagramOf is the stages of a run as a comment draws them.
func diagramOf(comment string) string {
	_, rest, _ := strings.Cut(comment, "\n\tqueued → ")
	diagram, _, _ := strings.Cut(rest, "\n\n")
	return diagram
}

// firstWords are what the lines of the list begin with that follows some words of a comment: all up to two spaces.
func firstWords(comment, after string) []string {
	_, rest, _ := strings.Cut(comment, after)
	_, list, _ := strings.Cut(rest, "\n\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var words []string
	for line := range strings.Lines(list) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		words = append(words, word)
	}
	return words
}

// stagesOf are the stages of a run, in the order of their constants.
func stagesOf(all []source) []string {
	var stages []string
	for _, s := range all {
		if s.path != "reconciler/run.go" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if spec, _ := n.(*ast.ValueSpec); spec != nil && strings.HasPrefix(spec.Names[0].Name, "Stage") {
				stages = append(stages, literal(spec.Values[0]))
			}
			return true
		})
	}
	return stages
}

// passOf are the steps of a pass: the methods in its list, and conclude, which comes after them.
func passOf(t *testing.T, all []source) []string {
	t.Helper()
	var steps []string
	for _, s := range all {
		if path.Dir(s.path) != "reconciler/loop" || s.isTest() {
			continue
		}
		for _, d := range s.file.Decls {
			f, _ := d.(*ast.FuncDecl)
			if f == nil || f.Recv == nil || receiver(f) != "session" || f.Name.Name != "pass" {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if list, _ := n.(*ast.CompositeLit); list != nil {
					for _, e := range list.Elts {
						if method, _ := e.(*ast.SelectorExpr); method != nil {
							steps = append(steps, method.Sel.Name)
						}
					}
				}
				return true
			})
		}
	}
	if len(steps) == 0 {
		t.Fatal("session.pass has no list of steps")
	}
	return append(steps, "conclude")
}
