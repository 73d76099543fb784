package review

import (
	"context"
	"fmt"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// look finds proposals that nobody told of, and those that a branch which moved is about.
func (r *Reviewer) look(ctx context.Context) (again time.Duration, err error) {
	if _, err := r.seeTips(ctx); err != nil {
		return 0, err
	}
	proposals, err := r.Reviews.Open(ctx)
	if err != nil {
		return 0, err
	}
	open := map[int]bool{}
	for _, p := range proposals {
		open[p.Number] = true
		r.disturb(r.heads.saw(p.Number, p.Head))
		if r.isNew(p) {
			r.wake(p.Number, polling, p.UpdatedAt, false)
		}
	}
	for _, number := range r.heads.known() {
		if !open[number] {
			r.wake(number, polling, r.Clock(), false)
		}
	}
	if err := r.commands.hear(ctx); err != nil {
		return 0, err
	}
	return r.Every - r.Jitter(r.Every/4), nil
}

// isNew says that nothing was said of a proposal as it is yet.
func (r *Reviewer) isNew(p reconciler.Proposal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.views[p.Number]
	return v == nil || v.done.head != p.Head || v.done.framing != framingOf(p)
}

// seeTips finds out where the branches are, unless that was just done, and wakes the proposals that they moved away under.
func (r *Reviewer) seeTips(ctx context.Context) (tips, error) {
	before, seenAt := r.seen.get()
	if before.config != "" && r.Clock().Sub(seenAt) < tipsLast {
		return before, nil
	}
	var now tips
	var err error
	if now.config, err = r.Config.Fetch(ctx, branchRef(r.ConfigBranch), before.config); err != nil {
		return now, err
	}
	if now.gitops, err = r.GitOps.Fetch(ctx, branchRef(r.GitOpsBranch), before.gitops); err != nil {
		return now, err
	}
	if now.config == "" {
		return now, fmt.Errorf("the config repository has no branch %s", r.ConfigBranch)
	}
	if err := r.released(ctx, before.config, now.config); err != nil {
		return now, err
	}
	r.seen.set(now, r.Clock())
	r.follow(now)
	return now, nil
}

// released has the commits looked at again whose releases came or went.
func (r *Reviewer) released(ctx context.Context, before, now string) error {
	if before == now {
		return nil
	}
	if before == "" {
		return r.recently(now)
	}
	changes, err := r.Config.Diff(before, now)
	if err != nil { // the history was rewritten, and what was before is not at hand any more
		return r.recently(now)
	}
	commits := map[string]bool{}
	var gone []string
	for _, change := range changes {
		file, ok := manifest.FileOf(change.Path)
		if !ok || file.Kind != manifest.KindRelease || change.Special {
			continue
		}
		commit, hash := now, change.After
		if hash == "" {
			commit, hash = before, change.Before
			last, err := r.outcomes.ranLast(now, file.Key, file.Version)
			if err != nil {
				return err
			}
			if last { // else it is an old one, tidied away
				gone = append(gone, change.Path)
			}
		}
		data, err := reconciler.ReadFile(r.Config, commit, change.Path, hash)
		if err != nil {
			return err
		}
		if release, problems := manifest.ParseRelease(change.Path, data); len(problems) == 0 && release.Spec.Cause.Kind != manifest.CauseSource {
			commits[release.Spec.Cause.Commit] = true
		}
		for _, commit := range r.outcomes.rolledBack(file.Key) { // it may be back, or in the next release
			commits[commit] = true
		}
	}
	also, err := r.outcomes.wentAlong(ctx, before, gone)
	if err != nil {
		return err
	}
	for _, commit := range also {
		commits[commit] = true
	}
	for commit := range commits {
		r.queue.Add(commitKey + commit)
	}
	return nil
}

func branchRef(branch string) string { return "refs/heads/" + branch }

// follow wakes the proposals that were planned of other tips, where that can make a difference.
func (r *Reviewer) follow(now tips) {
	differ := differences{r: r, now: now, rewritten: map[string]bool{}, config: map[string][]manifest.Change{}, gitops: map[string][]manifest.Change{}}
	for _, number := range r.numbers(func(v *view) bool { return v.done.head != "" && v.done.tips != now }) {
		done := r.begun(number).done
		if differ.touch(done) {
			r.wake(number, moved, r.Clock(), false)
			continue
		}
		r.mu.Lock()
		if v := r.views[number]; v != nil && v.done.head == done.head && v.done.tips == done.tips {
			v.done.tips = now
		}
		r.mu.Unlock()
	}
}

// differences are what changed on the branches, asked once for each commit that proposals were planned on.
type differences struct {
	r   *Reviewer
	now tips
	// rewritten says of commits that the config branch does not lead back to them any more.
	rewritten      map[string]bool
	config, gitops map[string][]manifest.Change
}

// touch says that what changed since can make another plan. After a rewritten history it can, whatever the files are: it may have no
// commit in common any more with what is proposed.
func (d differences) touch(done done) bool {
	rewritten, known := d.rewritten[done.tips.config]
	if !known {
		_, related, err := config.Span(d.r.Config, done.tips.config, d.now.config)
		rewritten = err != nil || !related
		d.rewritten[done.tips.config] = rewritten
	}
	if rewritten {
		return true
	}
	changes, err := between(d.r.Config, d.config, done.tips.config, d.now.config)
	if err != nil || done.touchedBy(changes) {
		return true
	}
	changes, err = between(d.r.GitOps, d.gitops, done.tips.gitops, d.now.gitops)
	return err != nil || done.touchedByGitOps(changes)
}

func between(reader reconciler.Reader, known map[string][]manifest.Change, from, to string) ([]manifest.Change, error) {
	if changes, found := known[from]; found || from == to {
		return changes, nil
	}
	changes, err := reader.Diff(from, to)
	if err == nil {
		known[from] = changes
	}
	return changes, err
}
