// Package forgetest is the contract of reconciler.Forge as a test suite. Each implementation runs it against the real
// thing it talks to.
package forgetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Forge is a fresh forge for one test.
type Forge struct {
	// Commits of the config repository, oldest first, each the first parent of the next; at least three.
	Commits []string
	// New returns the port the way a process that has just started gets it. What one of them was told, the others find
	// on the forge only.
	New func() reconciler.Forge
	// Said reads from the forge itself, past the port, what people see on a commit, oldest first.
	Said func(commit string) []reconciler.Statement
}

const source = "9fceb02d0ae598e95dc970b74767f19372d61af8"

// Run holds an implementation against the contract. fresh is called once for each part of it.
func Run(t *testing.T, fresh func(t *testing.T) Forge) {
	parts := []struct {
		name string
		run  func(*testing.T, Forge)
	}{
		{"tells a run in order", tellsInOrder},
		{"points to the build and to what is live", pointsTo},
		{"says nothing twice", saysNothingTwice},
		{"never goes back", neverGoesBack},
		{"gives one verdict", givesOneVerdict},
		{"a failure that goes on by itself is not the last word", goesOnByItself},
		{"gives one verdict when processes race", givesOneVerdictInARace},
		{"keeps contexts, sources and commits apart", keepsApart},
		{"loses nothing of many at once", losesNothing},
		{"log lines are never said", neverSaysLogLines},
		{"recalls what an earlier process left", recallsWhatWasLeft},
		{"recalls failures of builds", recallsFailures},
		{"recalls only what is up to head", recallsUpToHead},
		{"a report that can be given on no commit is left out", goesOn},
		{"gives up with the context", givesUp},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(t, fresh(t)) })
	}
}

func tellsInOrder(t *testing.T, f Forge) {
	commit := f.Commits[1]
	run := []reconciler.Report{
		queued(commit, "shop"),
		building(commit, "shop", reconciler.StageBuilding),
		building(commit, "shop", reconciler.StagePushing),
		report(commit, "shop", reconciler.StatePending, reconciler.StageUpdatingGitOps, reconciler.OutcomeReleasing),
		deployed(commit, "shop"),
	}
	run[1].Build.What = "9fceb02d0a <main> & \"friends\" — ö"
	forge := f.New()
	tell(t, forge)
	tell(t, forge, run[0])
	tell(t, forge, run[1], run[2])
	tell(t, f.New(), run[3:]...)
	says(t, f, commit, run)
}

func pointsTo(t *testing.T, f Forge) {
	commit := f.Commits[1]
	waiting, runs := queued(commit, "shop"), deployed(commit, "shop")
	underWay, broken := building(commit, "api", reconciler.StageBuilding), buildFailed(commit, "api", "build-1")
	for _, r := range []*reconciler.Report{&waiting, &runs, &underWay, &broken} {
		r.LiveURL, r.Build.URL = "https://shop.example.com/a?b=c&d=e", "https://ci.example.com/job/1?a=b&c=d"
	}
	tell(t, f.New(), waiting, runs, underWay, broken)
	urls := map[string][]string{}
	for _, s := range f.Said(commit) {
		urls[s.Context] = append(urls[s.Context], s.URL)
	}
	want := map[string][]string{
		waiting.Context():  {"", runs.LiveURL},
		underWay.Context(): {broken.Build.URL, broken.Build.URL},
	}
	if diff := cmp.Diff(want, urls); diff != "" {
		t.Errorf("URLs by context (-want +got):\n%s", diff)
	}
}

func saysNothingTwice(t *testing.T, f Forge) {
	commit := f.Commits[1]
	waiting, under := queued(commit, "shop"), building(commit, "shop", reconciler.StageBuilding)
	forge := f.New()
	tell(t, forge, waiting, under)
	later := under
	later.At = later.At.Add(time.Minute)
	tell(t, forge, waiting, later)
	tell(t, f.New(), waiting, later)
	says(t, f, commit, []reconciler.Report{waiting, under})
	other := under
	other.Build.What = "another part"
	tell(t, f.New(), other, later)
	says(t, f, commit, []reconciler.Report{waiting, under, other})
}

func neverGoesBack(t *testing.T, f Forge) {
	commit := f.Commits[1]
	pushing := building(commit, "shop", reconciler.StagePushing)
	forge := f.New()
	tell(t, forge, pushing)
	tell(t, forge, building(commit, "shop", reconciler.StageBuilding))
	tell(t, f.New(), queued(commit, "shop"))
	says(t, f, commit, []reconciler.Report{pushing})
}

func givesOneVerdict(t *testing.T, f Forge) {
	commit := f.Commits[1]
	failure := buildFailed(commit, "shop", "build-1")
	forge := f.New()
	tell(t, forge, failure)
	tell(t, forge, deployed(commit, "shop"))
	tell(t, f.New(), queued(commit, "shop"), failure)
	says(t, f, commit, []reconciler.Report{failure})
}

// goesOnByItself: such a failure may also come after a success, is recalled by the next process, and another word follows it.
func goesOnByItself(t *testing.T, f Forge) {
	commit, head := f.Commits[1], f.Commits[len(f.Commits)-1]
	lost := report(commit, "shop", reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeSourceLost)
	lost.Waits = true
	lost.Lost = []manifest.LostSource{{Part: manifest.PartSource, Reason: manifest.LostBranch, What: "there is no branch main"}}
	tell(t, f.New(), queued(commit, "shop"), deployed(commit, "shop"))
	tell(t, f.New(), lost)
	tell(t, f.New(), lost)
	recalls(t, f, head, []reconciler.Report{lost})
	tell(t, f.New(), building(commit, "shop", reconciler.StageBuilding), deployed(commit, "shop"))
	tell(t, f.New(), deployed(commit, "shop"), queued(commit, "shop"))
	says(t, f, commit, []reconciler.Report{
		queued(commit, "shop"), deployed(commit, "shop"), lost, building(commit, "shop", reconciler.StageBuilding), deployed(commit, "shop"),
	})
	recalls(t, f, head, nil)
}

func givesOneVerdictInARace(t *testing.T, f Forge) {
	const processes = 4
	var racing sync.WaitGroup
	for i := range processes {
		forge := f.New()
		racing.Go(func() {
			for _, commit := range f.Commits[:3] {
				verdict := deployed(commit, "shop")
				verdict.Release.Version = fmt.Sprintf("v1.0.%d", i)
				tell(t, forge, queued(commit, "shop"), verdict)
			}
		})
	}
	racing.Wait()
	for _, commit := range f.Commits[:3] {
		verdicts := 0
		said := f.Said(commit)
		for _, s := range said {
			if s.Terminal() {
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
	bySource := queued(older, "shop")
	bySource.Source, bySource.Cause = source, manifest.CauseSource
	broken := report(older, "", reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeFilesBroken)
	broken.Project = manifest.Key{}
	broken.Problems = manifest.Problems{{File: "workspaces/ws-1/workspace.yaml", Line: 3, Column: 5, What: "unknown key"}}
	onOlder := []reconciler.Report{deployed(older, "shop"), bySource, queued(older, "api"), broken}
	forge := f.New()
	tell(t, forge, append([]reconciler.Report{queued(newer, "shop")}, onOlder...)...)
	sorted := cmpopts.SortSlices(func(a, b reconciler.Statement) bool { return a.Context+a.Source < b.Context+b.Source })
	says(t, f, older, onOlder, sorted)
	says(t, f, newer, []reconciler.Report{queued(newer, "shop")})
	says(t, f, f.Commits[1], nil)
}

func losesNothing(t *testing.T, f Forge) {
	const projects = 8
	commit := f.Commits[1]
	var reporting sync.WaitGroup
	forge := f.New()
	want := map[string][]reconciler.Stage{}
	for i := range projects {
		waiting, verdict := queued(commit, fmt.Sprintf("project-%d", i)), deployed(commit, fmt.Sprintf("project-%d", i))
		want[waiting.Context()] = []reconciler.Stage{waiting.Stage, verdict.Stage}
		reporting.Go(func() {
			tell(t, forge, waiting)
			tell(t, forge, verdict)
		})
	}
	reporting.Wait()
	stages := map[string][]reconciler.Stage{}
	for _, s := range f.Said(commit) {
		stages[s.Context] = append(stages[s.Context], s.Stage)
	}
	if diff := cmp.Diff(want, stages); diff != "" {
		t.Errorf("stages by context (-want +got):\n%s", diff)
	}
}

func neverSaysLogLines(t *testing.T, f Forge) {
	commit := f.Commits[1]
	under, failure := building(commit, "shop", reconciler.StageBuilding), buildFailed(commit, "shop", "build-1")
	rollout := report(commit, "api", reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeRolloutFailed)
	for _, r := range []*reconciler.Report{&under, &failure, &rollout} {
		r.Build.LogTail = "connecting as robot with hunter2\nmain.go:3:1: expected declaration"
	}
	tell(t, f.New(), under, failure, rollout)
	said := f.Said(commit)
	if len(said) != 3 {
		t.Errorf("the commit says %v, want three things", said)
	}
	for _, s := range said {
		if text := fmt.Sprintf("%+v", s); strings.Contains(text, "hunter2") || strings.Contains(text, "main.go") {
			t.Errorf("everybody can read log lines: %s", text)
		}
	}
}

func recallsWhatWasLeft(t *testing.T, f Forge) {
	head := f.Commits[len(f.Commits)-1]
	if recalled := recall(t, f.New(), head); len(recalled) != 0 {
		t.Fatalf("a forge that was told nothing recalls %v", recalled)
	}
	if recalled := recall(t, f.New(), ""); len(recalled) != 0 {
		t.Fatalf("of an empty repository it recalls %v", recalled)
	}
	superseded := report(f.Commits[1], "shop", reconciler.StateSuccess, reconciler.StageSuperseded, reconciler.OutcomeSuperseded)
	superseded.SupersededBy = f.Commits[2]
	bySource := queued(f.Commits[2], "shop")
	bySource.Source, bySource.Cause = source, manifest.CauseSource
	blocked := report(f.Commits[2], "shop", reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeBlocked)
	left := []reconciler.Report{building(f.Commits[0], "shop", reconciler.StageBuilding), building(f.Commits[1], "api", reconciler.StagePushing), bySource}
	tell(t, f.New(), queued(f.Commits[0], "shop"), left[0], queued(f.Commits[1], "shop"), superseded, left[1], left[2], blocked)
	recalls(t, f, head, left)
}

func recallsFailures(t *testing.T, f Forge) {
	head := f.Commits[len(f.Commits)-1]
	first, second := buildFailed(f.Commits[0], "shop", "build-1"), buildFailed(f.Commits[2], "shop", "build-2")
	first.Build.Also = []string{"build-5", "build-6"}
	bySource := buildFailed(f.Commits[0], "shop", "build-3")
	bySource.Source, bySource.Cause = source, manifest.CauseSource
	rollout := report(f.Commits[1], "api", reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeRolloutFailed)
	rollout.Build.ID = "build-4"
	tell(t, f.New(), queued(f.Commits[0], "shop"), first, bySource, deployed(f.Commits[1], "shop"), rollout, second)
	recalls(t, f, head, []reconciler.Report{first, bySource, second})
}

func recallsUpToHead(t *testing.T, f Forge) {
	older, newer := queued(f.Commits[0], "shop"), queued(f.Commits[2], "shop")
	tell(t, f.New(), older, newer, buildFailed(f.Commits[2], "api", "build-1"))
	recalls(t, f, f.Commits[1], []reconciler.Report{older})
}

// goesOn: a report that can be given on no commit holds up none of the others.
func goesOn(t *testing.T, f Forge) {
	nowhere, here := queued("nowhere", "shop"), queued(f.Commits[1], "shop")
	tell(t, f.New(), nowhere, here)
	says(t, f, f.Commits[1], []reconciler.Report{here})
}

func givesUp(t *testing.T, f Forge) {
	commit := f.Commits[1]
	waiting := queued(commit, "shop")
	forge := f.New()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := forge.Report(ended, []reconciler.Report{waiting}); err == nil {
		t.Error("Report returned nil although its context had ended")
	}
	tell(t, forge, waiting)
	says(t, f, commit, []reconciler.Report{waiting})
}
