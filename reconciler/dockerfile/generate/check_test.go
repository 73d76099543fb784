package generate_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/dockerfile/generate"
)

// fixed is an image with its registry and a tag that says more than "the newest".
var fixed = regexp.MustCompile(`^(docker\.io|mcr\.microsoft\.com)/[a-z0-9./-]+:[0-9][a-z0-9.-]*$`)

// checkDockerfile holds a Dockerfile to what each of ours has: BuildKit reads it, its images are fixed, what is installed is in
// layers of its own where the app says by which files, and the last stage has a user without rights, a port, a health check
// and a command.
func checkDockerfile(t *testing.T, d detect.Detection, file generate.File) {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(file.Text))
	if err != nil {
		t.Fatalf("BuildKit cannot read it: %v\n%s", err, file.Text)
	}
	stages := stagesOf(parsed.AST)
	if len(stages) < 2 {
		t.Errorf("there is one stage alone:\n%s", file.Text)
	}
	for _, base := range file.Bases {
		if !fixed.MatchString(base) {
			t.Errorf("%s is no fixed image", base)
		}
	}
	checkStages(t, stages, file)
	if app := d.App; len(app.Manifests) > 0 {
		all := strings.Index(file.Text, "\nCOPY . .\n")
		manifests := strings.Index(file.Text, app.Manifests[0])
		if manifests < 0 || manifests > all || !strings.Contains(file.Text[manifests:all], "\nRUN ") {
			t.Errorf("nothing is installed between the manifests and the rest:\n%s", file.Text)
		}
	}
}

// stage is a FROM and what follows on it, as BuildKit took it apart.
type stage struct {
	base, name string
	// last is the last instruction of each kind, by its name.
	last map[string]*parser.Node
}

func stagesOf(ast *parser.Node) []stage {
	var stages []stage
	for _, n := range ast.Children {
		kind := strings.ToUpper(n.Value)
		if kind != "FROM" {
			stages[len(stages)-1].last[kind] = n // one before any FROM is a defect
			continue
		}
		s := stage{base: n.Next.Value, last: map[string]*parser.Node{}}
		if as := n.Next.Next; as != nil {
			s.name = as.Next.Value
		}
		stages = append(stages, s)
	}
	return stages
}

// arguments are the words of an instruction.
func arguments(n *parser.Node) []string {
	var words []string
	for n = n.Next; n != nil; n = n.Next {
		words = append(words, n.Value)
	}
	return words
}

func checkStages(t *testing.T, stages []stage, file generate.File) {
	t.Helper()
	names := map[string]bool{}
	for _, s := range stages {
		if !names[s.base] && !slices.Contains(file.Bases, s.base) {
			t.Errorf("the base %s is not told of", s.base)
		}
		names[s.name] = true
	}
	end := stages[len(stages)-1].last
	for _, kind := range []string{"USER", "EXPOSE", "HEALTHCHECK", "CMD"} {
		if end[kind] == nil {
			t.Fatalf("the last stage has no %s:\n%s", kind, file.Text)
		}
	}
	if user := arguments(end["USER"]); len(user) != 1 || user[0] != "65532:65532" {
		t.Errorf("the user is %q", user)
	}
	if ports := arguments(end["EXPOSE"]); len(ports) != 1 {
		t.Errorf("the ports are %q", ports)
	}
	for _, kind := range []string{"HEALTHCHECK", "CMD"} {
		if !end[kind].Attributes["json"] || len(arguments(end[kind])) == 0 {
			t.Errorf("a shell reads %s %q", kind, arguments(end[kind]))
		}
	}
}
