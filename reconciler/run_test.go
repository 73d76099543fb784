package reconciler_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler"
)

// diagram is the one in the package's comment: stages that follow each other, those of them from which a run may end in
// another way, and these ends.
type diagram struct {
	chain, left, ends []reconciler.Stage
}

// readDiagram reads the diagram of doc.go: a line with the chain, a line with a bar below each stage that may be left for
// an end, and a line that names the ends.
func readDiagram(t *testing.T) diagram {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var d diagram
	lines := strings.Split(file.Doc.Text(), "\n")
	for i, line := range lines {
		if strings.Count(line, " → ") < 2 {
			continue
		}
		for _, name := range strings.Split(strings.TrimSpace(line), " → ") {
			d.chain = append(d.chain, reconciler.Stage(name))
			from := utf8.RuneCountInString(line[:strings.Index(line, name)])
			below := []rune(lines[i+1])
			if to := from + utf8.RuneCountInString(name); from < len(below) && slices.Contains(below[from:min(to, len(below))], '│') {
				d.left = append(d.left, reconciler.Stage(name))
			}
		}
		_, ends, found := strings.Cut(lines[i+2], "─→ ")
		if !found {
			t.Fatalf("below the stages, %q names no ends", lines[i+2])
		}
		for _, name := range strings.Split(ends, ", ") {
			d.ends = append(d.ends, reconciler.Stage(name))
		}
		return d
	}
	t.Fatal("doc.go has no diagram of the stages")
	return d
}

// allows says whether a run may go from one stage to another, as the diagram has it.
func (d diagram) allows(from, to reconciler.Stage) bool {
	at := slices.Index(d.chain, from)
	switch {
	case at < 0:
		return false
	case slices.Contains(d.ends, to):
		return slices.Contains(d.left, from)
	}
	return slices.Index(d.chain, to) > at
}

// terminal says that a run ends with a stage.
func (d diagram) terminal(s reconciler.Stage) bool {
	return slices.Contains(d.ends, s) || s == d.chain[len(d.chain)-1]
}

// state is one that a report of a stage has.
func (d diagram) state(s reconciler.Stage) reconciler.State {
	switch {
	case s == reconciler.StageFailed:
		return reconciler.StateFailure
	case d.terminal(s):
		return reconciler.StateSuccess
	}
	return reconciler.StatePending
}

func TestStagesInTheDocumentation(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "run.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []reconciler.Stage
	ast.Inspect(file, func(n ast.Node) bool {
		spec, _ := n.(*ast.ValueSpec)
		if spec == nil {
			return true
		}
		if kind, _ := spec.Type.(*ast.Ident); kind == nil || kind.Name != "Stage" {
			return true
		}
		name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		declared = append(declared, reconciler.Stage(name))
		return true
	})
	d := readDiagram(t)
	if diff := cmp.Diff(declared, append(slices.Clone(d.chain), d.ends...)); diff != "" {
		t.Errorf("stages (-run.go +doc.go):\n%s", diff)
	}
}

func TestRunsGoAsTheDocumentationSays(t *testing.T) {
	d := readDiagram(t)
	all := append(slices.Clone(d.chain), d.ends...)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, from := range all {
		for _, to := range all {
			var run reconciler.Run
			var said []reconciler.Statement
			for _, stage := range []reconciler.Stage{from, to} {
				run.Take(reconciler.Report{Stage: stage, State: d.state(stage), At: at})
				statement := reconciler.Statement{Stage: stage, State: d.state(stage), At: at}
				said = append(said, reconciler.News(said, []reconciler.Statement{statement})...)
			}
			want := []reconciler.Stage{from}
			if d.allows(from, to) {
				want = append(want, to)
			}
			var entered, told []reconciler.Stage
			for _, entry := range run.Stages {
				entered = append(entered, entry.Stage)
			}
			for _, statement := range said {
				told = append(told, statement.Stage)
			}
			if diff := cmp.Diff(want, entered); diff != "" {
				t.Errorf("from %s to %s, a run enters (-documented +entered):\n%s", from, to, diff)
			}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("from %s to %s, people are told (-documented +told):\n%s", from, to, diff)
			}
			if last := want[len(want)-1]; (run.Verdict != nil) != d.terminal(last) {
				t.Errorf("from %s to %s, the verdict is %v", from, to, run.Verdict)
			}
		}
	}
}

func TestARunEndsOnce(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var run reconciler.Run
	ended := reconciler.Report{
		Stage: reconciler.StageUpdatingGitOps, State: reconciler.StateSuccess, Outcome: reconciler.OutcomeRuns, At: at,
		Release: reconciler.ReleaseFacts{Version: "v1.0.0"},
	}
	run.Take(ended)
	want := run
	for _, stage := range []reconciler.Stage{reconciler.StageSynced, reconciler.StageDeployed, reconciler.StageFailed} {
		run.Take(reconciler.Report{Stage: stage, State: reconciler.StateFailure, At: at.Add(time.Minute)})
	}
	if diff := cmp.Diff(want, run); diff != "" {
		t.Errorf("after its end the run has changed (-before +after):\n%s", diff)
	}
}
