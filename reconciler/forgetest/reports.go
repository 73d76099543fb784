package forgetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

func report(commit, project string, state reconciler.State, stage reconciler.Stage, outcome reconciler.Outcome) reconciler.Report {
	return reconciler.Report{
		Subject: reconciler.Subject{
			Project: manifest.Key{Workspace: "ws-1", Project: project}, Commit: commit, Cause: manifest.CauseConfig,
		},
		State: state, Stage: stage, Outcome: outcome,
		Release: reconciler.ReleaseFacts{Version: "v1.0.1", Before: "v1.0.0"},
		At:      time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}
}

func queued(commit, project string) reconciler.Report {
	return report(commit, project, reconciler.StatePending, reconciler.StageQueued, reconciler.OutcomeWaiting)
}

func building(commit, project string, stage reconciler.Stage) reconciler.Report {
	r := report(commit, project, reconciler.StatePending, stage, reconciler.OutcomeBuilding)
	r.Build = reconciler.BuildFacts{ID: "build-of-" + project, What: "9fceb02d0a"}
	return r
}

func deployed(commit, project string) reconciler.Report {
	return report(commit, project, reconciler.StateSuccess, reconciler.StageDeployed, reconciler.OutcomeRuns)
}

func buildFailed(commit, project, id string) reconciler.Report {
	r := report(commit, project, reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeBuildFailed)
	r.Build, r.Detail = reconciler.BuildFacts{ID: id, What: "9fceb02d0a"}, "it does not compile (mend the source and push)"
	return r
}

func tell(t *testing.T, f reconciler.Forge, reports ...reconciler.Report) {
	t.Helper()
	if err := f.Report(t.Context(), reports); err != nil {
		t.Errorf("Report: %v", err)
	}
}

// says checks what a commit says, but for the words and the URL.
func says(t *testing.T, f Forge, commit string, want []reconciler.Report, options ...cmp.Option) {
	t.Helper()
	var expected []reconciler.Statement
	for _, r := range want {
		expected = append(expected, inFacts(r))
	}
	said := f.Said(commit)
	for _, s := range said {
		if s.Description == "" {
			t.Errorf("%s says %+v without a word", commit, s)
		}
	}
	if diff := cmp.Diff(expected, said, append(options, noWords())...); diff != "" {
		t.Errorf("%s says (-want +got):\n%s", commit, diff)
	}
}

// recalls checks, in any order, what a process that has just started recalls: what the commits say, word for word.
func recalls(t *testing.T, f Forge, head string, want []reconciler.Report) {
	t.Helper()
	var expected []reconciler.Recalled
	for _, r := range want {
		said, found := reconciler.Statement{}, false
		for _, s := range f.Said(r.Commit) {
			if cmp.Equal(inFacts(r), s, noWords()) {
				said, found = s, true
			}
		}
		if !found {
			t.Fatalf("%s does not say %+v", r.Commit, r)
		}
		expected = append(expected, reconciler.Recalled{Commit: r.Commit, Statement: said})
	}
	sorted := cmpopts.SortSlices(func(a, b reconciler.Recalled) bool {
		return a.Commit+a.Context+a.Source < b.Commit+b.Context+b.Source
	})
	if diff := cmp.Diff(expected, recall(t, f.New(), head), sorted); diff != "" {
		t.Errorf("recalled up to %s (-want +got):\n%s", head, diff)
	}
}

func recall(t *testing.T, f reconciler.Forge, head string) []reconciler.Recalled {
	t.Helper()
	recalled, err := f.Recall(t.Context(), head)
	if err != nil {
		t.Fatalf("Recall(%q): %v", head, err)
	}
	return recalled
}

// inFacts is the statement of a report, without what is up to the forge.
func inFacts(r reconciler.Report) reconciler.Statement {
	return reconciler.Statement{
		Context: r.Context(), State: r.State, Stage: r.Stage, Source: r.Source, Build: r.FailedBuild(), AlsoFailed: r.FailedWithIt(), Unchanged: r.UnchangedBuilds(), Waits: r.Waits, At: r.At,
	}
}

func noWords() cmp.Option {
	return cmp.Options{cmpopts.IgnoreFields(reconciler.Statement{}, "Description", "URL"), cmpopts.EquateEmpty()}
}
