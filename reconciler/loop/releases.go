package loop

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/release"
)

// releases makes release files.
type releases struct {
	*world
	runs   *runs
	builds *builds
}

// push commits the releases that are ready, one commit each and all in one push, and takes those commits in. It says
// whether there were any.
func (rl *releases) push(ctx context.Context, follower *follower) (bool, error) {
	g := rl.gates.config
	if g.Shut() {
		rl.wait()
		return false, nil
	}
	edits, ready := rl.edits()
	edits = append(edits, rl.retire(ready)...)
	if len(edits) == 0 {
		g.Idle()
		return false, nil
	}
	if g.Why() == "" {
		rl.announce(ready)
	}
	commits, err := rl.world.push(ctx, rl.options.Config, g, rl.head, edits)
	if g.Shut() {
		rl.wait()
		if !errors.Is(err, manifest.ErrMoved) {
			return false, nil // what needs no release goes on
		}
	}
	if err != nil {
		return false, err
	}
	rl.head = commits[len(commits)-1]
	if err := follower.follow(commits, true); err != nil {
		return false, err
	}
	for i, p := range ready {
		rl.released(p, commits[i])
	}
	return len(ready) > 0, nil
}

// announce tells those who wait that their release is about to be made.
func (rl *releases) announce(ready []*project) {
	for _, p := range ready {
		rl.runs.reportAll(p, reconciler.Report{
			Stage: reconciler.StageUpdatingGitOps, Outcome: reconciler.OutcomeReleasing,
			Release: reconciler.ReleaseFacts{Version: p.decided.draft.Version.String()},
		})
	}
}

// wait has all that may have something to push decided on again at the next try, and tells those whose release waits.
func (rl *releases) wait() {
	for k := range rl.projects.dirty {
		rl.gates.config.Wait(k)
	}
	for _, p := range rl.drafts() {
		rl.runs.stuck(p, rl.gates.config)
	}
}

// drafts are the projects that have a release to make.
func (rl *releases) drafts() (drafts []*project) {
	for _, k := range rl.projects.dirtyKeys() {
		if p := rl.projects.get(k); p.decided.draft != nil {
			drafts = append(drafts, p)
		}
	}
	return drafts
}

// edits makes the commits of all releases that are ready, on all cores, and returns them with their projects.
func (rl *releases) edits() (edits []manifest.Edit, ready []*project) {
	drafts := rl.drafts()
	o, c := rl.options, rl.catalog
	maker := release.Maker{Signer: o.Signer, PublicKeys: c.PublicKeys, Secrets: o.Secrets, Recipients: c.Platform.Spec.Secrets.Recipients}
	made := make([]manifest.Edit, len(drafts))
	failed := make([]error, len(drafts))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range drafts {
		group.Go(func() error {
			v := rl.view(p.key)
			made[i], failed[i] = maker.Edit(p.key, v.Owner, p.decided.draft, p.cause(*p.decided.draft, p.base(v), rl.catalog.Commit))
			return nil
		})
	}
	_ = group.Wait() // they return no errors
	for i, p := range drafts {
		if failed[i] == nil {
			edits, ready = append(edits, made[i]), append(ready, p)
			continue
		}
		rl.refuse(p, failed[i])
	}
	return edits, ready
}

// released closes a draft that is a release now.
func (rl *releases) released(p *project, commit string) {
	draft := p.decided.draft
	p.prove(draft.Images)
	for _, build := range draft.Builds {
		rl.builds.forget(p, build.Part)
	}
	p.memory = decision.RetryAnswered(p.memory)
	rl.runs.emitAll(p, reconciler.Event{Kind: reconciler.EventReleased, Release: draft.Version.String(), Commit: commit})
	rl.runs.start(p, &run{Run: newRun(p.key, manifest.Cause{Kind: manifest.CauseConfig, Commit: commit, Config: commit}), silent: true})
}

// refuse tells that a release cannot be made as things are.
func (rl *releases) refuse(p *project, err error) {
	rl.runs.emitAll(p, reconciler.Event{Kind: reconciler.EventReleaseRefused, Release: p.decided.draft.Version.String(), Error: err.Error()})
	problems := manifest.Problems{{File: manifest.ProjectFile(p.key), What: err.Error()}}
	if found, known := errors.AsType[manifest.Problems](err); known {
		problems = rl.catalog.WithLines(manifest.ProjectFile(p.key), found)
	}
	for _, r := range p.runs {
		r.own = append(r.own, problems...) // there is nobody else to report it to
	}
	p.decided.draft, p.decided.rest = nil, &decision.Rest{Reason: decision.Blocked, Problems: problems}
}

// cause picks why a release was made among the runs: the push whose code is new in it, else the newest that asked for
// something, else what follows from the release itself.
func (p *project) cause(d decision.Draft, base *manifest.Release, head string) manifest.Cause {
	isNew := func(part string) bool {
		return base == nil || d.Parts[part] != base.Spec.Parts[part]
	}
	for _, r := range slices.Backward(p.runs) {
		if r.Source != "" && slices.ContainsFunc(slices.Collect(maps.Keys(d.Parts)), func(part string) bool {
			return isNew(part) && d.Parts[part] == r.sourceKey
		}) {
			return r.Cause
		}
	}
	for _, r := range slices.Backward(p.runs) {
		if r.Source != "" && slices.ContainsFunc(d.Images, func(i manifest.Image) bool { return i.Commit == r.Source }) {
			return r.Cause
		}
	}
	for _, r := range slices.Backward(p.runs) {
		cause := r.Cause
		if cause.Kind == manifest.CauseRollback {
			cause.Kind = r.asks
		}
		if r.Source == "" && !r.silent && !r.stopped && cause.Kind != "" {
			return cause
		}
	}
	for _, r := range slices.Backward(p.runs) { // what had waited goes out with a push that changed something else
		if r.Source != "" && decision.At(p.sources.tips, r.Source) && d.NewSource(base) {
			return r.Cause
		}
	}
	return release.Cause(d, base, head)
}
