package loop

import (
	"context"
	"fmt"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// rounds bounds how often one project is decided on in one pass. Each round ends something, so a few are enough.
const rounds = 8

// decide decides on every project that wants it, and does what can be done at once.
func (s *session) decide(ctx context.Context, _ Hint) error {
	for _, k := range s.projects.dirtyKeys() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p := s.projects.get(k)
		if err := s.decideOn(p); err != nil { // one in trouble keeps back nobody else
			s.projects.late[k] = fmt.Errorf("deciding on %s: %w", k, err)
			p.decided = decided{}
			s.runs.retrying(p, reconciler.StageQueued, err)
		}
	}
	return nil
}

func (s *session) decideOn(p *project) error {
	view := s.view(p.key)
	s.sources.watch(p, view)
	s.sources.remember(p, view)
	for range rounds {
		seen, err := s.observed(p, view)
		if err != nil {
			return err
		}
		p.decided = decided{}
		again := false
		for _, action := range decision.Decide(p.before(), view, seen, s.now()) {
			again = s.do(p, view, action) || again
		}
		if !again {
			break
		}
	}
	s.awaited.keep(p, view)
	return nil
}

// observed is what Decide gets to see of the world.
func (s *session) observed(p *project, v *config.View) (decision.Observed, error) {
	seen := decision.Observed{
		Tips: p.sources.tips, Builds: p.builds, Unreadable: p.unreadableParts(), Failures: s.recall.failures[p.key],
		Rollout: p.rollout.observed(), RolloutSince: p.rollout.since,
	}
	images, err := s.images(p, v)
	if err != nil {
		return decision.Observed{}, err
	}
	seen.Images = images
	seen.Presence = s.presence.observed(p, v, images)
	if running := p.running(v); running != nil {
		shown := s.gitops.Project(p.key).Version()
		if shown != running.Version() {
			seen.Obstacles = s.catalog.Obstacles(v, running)
		}
		seen.Shown = shown == running.Version() || shown.IsZero()
	}
	if p.mayFail(seen) {
		seen.Together, err = s.together(p, v)
	}
	return seen, err
}

// mayFail says that a decision may be about a build that failed.
func (p *project) mayFail(seen decision.Observed) bool {
	for _, build := range p.builds {
		if build.Failed() {
			return true
		}
	}
	return len(seen.Failures) > 0
}

// images reads the images of all release files, when a source is wanted that does not run.
func (s *session) images(p *project, v *config.View) (map[string]manifest.Image, error) {
	base := p.base(v)
	keys, _ := decision.HeadKeys(v, base, p.memory.Retry != "", p.sources.tips)
	wanted := false
	for _, input := range manifest.SourceInputs(v.Spec) {
		wanted = wanted || keys[input.Part] != "" && (base == nil || keys[input.Part] != base.Spec.Parts[input.Part])
	}
	if !wanted || !v.Parsed {
		return nil, nil
	}
	if p.images != nil && slices.Equal(p.imagesOf, v.Releases) {
		return p.images, nil
	}
	images, err := config.ReleaseImages(s.catalog, v)
	if err != nil {
		return nil, err
	}
	p.images, p.imagesOf = images, v.Releases
	return images, nil
}

// do does one action, and says whether that calls for another decision.
func (s *session) do(p *project, v *config.View, action decision.Action) (again bool) {
	shown := s.gitops.Project(p.key)
	switch a := action.(type) {
	case decision.Deploy:
		shown.Want(a.Release)
	case decision.Refuse:
		shown.Leave()
		p.decided.refused = a.Problems
	case decision.AskRegistry:
		s.presence.ask(p, a.Images)
		if a.Release != nil {
			shown.Leave()
			p.decided.asking = true
		}
	case decision.Remove:
		shown.Remove()
	case decision.Await:
		s.rollouts.await(p, a.Until)
	case decision.Look:
		p.decided.rest = s.look(p, a.Input)
	case decision.StartBuild:
		s.builds.start(p, v, a.Build)
	case decision.CancelBuild:
		s.builds.cancel(p, a)
	case decision.Fail:
		s.builds.fail(p, a)
		return true
	case decision.StillWithdrawn:
		for _, build := range a.Builds {
			s.builds.forget(p, build.Part)
		}
		p.memory = decision.HoldOn(p.memory, a.Builds)
		return true
	case decision.Unchanged:
		s.builds.unchanged(p, a)
		return true
	case decision.MakeRelease:
		s.runs.ensure(p, v)
		p.decided.draft = &a.Draft
	case decision.Rest:
		p.decided.rest = &a
		if (a.Reason == decision.UpToDate || a.Reason == decision.Held) && !p.guesses(v) {
			p.memory = decision.RetryAnswered(p.memory) // this is the answer
		}
	}
	return false
}

// look waits for a source that nobody has seen yet, but not for ever.
func (s *session) look(p *project, input manifest.SourceInput) *decision.Rest {
	failed, found := p.sources.failures[input.Part]
	problems := s.sources.unreadable(p, input)
	switch {
	case !found:
		s.runs.queued(p)
		return nil
	case problems == nil:
		s.runs.retrying(p, reconciler.StageQueued, fmt.Errorf("reading %s: %w", input.Source.Repository, failed.Err))
		return nil
	}
	p.decided.unreadable = true
	return &decision.Rest{Reason: decision.Blocked, Problems: problems}
}
