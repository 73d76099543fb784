// Package forgetest is the contract of reconciler.Forge as a test suite. Each implementation runs it against the real
// thing it talks to.
package forgetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/plateform/plateform/reconciler"
)

// Forge is a fresh forge for one test.
type Forge struct {
	// Commits of the config repository, oldest first, each the first parent of the next; at least three.
	Commits []string
	// New returns the port the way a process that has just started gets it. What one of them was told, the others find
	// on the forge only.
	New func() reconciler.Forge
	// Said reads from the forge itself, past the port, what people see on a commit, oldest first. Commit may be empty in
	// what it returns.
	Said func(commit string) []reconciler.Report
}

const (
	shop   = "plateform/ws-1/shop"
	api    = "plateform/ws-1/api"
	source = "9fceb02d0ae598e95dc970b74767f19372d61af8"
)

// Run holds an implementation against the contract. fresh is called once for each part of it.
func Run(t *testing.T, fresh func(t *testing.T) Forge) {
	parts := []struct {
		name string
		run  func(*testing.T, Forge)
	}{
		{"tells a run in order", tellsInOrder},
		{"says nothing twice", saysNothingTwice},
		{"never goes back", neverGoesBack},
		{"gives one verdict", givesOneVerdict},
		{"gives one verdict when processes race", givesOneVerdictInARace},
		{"keeps contexts, sources and commits apart", keepsApart},
		{"loses nothing of many at once", losesNothing},
		{"opens what an earlier process left", opensWhatWasLeft},
		{"opens only what is up to head", opensUpToHead},
		{"gives up with the context", givesUp},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(t, fresh(t)) })
	}
}

func tellsInOrder(t *testing.T, f Forge) {
	commit := f.Commits[1]
	want := []reconciler.Report{
		pending(commit, shop, reconciler.StageQueued),
		pending(commit, shop, reconciler.StageBuilding),
		pending(commit, shop, reconciler.StagePushing),
		pending(commit, shop, reconciler.StageUpdatingGitOps),
		ends(commit, shop, reconciler.StateSuccess, reconciler.StageUpdatingGitOps),
	}
	want[1].Description, want[1].URL = "building 9fceb02 <main> & \"friends\"\nline 2 — ö", "https://ci.example.com/job/1?a=b&c=d"
	forge := f.New()
	tell(t, forge)
	tell(t, forge, want[0])
	tell(t, forge, want[1], want[2])
	tell(t, f.New(), want[3:]...)
	equal(t, "the commit", want, f.Said(commit))
}

func saysNothingTwice(t *testing.T, f Forge) {
	commit := f.Commits[1]
	queued, building := pending(commit, shop, reconciler.StageQueued), pending(commit, shop, reconciler.StageBuilding)
	forge := f.New()
	tell(t, forge, queued, building)
	later := building
	later.At = later.At.Add(time.Minute)
	tell(t, forge, queued, later)
	tell(t, f.New(), queued, later)
	equal(t, "the commit", []reconciler.Report{queued, building}, f.Said(commit))
}

func neverGoesBack(t *testing.T, f Forge) {
	commit := f.Commits[1]
	pushing := pending(commit, shop, reconciler.StagePushing)
	forge := f.New()
	tell(t, forge, pushing)
	tell(t, forge, pending(commit, shop, reconciler.StageBuilding))
	tell(t, f.New(), pending(commit, shop, reconciler.StageQueued))
	equal(t, "the commit", []reconciler.Report{pushing}, f.Said(commit))
}

func givesOneVerdict(t *testing.T, f Forge) {
	commit := f.Commits[1]
	failed := ends(commit, shop, reconciler.StateFailure, reconciler.StageFailed)
	failed.Description = "the build failed: main.go:3:1: expected declaration"
	forge := f.New()
	tell(t, forge, failed)
	tell(t, forge, ends(commit, shop, reconciler.StateSuccess, reconciler.StageDeployed))
	tell(t, f.New(), pending(commit, shop, reconciler.StageQueued), failed)
	equal(t, "the commit", []reconciler.Report{failed}, f.Said(commit))
}

func givesOneVerdictInARace(t *testing.T, f Forge) {
	const processes = 4
	var racing sync.WaitGroup
	for i := range processes {
		forge := f.New()
		racing.Go(func() {
			for _, commit := range f.Commits[:3] {
				verdict := ends(commit, shop, reconciler.StateSuccess, reconciler.StageDeployed)
				verdict.Description = fmt.Sprintf("process %d", i)
				tell(t, forge, pending(commit, shop, reconciler.StageQueued), verdict)
			}
		})
	}
	racing.Wait()
	for _, commit := range f.Commits[:3] {
		verdicts := 0
		said := f.Said(commit)
		for _, r := range said {
			if r.Terminal() {
				verdicts++
			}
		}
		if verdicts != 1 || len(said) != 2 {
			t.Errorf("%s says %v, want queued and one verdict", commit, said)
		}
	}
}

func keepsApart(t *testing.T, f Forge) {
	older, newer := f.Commits[0], f.Commits[2]
	ended := ends(older, shop, reconciler.StateSuccess, reconciler.StageDeployed)
	bySource := pending(older, shop, reconciler.StageQueued)
	bySource.Source = source
	broken := ends(older, "plateform/config", reconciler.StateFailure, reconciler.StageFailed)
	broken.Description = "workspaces/ws-1/workspace.yaml:3:5: unknown key"
	forge := f.New()
	tell(t, forge, ended, bySource, pending(newer, shop, reconciler.StageQueued),
		pending(older, api, reconciler.StageQueued), broken)
	sorted := cmpopts.SortSlices(func(a, b reconciler.Report) bool { return a.Context+a.Source < b.Context+b.Source })
	equal(t, "the older commit", []reconciler.Report{ended, bySource, pending(older, api, reconciler.StageQueued), broken},
		f.Said(older), sorted)
	equal(t, "the newer commit", []reconciler.Report{pending(newer, shop, reconciler.StageQueued)}, f.Said(newer))
	equal(t, "the commit between", nil, f.Said(f.Commits[1]))
}

func losesNothing(t *testing.T, f Forge) {
	const projects = 20
	commit := f.Commits[1]
	context := func(i int) string { return fmt.Sprintf("plateform/ws-1/project-%02d", i) }
	var reporting sync.WaitGroup
	forge := f.New()
	for i := range projects {
		reporting.Go(func() {
			tell(t, forge, pending(commit, context(i), reconciler.StageQueued))
			tell(t, forge, ends(commit, context(i), reconciler.StateSuccess, reconciler.StageDeployed))
		})
	}
	reporting.Wait()
	stages := map[string][]reconciler.Stage{}
	for _, r := range f.Said(commit) {
		stages[r.Context] = append(stages[r.Context], r.Stage)
	}
	want := map[string][]reconciler.Stage{}
	for i := range projects {
		want[context(i)] = []reconciler.Stage{reconciler.StageQueued, reconciler.StageDeployed}
	}
	if diff := cmp.Diff(want, stages); diff != "" {
		t.Errorf("stages by context (-want +got):\n%s", diff)
	}
}

func opensWhatWasLeft(t *testing.T, f Forge) {
	head := f.Commits[len(f.Commits)-1]
	if open := opened(t, f.New(), head); len(open) != 0 {
		t.Fatalf("a forge that was told nothing has open reports: %v", open)
	}
	if open := opened(t, f.New(), ""); len(open) != 0 {
		t.Fatalf("an empty repository has open reports: %v", open)
	}
	building := pending(f.Commits[0], shop, reconciler.StageBuilding)
	building.Description, building.URL = "on node 3", "https://ci.example.com/job/1"
	bySource := pending(f.Commits[2], shop, reconciler.StageQueued)
	bySource.Source = source
	tell(t, f.New(), pending(f.Commits[0], shop, reconciler.StageQueued), building,
		pending(f.Commits[1], shop, reconciler.StageQueued),
		ends(f.Commits[1], shop, reconciler.StateSuccess, reconciler.StageSuperseded),
		pending(f.Commits[1], api, reconciler.StagePushing),
		bySource,
		ends(f.Commits[2], shop, reconciler.StateFailure, reconciler.StageFailed))
	want := []reconciler.Report{building, pending(f.Commits[1], api, reconciler.StagePushing), bySource}
	sorted := cmpopts.SortSlices(func(a, b reconciler.Report) bool {
		return a.Commit+a.Context+a.Source < b.Commit+b.Context+b.Source
	})
	if diff := cmp.Diff(want, opened(t, f.New(), head), sorted); diff != "" {
		t.Errorf("open reports (-want +got):\n%s", diff)
	}
}

func opensUpToHead(t *testing.T, f Forge) {
	older, newer := pending(f.Commits[0], shop, reconciler.StageQueued), pending(f.Commits[2], shop, reconciler.StageQueued)
	tell(t, f.New(), older, newer)
	if diff := cmp.Diff([]reconciler.Report{older}, opened(t, f.New(), f.Commits[1])); diff != "" {
		t.Errorf("open reports up to the second commit (-want +got):\n%s", diff)
	}
}

func givesUp(t *testing.T, f Forge) {
	commit := f.Commits[1]
	queued := pending(commit, shop, reconciler.StageQueued)
	forge := f.New()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := forge.Report(ended, []reconciler.Report{queued}); err == nil {
		t.Error("Report returned nil although its context had ended")
	}
	tell(t, forge, queued)
	equal(t, "the commit", []reconciler.Report{queued}, f.Said(commit))
}

func pending(commit, context string, stage reconciler.Stage) reconciler.Report {
	return ends(commit, context, reconciler.StatePending, stage)
}

func ends(commit, context string, state reconciler.State, stage reconciler.Stage) reconciler.Report {
	return reconciler.Report{
		Commit: commit, Context: context, State: state, Stage: stage,
		At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}
}

func tell(t *testing.T, f reconciler.Forge, reports ...reconciler.Report) {
	t.Helper()
	if err := f.Report(t.Context(), reports); err != nil {
		t.Errorf("Report: %v", err)
	}
}

func opened(t *testing.T, f reconciler.Forge, head string) []reconciler.Report {
	t.Helper()
	open, err := f.Open(t.Context(), head)
	if err != nil {
		t.Fatalf("Open(%q): %v", head, err)
	}
	return open
}

func equal(t *testing.T, what string, want, said []reconciler.Report, options ...cmp.Option) {
	t.Helper()
	options = append(options, cmpopts.IgnoreFields(reconciler.Report{}, "Commit"), cmpopts.EquateEmpty())
	if diff := cmp.Diff(want, said, options...); diff != "" {
		t.Errorf("%s says (-want +got):\n%s", what, diff)
	}
}
