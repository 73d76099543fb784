package loop

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// rounds bounds how often one project is decided on in one pass. Each round ends something, so a few are enough.
const rounds = 8

// patience is how many looks at a source may fail in a row before people are told that it failed.
const patience = 3

// settle decides on every project that wants it, and does what can be done at once.
func (s *state) settle(ctx context.Context, _ Hint) error {
	for _, k := range s.dirtyKeys() {
		p := s.project(k)
		err := s.settleOne(ctx, p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // a builder in trouble, say, keeps back nobody who does not need it
			s.late[k] = fmt.Errorf("deciding on %s: %w", k, err)
			p.settled = settled{}
			s.sayLate(p, reconciler.StageQueued, err)
		}
	}
	return nil
}

func (s *state) settleOne(ctx context.Context, p *project) error {
	view := s.viewOf(p.key)
	s.watch(p, view)
	for range rounds {
		seen, err := s.observed(p, view)
		if err != nil {
			return err
		}
		p.settled = settled{}
		again := false
		for _, action := range decision.Decide(p.before(), view, seen, s.Clock().UTC()) {
			repeat, err := s.do(ctx, p, view, action)
			if err != nil {
				return err
			}
			again = again || repeat
		}
		if !again {
			return nil
		}
	}
	return nil
}

// viewOf is what HEAD says of a project; an empty view when it never heard of it.
func (s *state) viewOf(k manifest.Key) *config.View {
	if v := s.catalog.View(k); v != nil {
		return v
	}
	return &config.View{Key: k}
}

// do does one action, and says whether that calls for another decision.
func (s *state) do(ctx context.Context, p *project, v *config.View, action decision.Action) (again bool, err error) {
	switch a := action.(type) {
	case decision.Deploy:
		p.output.release, p.output.wanted = a.Release, string(a.Release.Spec.Values)
		if p.output.actual == p.output.wanted {
			p.output.actual = p.output.wanted // in memory once
		}
	case decision.Refuse:
		p.output.release, p.settled.refused = nil, a.Problems
	case decision.Remove:
		p.output.release, p.output.wanted = nil, ""
	case decision.Look:
		p.settled.rest = s.patienceWith(p, a.Input)
	case decision.StartBuild:
		return false, s.startBuild(ctx, p, v, a.Build)
	case decision.CancelBuild:
		return false, s.cancelBuild(ctx, p, a)
	case decision.Fail:
		s.fail(p, a)
		return true, nil
	case decision.MakeRelease:
		s.ensureAsk(p, v)
		p.settled.draft = &a.Draft
	case decision.Rest:
		p.settled.rest = &a
		if (a.Reason == decision.UpToDate || a.Reason == decision.Held) && !p.guesses(v) {
			p.run.Retry = "" // this is the answer
		}
	}
	return false, nil
}

// patienceWith waits for a source that nobody has seen yet, but not for ever.
func (s *state) patienceWith(p *project, input manifest.SourceInput) *decision.Rest {
	seen, failed := p.lookErrors[input.Part]
	if !failed {
		s.sayAll(p, reconciler.StageQueued, queued, "")
		return nil
	}
	if seen.failures < patience {
		s.sayAll(p, reconciler.StageQueued, fmt.Sprintf("trying again to read %s: %v", input.Source.Repository, seen.err), "")
		return nil
	}
	return &decision.Rest{Reason: decision.Blocked, Problems: manifest.Problems{{
		File: manifest.ProjectFile(p.key), Field: "spec.source",
		What: fmt.Sprintf("the source cannot be read: %v", seen.err),
		Fix:  "it goes on by itself once the repository, the branch and the path can be read",
	}}}
}

// queued is said once, however often a run finds that it has to wait.
const queued = "queued"

func (s *state) startBuild(ctx context.Context, p *project, v *config.View, build decision.Build) error {
	s.ensureAsk(p, v)
	if p.run.Retry != "" {
		if err := s.Builder.Forget(ctx, build.Request.ID); err != nil {
			return fmt.Errorf("preparing to retry the build of %s: %w", describe(build.Request), err)
		}
	}
	if err := s.Builder.Start(ctx, build.Request); err != nil {
		return fmt.Errorf("starting the build of %s: %w", describe(build.Request), err)
	}
	p.builds[build.Part] = build
	s.building[p.key] = true
	s.sayAll(p, reconciler.StageQueued, queued, "")
	s.Meter.Built(build.Request, reconciler.BuildStatus{})
	s.logRuns(p, slog.LevelInfo, "build asked for", "build", build.Request.ID, "what", describe(build.Request))
	return nil
}

func (s *state) cancelBuild(ctx context.Context, p *project, a decision.CancelBuild) error {
	if err := s.Builder.Cancel(ctx, a.Build.Request.ID); err != nil {
		return fmt.Errorf("stopping the build of %s: %w", describe(a.Build.Request), err)
	}
	s.forgetBuild(p, a.Build.Part)
	s.Meter.Built(a.Build.Request, reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Canceled: true}})
	s.logRuns(p, slog.LevelInfo, "build stopped", "build", a.Build.Request.ID, "superseded", a.Superseded)
	if a.Superseded && len(p.asks) > 1 {
		newest := p.asks[len(p.asks)-1]
		s.answer(p, func(a *ask) (reconciler.State, reconciler.Stage, string, bool) {
			return reconciler.StateSuccess, reconciler.StageSuperseded, "superseded by " + manifest.Short(newest.Commit), a != newest && !a.Silent
		}, "")
	}
	return nil
}

func (s *state) forgetBuild(p *project, part string) {
	delete(p.builds, part)
	if len(p.builds) == 0 {
		delete(s.building, p.key)
	}
}

// fail remembers that a build failed and tells those who asked for it. A config change that can go without the build
// is not over yet.
func (s *state) fail(p *project, a decision.Fail) {
	failure := a.Build.Status.Failure
	for _, part := range a.Over(p.builds) {
		s.forgetBuild(p, part)
	}
	for _, hold := range a.Holds {
		hold.Commit = s.catalog.Commit
		p.run.Holds = append(slices.Clip(p.run.Holds), hold)
	}
	view := s.viewOf(p.key)
	p.run = decision.EndHolds(p.run, view, decision.KnownKeys(view, decision.BaseRelease(p.before(), view), p.tips)) // a source may have moved on
	s.ensureAsk(p, view)
	words := "build failed: " + failure.Summary
	if failure.Log != "" {
		words += "\n" + failure.Log
	}
	alone := s.shipsAlone(p, view)
	var theirs []*ask
	for _, open := range p.asks {
		if forBuild := open.Source == "" && len(a.Holds) > 0 && (!alone || open.ForSource); !open.Silent &&
			(forBuild || open.Source != "" && open.Source == a.Build.Request.Commit) {
			theirs = append(theirs, open)
		}
	}
	s.recordFailure(p, a.Build, theirs)
	s.logRuns(p, slog.LevelWarn, "build failed", "build", a.Build.Request.ID, "error", failure.Summary)
	s.answer(p, func(open *ask) (reconciler.State, reconciler.Stage, string, bool) {
		return reconciler.StateFailure, reconciler.StageFailed, words, slices.Contains(theirs, open)
	}, a.Build.Status.URL)
	p.run.Retry = ""
}

// shipsAlone says that, with the holds there are now, a config change can still be released.
func (s *state) shipsAlone(p *project, v *config.View) bool {
	next := decision.NewPursuit(p.before(), v, decision.Observed{Tips: p.tips, Builds: p.builds}, s.Clock())
	return !next.Stuck && next.Base != nil && !maps.Equal(next.Want, next.Base.Spec.Parts)
}

// ensureAsk makes sure that somebody asked: after a restart nobody may be left who did, but the commit is still there.
func (s *state) ensureAsk(p *project, v *config.View) *ask {
	if n := len(p.asks); n > 0 {
		return p.asks[n-1]
	}
	a := ask{Cause: manifest.Cause{Kind: manifest.CauseConfig, Commit: s.catalog.Commit, Config: s.catalog.Commit}}
	base := decision.BaseRelease(p.before(), v)
	keys, _ := decision.HeadKeys(v, base, false, p.tips)
	for _, input := range manifest.SourceInputs(v.Spec) {
		tip, seen := p.tips[input.Part]
		if seen && base != nil && keys[input.Part] != base.Spec.Parts[input.Part] && keys[manifest.PartProject] == base.Spec.Parts[manifest.PartProject] {
			a.Kind, a.Commit, a.Source, a.SourceKey, a.By = manifest.CauseSource, tip.Commit, tip.Commit, keys[input.Part], tip.By
		}
	}
	if a.Source == "" {
		a.Commit = s.lastEdit(p.key)
		a.Config = a.Commit
	}
	return s.hear(p, a)
}

// lastEdit is the newest commit that changed a project's file, as far back as it pays to look.
func (s *state) lastEdit(k manifest.Key) string {
	const far = 1000
	file := manifest.ProjectFile(k)
	hash := s.catalog.Commit
	now, err := s.Config.Read(hash, file)
	for i := 0; i < far && err == nil; i++ {
		commit, commitErr := s.Config.Commit(hash)
		if commitErr != nil || len(commit.Parents) == 0 {
			return hash
		}
		then, readErr := s.Config.Read(commit.Parents[0], file)
		if readErr != nil || string(then) != string(now) {
			return hash
		}
		hash = commit.Parents[0]
	}
	return s.catalog.Commit
}
