package loop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/gitops"
)

// writer brings the GitOps repository to what the newest releases say, and takes in what others did there.
type writer struct {
	*world
	runs     *runs
	follower *follower
	rollouts *rollouts
}

// push brings GitOps to what it has to be: one commit each, all in one push. Whatever is remembered goes out with it, so
// that the config commit which the last of them stands for stands for all that came before it.
func (wr *writer) push(ctx context.Context) error {
	wanted := wr.wanted()
	waiting := wr.waiting()
	wanted.Keys = slices.DeleteFunc(wanted.Keys, func(k manifest.Key) bool { return slices.Contains(waiting, k) })
	for _, k := range wanted.Keys {
		wr.remember(wr.projects.get(k))
	}
	batch, err := wr.gitops.Edits(wanted)
	if err != nil {
		return err
	}
	if len(batch.Edits) > 0 && wr.rememberMore(&wanted, waiting) {
		if batch, err = wr.gitops.Edits(wanted); err != nil {
			return err
		}
	}
	if err := wr.tryToLand(ctx, batch, wanted.Keys); err != nil {
		return err
	}
	wr.rollouts.hand()
	return nil
}

// tryToLand pushes a batch, unless GitOps takes no pushes: then all projects that were decided on wait at the gate, so that
// the next push has what is wanted of all of them, and stands for the config commit rightly.
func (wr *writer) tryToLand(ctx context.Context, batch gitops.Batch, keys []manifest.Key) error {
	g := wr.gates.gitops
	if len(batch.Edits) == 0 {
		g.Idle()
		return nil
	}
	var err error
	if !g.Shut() {
		err = wr.land(ctx, batch)
	}
	if !g.Shut() {
		return err
	}
	for _, k := range keys {
		p := wr.projects.get(k)
		if shown := wr.gitops.Project(k); p.decided.rest != nil || !shown.Shows() || !shown.Remembers(p.memory) {
			wr.runs.stuck(p, g)
		}
	}
	if errors.Is(err, manifest.ErrMoved) {
		return err
	}
	for _, k := range keys {
		g.Wait(k)
		delete(wr.projects.dirty, k)
	}
	return nil
}

// wanted is what GitOps has to become for the projects that were decided on.
func (wr *writer) wanted() gitops.Wanted {
	return gitops.Wanted{
		Catalog: wr.catalog, Keys: wr.projects.dirtyKeys(), Now: wr.now(), Unreported: wr.runs.unreportedFiles(), Signer: wr.options.Signer,
		Run: func(k manifest.Key) manifest.RunSpec {
			if p := wr.projects.all[k]; p != nil {
				return p.memory
			}
			return manifest.RunSpec{}
		},
	}
}

// remember notes the run that new values end, and those that were not reported, when run.yaml is written anyway.
func (wr *writer) remember(p *project) {
	shown := wr.gitops.Project(p.key)
	if !shown.Shows() {
		wr.runs.recordWritten(p)
	}
	if !shown.Shows() || !shown.Remembers(p.memory) {
		p.memory.Asked = wr.runs.unreported(p)
	}
}

// waiting are the projects whose rollback waits for the registry's word, sorted. What is remembered of them goes out together
// with the rollback: one push.
func (wr *writer) waiting() (keys []manifest.Key) {
	for k := range wr.projects.asked {
		if wr.projects.get(k).decided.asking {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, manifest.Key.Compare)
	return keys
}

// rememberMore adds what has to be remembered beside what was decided on, and says whether there is any.
func (wr *writer) rememberMore(wanted *gitops.Wanted, waiting []manifest.Key) bool {
	more := wr.rememberWaiting(wanted, waiting)
	return wr.rememberUnreported(wanted) || more
}

// rememberWaiting has what is remembered of projects that wait go out all the same: GitOps is about to stand for the commits
// that it comes from.
func (wr *writer) rememberWaiting(wanted *gitops.Wanted, waiting []manifest.Key) (more bool) {
	for _, k := range waiting {
		wr.remember(wr.projects.get(k))
		if at, found := slices.BinarySearchFunc(wanted.Keys, k, manifest.Key.Compare); !found {
			wanted.Keys = slices.Insert(wanted.Keys, at, k)
		}
	}
	return len(waiting) > 0
}

// rememberUnreported notes the runs that may not have been reported yet: GitOps is about to stand for the commits that began
// them. It says whether there is one that was not noted already.
func (wr *writer) rememberUnreported(wanted *gitops.Wanted) (more bool) {
	for _, k := range wr.runs.unreportedKeys() {
		p := wr.projects.get(k)
		if wr.cannotBe(p) {
			continue // its files are reported again, as any that are broken
		}
		unreported := wr.runs.unreported(p)
		if slices.ContainsFunc(unreported, func(c manifest.Cause) bool { return !slices.Contains(p.memory.Asked, c) }) {
			p.memory.Asked = unreported
		}
		if wr.gitops.Project(k).Remembers(p.memory) {
			continue
		}
		more = true
		if at, found := slices.BinarySearchFunc(wanted.Keys, k, manifest.Key.Compare); !found {
			wanted.Keys = slices.Insert(wanted.Keys, at, k)
		}
	}
	return more
}

// cannotBe says that a project has a name that none can have, or is in such a workspace, and never was anything: it gets
// into nothing.
func (wr *writer) cannotBe(p *project) bool {
	v := wr.catalog.View(p.key)
	return v != nil && v.Newest == nil && reflect.DeepEqual(p.memory, manifest.RunSpec{Owner: p.memory.Owner}) &&
		slices.ContainsFunc(v.Problems, func(problem manifest.Problem) bool { return problem.Field == "metadata.name" })
}

// land pushes a batch.
func (wr *writer) land(ctx context.Context, batch gitops.Batch) error {
	commits, err := wr.world.push(ctx, wr.options.GitOps, wr.gates.gitops, wr.gitops.Head(), batch.Edits)
	if err != nil {
		return err
	}
	wr.gitops.Landed(batch, commits)
	for i, commit := range commits {
		shown := batch.Written[i]
		if shown == nil {
			continue
		}
		release := ""
		if !shown.Version().IsZero() {
			release = shown.Version().String()
		}
		wr.rollouts.want(shown.Key())
		wr.runs.emitAll(wr.projects.get(shown.Key()), reconciler.Event{Kind: reconciler.EventWritten, Release: release, Commit: commit})
	}
	return nil
}

// fetch fetches the GitOps repository. Commits of Plateform's own are taken in, whoever made them; whatever somebody else
// changed is compared, and written back.
func (wr *writer) fetch(ctx context.Context) error {
	head, err := wr.options.GitOps.Fetch(ctx)
	if err != nil {
		return fmt.Errorf("reading the GitOps repository: %w", err)
	}
	if head == wr.gitops.Head() {
		return nil
	}
	mark, ours, err := gitops.FindMark(wr.options.GitOps, head, wr.gitops.Head(), wr.trustedKeys(wr.catalog.Commit))
	if err != nil {
		return err
	}
	switch {
	case ours && mark.Commit != "":
		if err := wr.takeOurs(ctx, mark); err != nil {
			return err
		}
	case mark.Commit != "" && !wr.beyond(mark.Config): // GitOps was lost, and another process has made it again since
		return fmt.Errorf("GitOps stands for config commit %.10s: %w", mark.Config, errReopen)
	}
	if wr.gitops.Head() == head {
		return nil
	}
	return reopenAfter(wr.takeForeign(head))
}

// takeForeign takes in what others did to GitOps up to its head.
func (wr *writer) takeForeign(head string) error {
	memory, err := wr.gitops.TakeForeign(head)
	if err != nil {
		return err
	}
	for k := range memory.Touched {
		wr.projects.get(k)
		wr.projects.touch(k)
		wr.rollouts.want(k) // what they put there may be what has to be there: then nothing is written
	}
	if n := len(memory.Touched); n > 0 {
		wr.options.Log.Warn("somebody else pushed to GitOps", "projects", n, "head", manifest.Short(head))
	}
	return nil
}

// takeOurs takes in what another process of Plateform's did: what it remembers of a project counts from the config commit
// on that its commit stands for.
func (wr *writer) takeOurs(ctx context.Context, mark gitops.Mark) error {
	wr.noticeOthers("gitops", wr.options.GitOps, []string{mark.Commit})
	later, err := wr.reach(ctx, mark.Config)
	if err != nil {
		return err
	}
	memory, err := wr.gitops.TakeOurs(mark.Commit)
	if err != nil {
		return reopenAfter(err)
	}
	for _, k := range slices.SortedFunc(maps.Keys(memory.Touched), manifest.Key.Compare) { // runs begin in one order
		if later[k] { // what it remembers is from before what was taken in here since
			return fmt.Errorf("%s was remembered by another process at config commit %.10s: %w", k, mark.Config, errReopen)
		}
		if err := wr.adopt(wr.projects.get(k), memory); err != nil {
			return reopenAfter(err)
		}
	}
	return wr.follower.fetch(ctx)
}

// adopt takes over what another process remembers of a project.
func (wr *writer) adopt(p *project, memory gitops.Memory) error {
	wr.projects.touch(p.key)
	wr.rollouts.want(p.key)
	run, found := memory.Runs[p.key]
	if !found {
		return nil
	}
	p.sources.again = len(p.sources.tips) > 0 && !slices.Equal(run.Holds, p.memory.Holds) // it has seen where they are
	p.memory = *run
	wr.runs.startAgain(p)
	return wr.follower.recallKept(p)
}

// reach brings the catalog to a config commit that another process has seen, unless it is there or beyond. Then it returns
// the projects that were changed since that commit.
func (wr *writer) reach(ctx context.Context, commit string) (later map[manifest.Key]bool, err error) {
	if commit == wr.catalog.Commit {
		return nil, nil
	}
	if since, related, err := config.Span(wr.options.Config, commit, wr.catalog.Commit); err == nil && related {
		return wr.changedSince(commit, since)
	}
	if wr.head, err = wr.options.Config.Fetch(ctx); err != nil {
		return nil, fmt.Errorf("reading the config repository: %w", err)
	}
	commits, related, err := wr.follower.since(commit)
	if err != nil || !related {
		return nil, fmt.Errorf("another process stands for config commit %.10s: %w", commit, errReopen)
	}
	wr.head = commit
	return nil, wr.follower.follow(commits, false)
}

// beyond says that the catalog is at a config commit, or beyond.
func (wr *writer) beyond(commit string) bool {
	_, related, err := config.Span(wr.options.Config, commit, wr.catalog.Commit)
	return err == nil && related
}

// changedSince are the projects that changed on the way from a config commit to where the catalog is.
func (wr *writer) changedSince(from string, commits []string) (map[manifest.Key]bool, error) {
	changed := map[manifest.Key]bool{}
	before := from
	for _, hash := range commits {
		changes, err := wr.options.Config.Diff(before, hash)
		if err != nil {
			return nil, fmt.Errorf("comparing config commits %.10s and %.10s: %w", before, hash, err)
		}
		for _, change := range changes {
			f, ok := manifest.FileOf(change.Path)
			if ok && f.Key.Project == "" { // a workspace, or the platform
				return nil, fmt.Errorf("%s was changed since config commit %.10s: %w", change.Path, from, errReopen)
			}
			changed[f.Key] = true
		}
		commit, err := wr.options.Config.Commit(hash)
		if err != nil {
			return nil, fmt.Errorf("reading config commit %.10s: %w", hash, err)
		}
		for _, k := range config.Retries(commit) {
			changed[k] = true
		}
		before = hash
	}
	return changed, nil
}
