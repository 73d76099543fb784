package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// tracer follows releases to the commits that made them and to what became of them. It reads each project once.
type tracer struct {
	*look
	projects map[manifest.Key]*tracedProject
}

// tracedProject is a project with its history.
type tracedProject struct {
	chronicle *chronicle
	// status as it is now; nil when the project is gone.
	status *projectStatus
}

func newTracer(l *look) *tracer {
	return &tracer{look: l, projects: map[manifest.Key]*tracedProject{}}
}

// project reads the history and the status of a project. One that never was is an error.
func (t *tracer) project(ctx context.Context, key manifest.Key) (*tracedProject, error) {
	if p := t.projects[key]; p != nil {
		return p, nil
	}
	c, err := t.chronicle(ctx, key)
	if err != nil {
		return nil, err
	}
	p := &tracedProject{chronicle: c}
	if c.removed == "" {
		status, err := t.look.project(key)
		if err != nil {
			return nil, err
		}
		p.status = &status
	}
	t.projects[key] = p
	return p, nil
}

// running answers what runs of a project; the newest release when that is not known.
func (t *tracer) running(ctx context.Context, key manifest.Key) (answer, error) {
	p, err := t.project(ctx, key)
	if err != nil {
		return answer{}, err
	}
	version := newestOf(p.chronicle.versions())
	if s := p.status; s != nil {
		switch v, err := manifest.ParseVersion(s.Runs); {
		case err == nil:
			version = v
		case s.Release != nil:
			if version, err = manifest.ParseVersion(s.Release.Version); err != nil {
				return answer{}, err
			}
		default:
			return t.unreleased(p, key), nil
		}
	}
	if version.IsZero() {
		return t.unreleased(p, key), nil
	}
	return t.trace(ctx, key, version)
}

// unreleased answers for a project without a release.
func (t *tracer) unreleased(p *tracedProject, key manifest.Key) answer {
	a := answer{Key: key, State: whyNone}
	switch s := p.status; {
	case s == nil:
		a.State = whyRemoved
	case s.State != stateNew:
		a.State, a.Why, a.Next = whyState(s.State), s.Why, s.Next
	default:
		a.Why, a.Next = append([]string{"nothing was released yet"}, s.Why...), s.Next
	}
	return a
}

// trace answers for one release.
func (t *tracer) trace(ctx context.Context, key manifest.Key, v manifest.Version) (answer, error) {
	p, err := t.project(ctx, key)
	if err != nil {
		return answer{}, err
	}
	release, err := t.release(p.chronicle, key, v)
	if err != nil {
		return answer{}, err
	}
	a := answer{Key: key, History: p.chronicle.happenings[v]}
	added, _ := p.chronicle.last(v, deedReleased, deedBack)
	spec := release.Spec
	a.Release = &tracedRelease{
		Version: v.String(), CreatedAt: terminal.RFC3339(spec.CreatedAt), Plan: spec.Plan, Images: spec.Images, Build: spec.Build, Cause: spec.Cause,
		Sources: sourcesOf(spec), Commit: added.Commit,
	}
	values, err := parseRunning([]byte(spec.Values))
	if err != nil {
		return answer{}, err
	}
	a.Release.URL = values.url()
	if spec.Cause.Kind != manifest.CauseSource {
		if a.Release.CausedBy, err = t.factIfThere(spec.Cause.Commit); err != nil {
			return answer{}, err
		}
	}
	if a.Release.GitOps, err = t.writtenBy(ctx, key, v); err != nil {
		return answer{}, err
	}
	t.judge(&a, p, v)
	return a, nil
}

// sourcesOf says where the images of a release were built from.
func sourcesOf(spec manifest.ReleaseSpec) []sourceFact {
	var found []sourceFact
	for _, input := range manifest.SourceInputs(spec.Project) {
		for _, image := range spec.Images {
			if image.Name == input.Image && image.Commit != "" {
				found = append(found, sourceFact{image.Name, gitstore.Redact(input.Source.Repository), image.Commit})
			}
		}
	}
	return found
}

// factIfThere looks at a commit of the config repository; nil when it is gone, as after a rewritten history.
func (t *tracer) factIfThere(hash string) (*commitFact, error) {
	fact, err := t.config.fact(hash)
	if errors.Is(err, gitstore.ErrNoCommit) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &fact, nil
}

// writtenBy is the newest commit of the GitOps repository that wrote the values of a release; nil when there is none.
func (t *tracer) writtenBy(ctx context.Context, key manifest.Key, v manifest.Version) (*commitFact, error) {
	if t.gitops == nil {
		return nil, nil
	}
	touches, err := t.gitops.touches(ctx, t.gitopsHead, "--", manifest.ValuesFile(key))
	if err != nil {
		return nil, err
	}
	for _, touch := range slices.Backward(touches) {
		commit, err := t.gitops.objects.Commit(touch.commit)
		if err != nil {
			return nil, err
		}
		if trailer(commit.Message, manifest.TrailerRelease) == v.String() {
			fact, err := t.gitops.fact(touch.commit)
			return &fact, err
		}
	}
	return nil, nil
}

// trailer is the value of a trailer; empty when the message has none.
func trailer(message, key string) string {
	for _, t := range manifest.Trailers(message) {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

// judge says what became of a release, since when, and why.
func (t *tracer) judge(a *answer, p *tracedProject, v manifest.Version) {
	last := a.History[len(a.History)-1]
	a.Since = last.Commit.At
	s := p.status
	if s == nil {
		fact, err := t.config.fact(p.chronicle.removed)
		a.State = whyRemoved
		if err == nil {
			a.Since = fact.At
			a.Why = append(a.Why, fmt.Sprintf("its project was deleted by commit %s%s", terminal.Short(fact.Hash), of(fact.Author)))
		}
		return
	}
	gone := slices.Contains([]deed{deedRolledBack, deedRetired, deedRemoved}, last.Deed)
	newest := s.Release != nil && s.Release.Version == v.String()
	switch {
	case s.Runs == v.String():
		a.State = whyRunning
		if a.Release.GitOps != nil {
			a.Since = a.Release.GitOps.At
		}
		a.Why, a.Next = s.Why, s.Next
		if s.Release != nil && !newest {
			a.Why = append(a.Why, fmt.Sprintf("%s is the newest release, and on its way", s.Release.Version))
		}
	case newest && t.gitops == nil:
		a.State, a.Why, a.Next = whyReleased, s.Why, s.Next
	case newest:
		a.State, a.Why, a.Next = whyPending, s.Why, s.Next
	case gone:
		a.State = map[deed]whyState{deedRolledBack: whyRolledBack, deedRetired: whyRetired, deedRemoved: whyRemoved}[last.Deed]
		t.judgeHeld(a, s)
	case s.Release == nil || compareVersions(s.Release.Version, v.String()) < 0:
		a.State, a.Why, a.Next = whyRefused, s.Why, s.Next
	default:
		a.State = whySuperseded
	}
}

// judgeHeld says what of a release that was rolled back is still kept from being released again.
func (t *tracer) judgeHeld(a *answer, s *projectStatus) {
	var parts []string
	for _, h := range s.Holds {
		if h.Reason == manifest.HeldRollback && h.Release == a.Release.Version {
			parts = append(parts, heldPart(h))
		}
	}
	if len(parts) == 0 {
		return
	}
	a.Why = append(a.Why, fmt.Sprintf("held: %s will not be released again by itself", listWords(parts)))
	a.Next = append(a.Next, fmt.Sprintf("to run it again: revert commit %s, or: plateform retry %s", terminal.Short(a.History[len(a.History)-1].Commit.Hash), a.Key))
}

// reported answers with what a report says, for a commit that no release was made of.
func (t *tracer) reported(ctx context.Context, key manifest.Key, n note) (answer, error) {
	a := answer{Key: key, State: stateOf(n.Report), Since: terminal.RFC3339(n.At)}
	a.Why = []string{n.summary()}
	p, err := t.project(ctx, key)
	if err != nil || p.status == nil {
		return a, err
	}
	for _, h := range p.status.Holds {
		if n.Source != "" && h.Source == n.Source {
			a.Why = append(a.Why, fmt.Sprintf("%s is held and not tried again by itself", heldPart(h)))
			a.Next = append(a.Next, "push a fix, or run: plateform retry "+key.String())
			return a, nil
		}
	}
	return a, nil
}

// stateOf is what a report says of a wish for a release.
func stateOf(r reconciler.Report) whyState {
	switch {
	case !r.Terminal():
		return whyPending
	case r.State == reconciler.StateFailure:
		return whyFailed
	case r.Stage == reconciler.StageSuperseded:
		return whySuperseded
	case r.Stage == reconciler.StageHeld:
		return whyHeld
	}
	return whyNone
}
