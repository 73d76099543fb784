package feed_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/cmd/plateform/feed"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

var (
	begun = time.Date(2026, 11, 27, 10, 0, 0, 0, time.Local)
	shop  = manifest.Key{Workspace: "ws-1", Project: "shop"}
)

const (
	configCommit = "2ca65b62d3000000000000000000000000000000"
	sourceCommit = "157fe8d73d000000000000000000000000000000"
)

// witness is a feed that prints into a buffer.
func witness(width int) (*feed.Feed, *bytes.Buffer) {
	var out bytes.Buffer
	return feed.New(feed.Options{Out: &out, Width: width, Now: func() time.Time { return begun }}), &out
}

func run(kind manifest.CauseKind, commit string) *reconciler.Run {
	return &reconciler.Run{
		ID: "abc", Project: shop, StartedAt: begun, Cause: manifest.Cause{Kind: kind, Commit: commit, Config: configCommit, By: "alice"},
	}
}

// after is an event of the shop, some seconds after the beginning.
func after(seconds float64, e reconciler.Event, runs ...*reconciler.Run) reconciler.Event {
	e.At, e.Project, e.Runs = begun.Add(time.Duration(seconds*float64(time.Second))), shop, runs
	return e
}

func report(state reconciler.State, stage reconciler.Stage, outcome reconciler.Outcome, change func(*reconciler.Report)) reconciler.Event {
	r := &reconciler.Report{Subject: reconciler.Subject{Project: shop, Commit: configCommit}, State: state, Stage: stage, Outcome: outcome}
	if change != nil {
		change(r)
	}
	return reconciler.Event{Kind: reconciler.EventReported, Report: r}
}

func lines(out *bytes.Buffer) []string {
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestADeployIsALineAStep(t *testing.T) {
	f, out := witness(0)
	push := run(manifest.CauseSource, sourceCommit)
	build := &reconciler.BuildRequest{ID: "1", Image: manifest.AppImage, Commit: sourceCommit}
	v1 := func(r *reconciler.Report) {
		r.Release.Version, r.LiveURL, r.Build.What = "v1.0.1", "http://shop-ws-1.localhost:8480", "157fe8d73d"
	}
	for _, e := range []reconciler.Event{
		after(0, reconciler.Event{Kind: reconciler.EventStarted}, push),
		after(0, report(reconciler.StatePending, reconciler.StageQueued, reconciler.OutcomeWaiting, nil), push),
		after(0, reconciler.Event{Kind: reconciler.EventBuildStarted, Build: build}, push),
		after(0, report(reconciler.StatePending, reconciler.StageBuilding, reconciler.OutcomeBuilding, v1), push),
		after(2, report(reconciler.StatePending, reconciler.StagePushing, reconciler.OutcomeBuilding, v1), push),
		after(3, reconciler.Event{Kind: reconciler.EventBuildEnded, Build: build, Status: &reconciler.BuildStatus{Done: true, Seconds: 3}}, push),
		after(3, report(reconciler.StatePending, reconciler.StageUpdatingGitOps, reconciler.OutcomeReleasing, v1), push),
		after(3, reconciler.Event{Kind: reconciler.EventReleased, Release: "v1.0.1", Commit: configCommit}, push),
		after(4, reconciler.Event{Kind: reconciler.EventWritten, Release: "v1.0.1", Commit: sourceCommit}, push),
		after(4, report(reconciler.StatePending, reconciler.StageSynced, reconciler.OutcomeRuns, v1), push),
		after(5.5, report(reconciler.StateSuccess, reconciler.StageDeployed, reconciler.OutcomeRuns, v1), push),
		after(5.5, report(reconciler.StateSuccess, reconciler.StageDeployed, reconciler.OutcomeRuns, v1)),
		after(6, healthy(), push),
		after(7, healthy()),
		after(8, reconciler.Event{Kind: reconciler.EventRollout, Release: "v1.0.1", Rollout: &reconciler.Rollout{Phase: reconciler.PhaseProgressing}}),
	} {
		f.Observe(e)
	}
	want := []string{
		"10:00:00 · ws-1/shop  push 157fe8d73d by alice",
		"10:00:00 · ws-1/shop  builds 157fe8d73d",
		"10:00:02 · ws-1/shop  pushing 157fe8d73d",
		"10:00:03 · ws-1/shop  built 157fe8d73d in 3s",
		"10:00:03 · ws-1/shop  released v1.0.1, commit 2ca65b62d3 of platform-config",
		"10:00:04 · ws-1/shop  v1.0.1 is in plateform-gitops, commit 157fe8d73d",
		"10:00:04 · ws-1/shop  rolling out v1.0.1",
		"10:00:05 ✓ ws-1/shop  v1.0.1 runs at http://shop-ws-1.localhost:8480 (5.5s)",
	}
	if diff := cmp.Diff(want, lines(out)); diff != "" {
		t.Errorf("the feed (-want +got):\n%s", diff)
	}
}

// A start says in one line what runs. What was told before is no news, unless something is done again.
func TestAfterAStartWhatWasToldBeforeIsNoNews(t *testing.T) {
	push := run(manifest.CauseSource, sourceCommit)
	build := &reconciler.BuildRequest{ID: "1", Image: manifest.AppImage, Commit: sourceCommit}
	old := func(e reconciler.Event) reconciler.Event {
		e.Recalled = true
		return after(0, e, push)
	}
	v1 := func(r *reconciler.Report) { r.Release.Version, r.LiveURL = "v1.0.1", "http://x.localhost" }
	failed := report(reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeRolloutFailed, func(r *reconciler.Report) {
		r.Release.Version, r.Detail, r.Build.LogTail = "v1.0.1", "it ended with code 1", "panic: no"
	})
	gone := after(0, reconciler.Event{Kind: reconciler.EventRollout, Release: "v1.0.1", Rollout: &reconciler.Rollout{Phase: reconciler.PhaseFailed, Cause: "it ended with code 1", Log: "panic: no"}})
	begin := []reconciler.Event{
		old(reconciler.Event{Kind: reconciler.EventStarted}),
		old(report(reconciler.StatePending, reconciler.StageQueued, reconciler.OutcomeWaiting, func(r *reconciler.Report) { r.Detail = "what is under way" })),
		old(report(reconciler.StateSuccess, reconciler.StageSuperseded, reconciler.OutcomeSuperseded, nil)),
		old(report(reconciler.StatePending, reconciler.StageSynced, reconciler.OutcomeRuns, v1)),
	}
	for _, test := range []struct {
		name   string
		events []reconciler.Event
		want   []string
	}{
		{"it runs", []reconciler.Event{old(report(reconciler.StateSuccess, reconciler.StageDeployed, reconciler.OutcomeRuns, v1))},
			[]string{"10:00:00 ✓ ws-1/shop  v1.0.1 runs at http://x.localhost"}},
		{"it does not", []reconciler.Event{old(failed), gone}, []string{"10:00:00 ✗ ws-1/shop  v1.0.1 does not run: it ended with code 1"}},
		{"nobody waits", []reconciler.Event{gone}, []string{"10:00:00 ✗ ws-1/shop  v1.0.1 does not run: it ended with code 1"}},
		{"the build did not work", []reconciler.Event{old(report(reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeBuildFailed, func(r *reconciler.Report) {
			r.Detail, r.Build.LogTail = "oops", "# hello"
		}))}, []string{"10:00:00 ! ws-1/shop  still so: build failed: oops"}},
		{"something is in its way", []reconciler.Event{old(report(reconciler.StatePending, reconciler.StageQueued, reconciler.OutcomeRetrying, func(r *reconciler.Report) { r.Detail = "no answer" }))},
			[]string{"10:00:00 ! ws-1/shop  trying again: no answer"}},
		{"it is built again", []reconciler.Event{old(reconciler.Event{Kind: reconciler.EventBuildStarted, Build: build}), old(failed)}, []string{
			"10:00:00 · ws-1/shop  builds 157fe8d73d",
			"10:00:00 ✗ ws-1/shop  the rollout of v1.0.1 failed: it ended with code 1",
			"                      mend it and push",
			"                        panic: no",
		}},
		{"it ran since the start", []reconciler.Event{after(0, healthy()), gone}, []string{
			"10:00:00 ✓ ws-1/shop  v1.0.1 runs at http://shop-ws-1.localhost:8480",
			"10:00:00 ✗ ws-1/shop  v1.0.1 does not run any more: it ended with code 1",
			"                        panic: no",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, out := witness(0)
			for _, e := range slices.Concat(begin, test.events) {
				f.Observe(e)
			}
			if diff := cmp.Diff(test.want, lines(out)); diff != "" {
				t.Errorf("the feed (-want +got):\n%s", diff)
			}
		})
	}
}

// healthy says that a release that nobody waits for runs.
func healthy() reconciler.Event {
	return reconciler.Event{
		Kind: reconciler.EventRollout, Release: "v1.0.1", LiveURL: "http://shop-ws-1.localhost:8480", Rollout: &reconciler.Rollout{Phase: reconciler.PhaseHealthy},
	}
}

func TestWhoseImageIsUsedAgainIsSaid(t *testing.T) {
	for reused, want := range map[string]string{
		"ws-1/shop": "used the image of before again for 157fe8d73d: the same source was built for it",
		"ws-1/cart": "reused the image of ws-1/cart for 157fe8d73d: the same source was built for it",
	} {
		f, out := witness(0)
		build := &reconciler.BuildRequest{ID: "1", Image: manifest.AppImage, Commit: sourceCommit}
		f.Observe(after(0, reconciler.Event{Kind: reconciler.EventBuildEnded, Build: build, Status: &reconciler.BuildStatus{Done: true, Reused: reused}}))
		if got := out.String(); got != "10:00:00 · ws-1/shop  "+want+"\n" {
			t.Errorf("of %s: %q, want %q", reused, got, want)
		}
	}
}

func TestAfterAStartWhatRunsIsNamed(t *testing.T) {
	f, out := witness(0)
	f.Observe(after(0, healthy()))
	if got, want := out.String(), "10:00:00 ✓ ws-1/shop  v1.0.1 runs at http://shop-ws-1.localhost:8480\n"; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestWhatGoesWrongIsSaidWithItsLog(t *testing.T) {
	for _, test := range []struct {
		name  string
		event reconciler.Event
		want  []string
	}{
		{"a build that failed", report(reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeBuildFailed, func(r *reconciler.Report) {
			r.Detail, r.Build.LogTail = "the Go program does not compile: ./main.go:3:1: oops", "# hello\n./main.go:3:1: oops\nfailed: the Go program does not compile\n"
		}), []string{
			"10:00:01 ✗ ws-1/shop  build failed: the Go program does not compile: ./main.go:3:1: oops",
			"                      its log: `plateform logs ws-1/shop --build`",
			"                        # hello",
			"                        ./main.go:3:1: oops",
		}},
		{"a rollout that failed", report(reconciler.StateFailure, reconciler.StageFailed, reconciler.OutcomeRolloutFailed, func(r *reconciler.Report) {
			r.Release.Version, r.Release.Before, r.Detail, r.Build.LogTail = "v1.0.1", "v1.0.0", "it ended with code 1", "panic: no"
		}), []string{
			"10:00:01 ✗ ws-1/shop  the rollout of v1.0.1 failed: it ended with code 1",
			"                      mend it and push, or run `plateform rollback ws-1/shop` to go back to v1.0.0",
			"                        panic: no",
		}},
		{"a release that cannot be made", reconciler.Event{Kind: reconciler.EventReleaseRefused, Release: "v1.0.1", Error: "no key"},
			[]string{"10:00:01 ✗ ws-1/shop  v1.0.1 cannot be released: no key"}},
		{"a registry that does not answer", report(reconciler.StatePending, reconciler.StageQueued, reconciler.OutcomeRetrying, func(r *reconciler.Report) {
			r.Detail = "no answer"
		}), []string{"10:00:01 ! ws-1/shop  trying again: no answer", "                      wait, or mend what it says; it goes on by itself"}},
		{"what runs beside what is held", report(reconciler.StateSuccess, reconciler.StageDeployed, reconciler.OutcomeRuns, func(r *reconciler.Report) {
			r.Release.Version, r.LiveURL = "v1.0.0", "http://x.localhost"
			r.Holds = []manifest.Hold{{Part: "env", Reason: manifest.HeldRollback, Release: "v1.0.1"}}
		}), []string{"10:00:01 ✓ ws-1/shop  v1.0.0 runs at http://x.localhost; env is held because v1.0.1 was rolled back (change it, or run `plateform retry ws-1/shop`) (1s)"}},
		{"what does not run, and nobody waits", reconciler.Event{
			Kind: reconciler.EventRollout, Release: "v1.0.1", Rollout: &reconciler.Rollout{Phase: reconciler.PhaseFailed, Cause: "it ended with code 1", Log: "panic: no"},
		}, []string{
			"10:00:01 ✗ ws-1/shop  v1.0.1 does not run: it ended with code 1",
		}},
		{"what is held", report(reconciler.StateSuccess, reconciler.StageHeld, reconciler.OutcomePaused, nil),
			[]string{"10:00:01 - ws-1/shop  held: the project is paused (remove `paused: true` to go on)"}},
		{"codes that would do something to a terminal", reconciler.Event{Kind: reconciler.EventReleaseRefused, Release: "v1.0.1", Error: "\x1b[2Jno"},
			[]string{"10:00:01 ✗ ws-1/shop  v1.0.1 cannot be released: [2Jno"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, out := witness(0)
			runs := []*reconciler.Run{run(manifest.CauseConfig, configCommit)}
			if test.event.Kind == reconciler.EventRollout {
				runs = nil
			}
			f.Observe(after(1, test.event, runs...))
			if diff := cmp.Diff(test.want, lines(out)); diff != "" {
				t.Errorf("the feed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhoAsksIsNamed(t *testing.T) {
	for kind, want := range map[manifest.CauseKind]string{
		manifest.CauseConfig:   "commit 2ca65b62d3 by alice",
		manifest.CauseSource:   "push 157fe8d73d by alice",
		manifest.CauseRetry:    "retry by alice, commit 2ca65b62d3",
		manifest.CauseRollback: "rollback by alice, commit 2ca65b62d3",
		manifest.CausePlatform: "the platform changed by alice, commit 2ca65b62d3",
	} {
		f, out := witness(0)
		f.Observe(after(0, reconciler.Event{Kind: reconciler.EventStarted}, run(kind, sourceCommit)))
		f.Observe(after(0, reconciler.Event{Kind: reconciler.EventStarted, Replayed: true}, run(manifest.CauseRetry, "old")))
		if got := out.String(); got != "10:00:00 · ws-1/shop  "+want+"\n" {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}

func TestLongLinesGoOnUnderThemselves(t *testing.T) {
	f, out := witness(50)
	f.Say("ws-1/shop", "says a lot more than there is room for in a line of this terminal\n  and what is indented stays so when it goes on")
	want := []string{
		"10:00:00 · ws-1/shop  says a lot more than there",
		"                      is room for in a line of",
		"                      this terminal",
		"                        and what is indented stays",
		"                        so when it goes on",
	}
	if diff := cmp.Diff(want, lines(out)); diff != "" {
		t.Errorf("the feed (-want +got):\n%s", diff)
	}
}

func TestWhatIsLoggedIsALineToo(t *testing.T) {
	f, out := witness(0)
	log := slog.New(f.Handler(slog.LevelWarn))
	log.Info("nobody needs this")
	log.Warn("the repository on the server is shallow", "repository", "config", "oldest", "abc")
	log.With("commit", "abc").WithGroup("server").Error("it is gone", "project", "ignored", "code", 404)
	log.Warn("build: failed", "build", "1", "project", "ws-1/shop")
	log.Warn("a rollout failed", "project", "ws-1/shop", "rollout", "v1.0.1", "error", "it ended")
	log.Warn("somebody else changed what runs", "project", "ws-1/shop")
	got := lines(out)
	for i := range got {
		got[i] = got[i][len("10:00:00 "):]
	}
	want := []string{
		"! plateform  the repository on the server is shallow (repository config, oldest abc)",
		"✗ plateform  it is gone (commit abc, server.project ignored, server.code 404)",
		"! ws-1/shop  somebody else changed what runs",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the feed (-want +got):\n%s", diff)
	}
}
