package loop

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/gitops"
	"github.com/plateform/plateform/reconciler/worker"
)

var ruleKey = manifest.Key{Workspace: "ws-1", Project: "shop"}

// newRuleSession is a session in a calm world, in which nothing has been taken in yet.
func newRuleSession(t *testing.T, engine bool) (*sim, *session) {
	t.Helper()
	s := newSim(1, false)
	s.calm, s.engine.on = true, engine
	if err := s.boot(); err != nil {
		t.Fatal(err)
	}
	return s, newSession(s.process.r)
}

// ruleRelease is a release that has no values.
func ruleRelease(version string) *manifest.Release {
	return &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, version)}
}

// verdictOf puts a verdict into a word or two.
func verdictOf(report reconciler.Report, over bool) string {
	if !over && !report.Waits {
		return "it goes on"
	}
	if report.Waits {
		return "waits: " + string(report.Outcome)
	}
	return string(report.State) + ": " + string(report.Outcome)
}

// Who is red for what: a commit for its own files, a retry and a push for all that stops them, and a rollback for nothing
// that somebody else broke.
func TestWhoIsRedForWhatBlocks(t *testing.T) {
	ours := manifest.Problem{File: manifest.ProjectFile(ruleKey), What: "ours"}
	theirs := manifest.Problem{File: manifest.WorkspaceFile("ws-1"), What: "theirs"}
	both := manifest.Problems{ours, theirs}
	config1 := func(kind manifest.CauseKind) manifest.Cause {
		return manifest.Cause{Kind: kind, Commit: "c1", Config: "c1"}
	}
	for _, tt := range []struct {
		name       string
		run        run
		unreadable bool
		none       bool // nothing was released yet
		want       string
		problems   manifest.Problems
	}{
		{"an edit that broke its file", run{Run: newRun(ruleKey, config1(manifest.CauseConfig)), own: manifest.Problems{ours}}, false, false,
			"failure: " + string(reconciler.OutcomeBlocked), manifest.Problems{ours}},
		{"an edit beside what others broke", run{Run: newRun(ruleKey, config1(manifest.CauseConfig))}, false, false,
			"success: " + string(reconciler.OutcomeBlocked), both},
		{"an edit that broke what is mended by now", run{Run: newRun(ruleKey, config1(manifest.CauseConfig)), own: manifest.Problems{{What: "mended"}}}, false, false,
			"success: " + string(reconciler.OutcomeBlocked), both},
		{"a retry", run{Run: newRun(ruleKey, config1(manifest.CauseRetry))}, false, false, "failure: " + string(reconciler.OutcomeBlocked), both},
		{"a rollback", run{Run: newRun(ruleKey, config1(manifest.CauseRollback))}, false, false, "success: " + string(reconciler.OutcomeRuns), nil},
		{"a rollback of all there was", run{Run: newRun(ruleKey, config1(manifest.CauseRollback))}, false, true, "success: " + string(reconciler.OutcomeBlocked), both},
		{"who names a source that cannot be read", run{Run: newRun(ruleKey, config1(manifest.CauseConfig)), forSource: true}, true, false,
			"waits: " + string(reconciler.OutcomeBlocked), both},
		{"who names no source, and it cannot be read", run{Run: newRun(ruleKey, config1(manifest.CauseConfig))}, true, false,
			"waits: " + string(reconciler.OutcomeBlocked), both},
		{"a retry of a source that cannot be read", run{Run: newRun(ruleKey, config1(manifest.CauseRetry))}, true, false,
			"waits: " + string(reconciler.OutcomeBlocked), both},
		{"a rollback beside a source that cannot be read", run{Run: newRun(ruleKey, config1(manifest.CauseRollback))}, true, false,
			"success: " + string(reconciler.OutcomeRuns), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, s := newRuleSession(t, false)
			p, v := s.projects.get(ruleKey), &config.View{Key: ruleKey, Present: true, Parsed: true, Newest: ruleRelease("v1.0.0"), Problems: both}
			if tt.none {
				v.Newest = nil
			}
			p.decided = decided{rest: &decision.Rest{Reason: decision.Blocked, Problems: both}, unreadable: tt.unreadable}
			report, over := s.verdict(p, v, p.running(v), &tt.run)
			if got := verdictOf(report, over); got != tt.want {
				t.Errorf("verdict %q, want %q", got, tt.want)
			}
			if diff := cmp.Diff(tt.problems, report.Problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// A push whose code runs is told so while a change of project.yaml is held, also after a start, which remembers no verdict.
func TestWhatAPushIsToldOfAHold(t *testing.T) {
	for source, want := range map[string]string{
		"a1": "success: " + string(reconciler.OutcomeRuns),
		"b2": "success: " + string(reconciler.OutcomeHeld),
	} {
		_, s := newRuleSession(t, false)
		p, v := s.projects.get(ruleKey), &config.View{Key: ruleKey, Present: true, Parsed: true, Newest: ruleRelease("v1.0.0")}
		v.Newest.Spec.Images = []manifest.Image{{Name: "app", Commit: "a1"}}
		p.decided = decided{rest: &decision.Rest{Reason: decision.Held}}
		r := run{Run: newRun(ruleKey, manifest.Cause{Kind: manifest.CauseSource, Commit: source, Config: "c1"})}
		r.Source = source
		if got := verdictOf(s.verdict(p, v, v.Newest, &r)); got != want {
			t.Errorf("the push %s is told %q, want %q", source, got, want)
		}
	}
}

// A rollout is answered for by those who asked for what is rolled out, and by nobody else.
func TestWhoAnswersForARollout(t *testing.T) {
	for _, tt := range []struct {
		name   string
		phase  reconciler.Phase
		gone   bool
		awaits string
		want   string
	}{
		{"on its way", reconciler.PhaseProgressing, false, "v1.0.0", "it goes on"},
		{"healthy", reconciler.PhaseHealthy, false, "v1.0.0", "success: " + string(reconciler.OutcomeRuns)},
		{"it failed, and was asked for", reconciler.PhaseFailed, false, "v1.0.0", "failure: " + string(reconciler.OutcomeRolloutFailed)},
		{"its image is gone", reconciler.PhaseFailed, true, "v1.0.0", "failure: " + string(reconciler.OutcomeImageGone)},
		{"it had failed before", reconciler.PhaseFailed, false, "", "success: " + string(reconciler.OutcomeRolloutFailed)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, s := newRuleSession(t, true)
			p, v := s.projects.get(ruleKey), &config.View{Key: ruleKey, Present: true, Parsed: true, Newest: ruleRelease("v1.0.0")}
			p.rollout = rollout{since: simStart, Rollout: reconciler.Rollout{Release: "v1.0.0", Phase: tt.phase, Gone: tt.gone}}
			p.decided = decided{rest: &decision.Rest{Reason: decision.UpToDate}}
			r := run{Run: newRun(ruleKey, manifest.Cause{Kind: manifest.CauseConfig, Commit: "c1", Config: "c1"}), awaits: tt.awaits}
			if got := verdictOf(s.verdict(p, v, v.Newest, &r)); got != tt.want {
				t.Errorf("verdict %q, want %q", got, tt.want)
			}
		})
	}
}

// A rollout that gets healthy after it was said to have failed is told to those who were told that.
func TestARolloutThatGetsThereLate(t *testing.T) {
	_, s := newRuleSession(t, true)
	p, v := s.projects.get(ruleKey), &config.View{Key: ruleKey, Present: true, Parsed: true, Newest: ruleRelease("v1.0.0")}
	p.rollout = rollout{since: simStart, Rollout: reconciler.Rollout{Release: "v1.0.0", Phase: reconciler.PhaseFailed, Cause: "it crashes"}}
	p.decided = decided{rest: &decision.Rest{Reason: decision.UpToDate}}
	r := run{Run: newRun(ruleKey, manifest.Cause{Kind: manifest.CauseConfig, Commit: "c1", Config: "c1"}), awaits: "v1.0.0"}
	if got := verdictOf(s.verdict(p, v, v.Newest, &r)); got != "failure: "+string(reconciler.OutcomeRolloutFailed) {
		t.Fatalf("verdict %q", got)
	}
	if s.rollouts.recover(p); len(p.runs) > 0 {
		t.Fatalf("while it fails %d runs are open again", len(p.runs))
	}
	p.rollout.Phase = reconciler.PhaseHealthy
	if s.rollouts.recover(p); len(p.runs) != 1 {
		t.Fatalf("once it is healthy %d runs are open again", len(p.runs))
	}
	if got := verdictOf(s.verdict(p, v, v.Newest, p.runs[0])); got != "success: "+string(reconciler.OutcomeRuns) {
		t.Errorf("verdict %q", got)
	}
	p.runs = nil
	if s.rollouts.recover(p); len(p.runs) > 0 {
		t.Error("it is told twice")
	}
}

// A retry has what could not be rolled out tried again, and answers for it then. A retry that was silent about it would leave
// people with a push as the only way.
func TestARetryRollsOutAgain(t *testing.T) {
	_, s := newRuleSession(t, true)
	p, v := s.projects.get(ruleKey), &config.View{Key: ruleKey, Present: true, Parsed: true, Newest: ruleRelease("v1.0.0")}
	s.gitops.Project(ruleKey).Want(v.Newest)
	p.rollout = rollout{since: simStart, Rollout: reconciler.Rollout{Release: "v1.0.0", Phase: reconciler.PhaseFailed, Cause: "it crashes"}}
	p.decided = decided{rest: &decision.Rest{Reason: decision.UpToDate}}
	r := run{Run: newRun(ruleKey, manifest.Cause{Kind: manifest.CauseRetry, Commit: "c1", Config: "c1"})}
	if got := verdictOf(s.verdict(p, v, v.Newest, &r)); got != "it goes on" || p.rollout.Phase != reconciler.PhaseProgressing {
		t.Errorf("verdict %q, and the rollout is %s", got, p.rollout.Phase)
	}
	p.rollout.Phase = reconciler.PhaseFailed
	if got := verdictOf(s.verdict(p, v, v.Newest, &r)); got != "failure: "+string(reconciler.OutcomeRolloutFailed) {
		t.Errorf("verdict %q once it has failed again", got)
	}
}

// A rollout whose engine never says anything fails when its time is over, and the loop wakes up for it.
func TestARolloutEndsByTime(t *testing.T) {
	world, s := newRuleSession(t, true)
	p := s.projects.get(ruleKey)
	s.gitops.Project(ruleKey).Want(ruleRelease("v1.0.0"))
	s.rollouts.want(ruleKey)
	s.rollouts.hand()
	until := simStart.Add(decision.RolloutLimit)
	if next := s.deadlines.Next(); !next.Equal(until) {
		t.Errorf("it is decided on again at %v, want %v", next, until)
	}
	world.now = until.Add(-time.Second)
	if s.rollouts.await(p, until); p.rollout.Phase != reconciler.PhaseProgressing {
		t.Errorf("a second before it is %s", p.rollout.Phase)
	}
	world.now = until
	if due := s.deadlines.Due(world.now); len(due) != 1 {
		t.Errorf("due are %v", due)
	}
	if s.rollouts.await(p, until); p.rollout.Phase != reconciler.PhaseFailed || p.rollout.Cause != "not healthy after 10m0s: it is not healthy yet" {
		t.Errorf("then it is %s: %s", p.rollout.Phase, p.rollout.Cause)
	}
}

// A start waits for what the forge knows of earlier processes, but not for ever.
func TestRecallIsWaitedForAWhile(t *testing.T) {
	world, s := newRuleSession(t, false)
	s.recall.begin("head")
	s.recall.waiting[ruleKey] = true
	for _, tt := range []struct {
		after time.Duration
		over  bool
	}{{0, false}, {recallPatience - time.Second, false}, {recallPatience, true}} {
		world.now = simStart.Add(tt.after)
		if s.recall.observe(); s.recall.over != tt.over || s.projects.dirty[ruleKey] != tt.over {
			t.Errorf("after %v: over %v, and who waited is decided on %v, want %v", tt.after, s.recall.over, s.projects.dirty[ruleKey], tt.over)
		}
	}
}

// Every build that a note says has failed is known to have, also those that failed together: none is made again when GitOps is lost.
func TestRecallKnowsAllBuildsThatFailed(t *testing.T) {
	_, s := newRuleSession(t, false)
	s.recall.begin("head")
	key := func(part string) string { return "key of " + part }
	id := func(part string) string { return decision.BuildID(ruleKey, part, key(part)) }
	s.recall.take(reconciler.Recalled{Commit: "c1", Statement: reconciler.Statement{
		Context: reconciler.ContextOf(ruleKey), State: reconciler.StateFailure, Stage: reconciler.StageFailed, Source: "a1",
		Build: id("source/a"), AlsoFailed: id("source/b") + " " + id("source/c"), Description: "build failed: a: no; b: no; c: no",
	}})
	for part, want := range map[string]bool{"source/a": true, "source/b": true, "source/c": true, "source/d": false} {
		if known := s.recall.knows(ruleKey, part, key(part)); known != want {
			t.Errorf("that %s failed is known: %v", part, known)
		}
	}
}

// A source that is not there once or twice is a matter of time, and nothing that anybody is told of. One whose host does not
// answer is not waited for after that either, but it is told much later.
func TestASourceMayFailAFewTimes(t *testing.T) {
	world, s := newRuleSession(t, false)
	p := s.projects.get(ruleKey)
	input := manifest.SourceInput{Part: manifest.PartSource}
	for _, tt := range []struct {
		reason   manifest.LostReason
		failures int
		after    time.Duration
		told     bool
	}{
		{manifest.LostBranch, 0, 0, false},
		{manifest.LostBranch, patience - 1, time.Hour, false},
		{manifest.LostBranch, patience, time.Second, true},
		{manifest.LostRepository, patience + 1, time.Second, true},
		{manifest.LostHost, patience, time.Minute, false},
		{manifest.LostHost, patience + 9, 10*time.Minute - time.Second, false},
		{manifest.LostHost, patience, 10 * time.Minute, true},
	} {
		world.now = simStart.Add(tt.after)
		put(&p.sources.failures, manifest.PartSource, worker.Sighting{
			Err: errSimFault, Failures: tt.failures, Since: simStart, Reason: tt.reason, Steady: true,
		})
		problems := s.sources.unreadable(p, input)
		if told := len(problems) > 0; told != tt.told || p.unreadableParts()[manifest.PartSource] != (tt.failures >= patience) {
			t.Errorf("%s, %d times in %v: it is told: %v (%v), want %v", tt.reason, tt.failures, tt.after, told, problems, tt.told)
		}
	}
}

// What a commit asks of a project, if anything.
func TestRunOf(t *testing.T) {
	wrong := manifest.Problems{{What: "wrong"}}
	view := func(version string, change func(*config.View)) *config.View {
		v := &config.View{Key: ruleKey, Present: true, Parsed: true}
		if version != "" {
			v.Newest = ruleRelease(version)
		}
		if change != nil {
			change(v)
		}
		return v
	}
	broken := func(v *config.View) { v.Problems = wrong }
	for _, tt := range []struct {
		name          string
		before, after *config.View
		edited, retry bool
		want          string
	}{
		{"nothing", view("v1.0.0", nil), view("v1.0.0", nil), false, false, ""},
		{"an edit", view("v1.0.0", nil), view("v1.0.0", nil), true, false, "config"},
		{"a retry", view("v1.0.0", nil), view("v1.0.0", nil), false, true, "retry for source"},
		{"a new project", nil, view("", nil), true, false, "config for source"},
		{"a rollback", view("v1.0.1", nil), view("v1.0.0", nil), false, false, "rollback"},
		{"a release of another process", view("v1.0.1", nil), view("v1.0.2", nil), false, false, "rollback silent"},
		{"a platform that gives other inputs", view("v1.0.0", nil), view("v1.0.0", func(v *config.View) { v.Inputs.Replicas = 2 }), false, false, "platform"},
		{"a file elsewhere is mended", view("v1.0.0", broken), view("v1.0.0", nil), false, false, "platform"},
		{"a file elsewhere is broken", view("v1.0.0", nil), view("v1.0.0", broken), false, false, ""},
	} {
		r := runOf(decision.Change{Transition: config.Transition{Key: ruleKey, Before: tt.before, After: tt.after, Edited: tt.edited}, Retry: tt.retry},
			manifest.Commit{Hash: "c1"}, "v1.0.1")
		got := ""
		if r != nil {
			if got = string(r.Cause.Kind); r.forSource {
				got += " for source"
			}
			if r.silent {
				got += " silent"
			}
		}
		if got != tt.want {
			t.Errorf("%s begins %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What changed since another process looked includes whom a retry was asked for: what that process remembers is older.
func TestChangedSinceKnowsRetries(t *testing.T) {
	world, s := newRuleSession(t, false)
	from := world.config.head
	edit := manifest.Edit{Message: manifest.FormatMessage("Retry", []manifest.Trailer{{Key: manifest.TrailerRetry, Value: ruleKey.String()}})}
	retry := world.config.commit(edit, from)
	world.config.head = retry
	if _, err := s.options.Config.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	changed, err := s.writer.changedSince(from, []string{retry})
	if diff := cmp.Diff(map[manifest.Key]bool{ruleKey: true}, changed); err != nil || diff != "" {
		t.Errorf("%v, changed (-want +got):\n%s", err, diff)
	}
}

// A retry means what was pushed just before it too: where the sources were seen does not count any more.
func TestARetryLooksAtTheSourcesAgain(t *testing.T) {
	for _, retry := range []bool{false, true} {
		_, s := newRuleSession(t, false)
		p, v := s.projects.get(ruleKey), &config.View{Key: ruleKey, Present: true, Parsed: true}
		seen := map[string]reconciler.Tip{manifest.PartSource: {Commit: "a1"}}
		put(&p.sources.tips, manifest.PartSource, seen[manifest.PartSource])
		put(&p.sources.watches, worker.Watch{Repository: "https://git.test/shop"}, []string{manifest.PartSource})
		change := decision.Change{Transition: config.Transition{Key: ruleKey, Before: v, After: v}, Commit: "c1", Retry: retry}
		if err := s.follower.take(change, nil, fold{}); err != nil {
			t.Fatal(err)
		}
		s.sources.lookAgain()
		before, now := p.sources.before, p.sources.tips
		if retry {
			before, now = now, before
		}
		if diff := cmp.Diff(seen, now); diff != "" || len(before) > 0 {
			t.Errorf("retry %v: known are %v, and before %v", retry, p.sources.tips, p.sources.before)
		}
	}
}

// Whom another process may not have told of their runs is told by the one that takes over what it remembers.
func TestWhoWasNotToldByAnotherProcessIsTold(t *testing.T) {
	_, s := newRuleSession(t, false)
	hash := strings.Repeat("1", 40)
	cause := manifest.Cause{Kind: manifest.CauseConfig, Commit: hash, Config: hash}
	p := s.projects.get(ruleKey)
	memory := gitops.Memory{Runs: map[manifest.Key]*manifest.RunSpec{ruleKey: {Highest: "v1.0.3", Asked: []manifest.Cause{cause}}}}
	if err := s.writer.adopt(p, memory); err != nil {
		t.Fatal(err)
	}
	if len(p.runs) != 1 || p.runs[0].Cause != cause || p.memory.Highest != "v1.0.3" || !s.projects.dirty[ruleKey] {
		t.Errorf("runs %v, remembered %+v", p.runs, p.memory)
	}
}
