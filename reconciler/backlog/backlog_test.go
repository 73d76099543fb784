package backlog

import (
	"fmt"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

var (
	shop  = manifest.Key{Workspace: "ws", Project: "shop"}
	begun = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
)

// A project fails from when its release, which was healthy, failed for the first time, until it is healthy or another one is wanted.
func TestFailing(t *testing.T) {
	failed := reconciler.Rollout{Release: "v1.0.0", Phase: reconciler.PhaseFailed, Cause: "it crashes"}
	with := func(change func(*reconciler.Rollout)) reconciler.Rollout { r := failed; change(&r); return r }
	f := Failing{}
	for n, step := range []struct {
		is    reconciler.Rollout
		was   bool
		fails string
	}{
		{failed, false, ""}, // it never was
		{failed, true, "v1.0.0 it crashes 1"},
		{with(func(r *reconciler.Rollout) { r.Cause = "it crashes differently" }), true, "v1.0.0 it crashes 1"},
		{with(func(r *reconciler.Rollout) { r.Phase = reconciler.PhaseProgressing }), true, "v1.0.0 it crashes 1"},
		{with(func(r *reconciler.Rollout) { r.Phase = reconciler.PhaseHealthy }), true, ""},
		{with(func(r *reconciler.Rollout) { r.Lapsed = true }), false, "v1.0.0 it crashes 5"},
		{with(func(r *reconciler.Rollout) { r.Release, r.Phase = "v1.0.1", reconciler.PhaseProgressing }), false, ""},
		{with(func(r *reconciler.Rollout) { r.Gone = true }), false, "v1.0.0 it crashes 7"},
	} {
		f.Keep(shop, step.is, step.was, begun.Add(time.Duration(n)*time.Minute))
		got := ""
		for _, p := range f.First() {
			got = fmt.Sprint(p.Release, " ", p.Cause, " ", p.Since.Sub(begun).Minutes())
		}
		if got != step.fails {
			t.Errorf("step %d: %q fails, want %q", n, got, step.fails)
		}
	}
}

// A few are named, in the order of their names, as of the newest that was kept.
func TestLost(t *testing.T) {
	var lost Lost
	if got := lost.First(); got == nil || len(got) > 0 || lost.Count() != 0 {
		t.Errorf("at first there are %v (%d), want an empty list", got, lost.Count())
	}
	away := []manifest.LostSource{{Part: "source", What: "it is gone"}}
	for n := range named + 5 {
		lost.Keep(manifest.Key{Workspace: "ws", Project: fmt.Sprintf("p%02d", n)}, away)
	}
	if got := lost.First(); lost.Count() != named+5 || len(got) != named || got[0].Key.Project != "p00" || got[named-1].Key.Project != fmt.Sprintf("p%02d", named-1) {
		t.Errorf("of %d these are named: %v", lost.Count(), got)
	}
	lost.Keep(manifest.Key{Workspace: "ws", Project: "p00"}, nil)
	lost.Keep(manifest.Key{Workspace: "ws", Project: "p01"}, []manifest.LostSource{{Part: "source", What: "it may not be read"}})
	if got := lost.First(); lost.Count() != named+4 || got[0].Key.Project != "p01" || got[0].Sources[0].What != "it may not be read" {
		t.Errorf("after p00 was found again, of %d these are named: %v", lost.Count(), got)
	}
}
