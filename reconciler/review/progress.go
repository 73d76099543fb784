package review

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/card"
	"github.com/plateform/plateform/reconciler/words"
)

const (
	// pace is how long what is under way may go untold on a card, so that a deploy of a few seconds is one edit; verdicts wait for
	// those that come with them.
	pace         = 10 * time.Second
	verdictPause = time.Second
	// unseen is how old a commit has to be for the forge to know for sure that no proposal brought it.
	unseen = 2 * time.Minute
	// maxFollowed bounds how many commits it is kept of what was reported on them.
	maxFollowed = 512
	// maxRecent bounds the commits that a process that starts looks at again. When they were written says nothing: a rebase keeps that.
	maxRecent = 30
)

// Record is what commits of the config repository say already, oldest first, also of what other processes reported.
type Record interface {
	// Said returns it by commit.
	Said(ctx context.Context, commits []string) (map[string][]reconciler.Statement, error)
}

// followed is what is known of a commit that was reported on.
type followed struct {
	// proposals that brought it, as far as they are known: asked says that they are.
	proposals []int
	asked     bool
	reports   map[manifest.Key]reconciler.Report
	// rolledBack are the projects of which a release that it came out with was taken back.
	rolledBack map[manifest.Key]bool
}

// Observe implements reconciler.Observer: reports are what the card of a merged proposal goes on with.
func (r *Reviewer) Observe(e reconciler.Event) {
	if e.Kind != reconciler.EventReported || e.Report == nil || e.Report.Project == (manifest.Key{}) {
		return
	}
	report := *e.Report
	r.outcomes.reported(report)
	wait := pace
	if report.State != reconciler.StatePending {
		wait = verdictPause
	}
	r.queue.AddAfter(commitKey+report.Commit, wait)
}

// outcomes keep what became of commits that proposals brought.
type outcomes struct {
	Options

	mu sync.Mutex
	// commits are those that were reported on.
	commits *lru.LRU[string, *followed]
}

// reported takes a report.
func (o *outcomes) reported(report reconciler.Report) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.follows(report.Commit).reports[report.Project] = report
}

// brought notes that a proposal brought a commit.
func (o *outcomes) brought(commit string, number int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.follows(commit).add(number)
}

// follows returns what is known of a commit. Whoever calls it has the lock.
func (o *outcomes) follows(commit string) *followed {
	f, found := o.commits.Get(commit)
	if !found {
		f = &followed{reports: map[manifest.Key]reconciler.Report{}, rolledBack: map[manifest.Key]bool{}}
		o.commits.Add(commit, f)
	}
	return f
}

// wasRolledBack keeps whether the release that commits came out with was taken back.
func (o *outcomes) wasRolledBack(commits []string, key manifest.Key, was bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, commit := range commits {
		o.follows(commit).rolledBack[key] = was
	}
}

// rolledBack are the commits of which a release of a project was taken back.
func (o *outcomes) rolledBack(key manifest.Key) (commits []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, commit := range o.commits.Keys() {
		if f, found := o.commits.Peek(commit); found && f.rolledBack[key] {
			commits = append(commits, commit)
		}
	}
	return commits
}

// reported gives the proposals that brought a commit their turns.
func (r *Reviewer) reported(ctx context.Context, commit string) error {
	numbers, err := r.outcomes.broughtBy(ctx, commit)
	for _, number := range numbers {
		r.wake(number, reporting, r.Clock(), false)
	}
	return err
}

// broughtBy are the proposals that brought a commit.
func (o *outcomes) broughtBy(ctx context.Context, commit string) ([]int, error) {
	o.mu.Lock()
	f := o.follows(commit)
	numbers, asked := f.proposals, f.asked
	o.mu.Unlock()
	if asked {
		return numbers, nil
	}
	numbers, err := o.Reviews.Merged(ctx, commit)
	if err != nil {
		return nil, err
	}
	about, err := o.Config.Commit(commit)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	f = o.follows(commit)
	for _, number := range numbers {
		f.add(number)
	}
	f.asked = len(numbers) > 0 || o.Clock().Sub(about.Author.When) > unseen
	return f.proposals, nil
}

// add notes that a proposal brought the commit.
func (f *followed) add(number int) {
	if !slices.Contains(f.proposals, number) {
		f.proposals = append(f.proposals, number)
	}
}

// commitsOf are the commits that a proposal brought, as far as they are known.
func (o *outcomes) commitsOf(p reconciler.Proposal) []string {
	commits := []string{p.MergedAs}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, commit := range o.commits.Keys() {
		if f, found := o.commits.Peek(commit); found && commit != p.MergedAs && slices.Contains(f.proposals, p.Number) {
			commits = append(commits, commit)
		}
	}
	return commits
}

// tell writes what became of a merged proposal on its card, or says when to come again because it has only just begun.
func (r *Reviewer) tell(ctx context.Context, p reconciler.Proposal) (again time.Duration, err error) {
	now, err := r.seeTips(ctx)
	if err != nil {
		return 0, err
	}
	r.outcomes.brought(p.MergedAs, p.Number)
	before := r.begin(p.Number)
	c, err := r.outcomes.outcome(ctx, p, now.config)
	if err == nil && slices.ContainsFunc(c.Progress, lacksRelease) { // it may be newer than the last look
		r.seen.expire()
		if now, err = r.seeTips(ctx); err == nil {
			c, err = r.outcomes.outcome(ctx, p, now.config)
		}
	}
	if wait := untold(c.Progress, r.Clock()); err == nil && wait > 0 {
		return wait, nil
	}
	if err == nil && len(c.Progress) > 0 {
		c.Woken = before.woken.words(r.Clock())
		err = r.Reviews.Comment(ctx, p.Number, c.Comment())
	}
	if err != nil {
		r.wish(p.Number, before.woken, false)
		return 0, fmt.Errorf("writing the card: %w", err)
	}
	r.forget(p.Number)
	return 0, nil
}

// lacksRelease says that a project is well without a release that is known.
func lacksRelease(p card.Progress) bool { return p.State == reconciler.StateSuccess && p.Release == "" }

// untold is how long it may stay untold that something is under way: nothing of it has ended, and the verdict may come soon.
func untold(progress []card.Progress, now time.Time) (wait time.Duration) {
	for _, p := range progress {
		if p.State != reconciler.StatePending {
			return 0
		}
		left := p.Since.Add(pace).Sub(now)
		if left <= 0 || left > pace { // or whoever said it has another clock
			return 0
		}
		wait = max(wait, left)
	}
	return wait
}

// outcome is the card of a merged proposal.
func (o *outcomes) outcome(ctx context.Context, p reconciler.Proposal, head string) (card.Card, error) {
	commits := o.commitsOf(p)
	progress, err := o.progress(ctx, commits)
	if err != nil {
		return card.Card{}, err
	}
	well := map[manifest.Key]bool{}
	for _, p := range progress {
		well[p.Project] = p.State == reconciler.StateSuccess && p.Stage != reconciler.StageHeld
	}
	found, err := o.trace(ctx, head, commits, well)
	if err != nil {
		return card.Card{}, err
	}
	for i := range progress {
		key := progress[i].Project
		made, ok := found[key]
		if !ok {
			continue
		}
		progress[i].Release, progress[i].RolledBackBy = made.version.String(), made.removedBy
		o.wasRolledBack(commits, key, made.removedBy != "")
		if made.newest && progress[i].State == reconciler.StateSuccess {
			progress[i].RollbackURL = o.DeletePage(manifest.ReleaseFile(key, made.version))
		}
	}
	return card.Card{Merged: p.MergedAs, Progress: progress}, nil
}

// progress is how far the projects are that reports on commits are about: what is written down, and then what is new of it.
func (o *outcomes) progress(ctx context.Context, commits []string) ([]card.Progress, error) {
	said, err := o.Record.Said(ctx, commits)
	if err != nil {
		return nil, err
	}
	newest, since := map[manifest.Key]reconciler.Statement{}, map[manifest.Key]time.Time{}
	for _, commit := range commits {
		statements := said[commit]
		o.mu.Lock()
		var reported []reconciler.Statement
		for _, report := range o.follows(commit).reports {
			reported = append(reported, words.Statement(report))
		}
		o.mu.Unlock()
		// What a process that starts says once more is no news, in whatever words.
		for _, s := range append(statements, reconciler.News(statements, reported)...) {
			if key, ok := reconciler.KeyOfContext(s.Context); ok && s.Source == "" {
				newest[key] = s
				if since[key].IsZero() {
					since[key] = s.At
				}
			}
		}
	}
	var all []card.Progress
	for key, s := range newest {
		p := progressOf(key, s)
		p.Since = since[key]
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b card.Progress) int { return cmp.Compare(a.Project.String(), b.Project.String()) })
	return all, nil
}

// progressOf is a statement as a card shows it.
func progressOf(key manifest.Key, s reconciler.Statement) card.Progress {
	p := card.Progress{Project: key, State: s.State, Stage: s.Stage, Description: s.Description}
	if s.State == reconciler.StateSuccess {
		p.LiveURL = s.URL
	} else {
		p.LogURL = s.URL
	}
	return p
}

// recently has the commits looked at again that were brought lately: another process may have ended before it told all of them.
func (r *Reviewer) recently(head string) error {
	for range maxRecent {
		commit, err := r.Config.Commit(head)
		if err != nil {
			return err
		}
		if !reconciler.ByPlateform(commit) {
			r.queue.Add(commitKey + head)
		}
		if len(commit.Parents) == 0 || len(commit.Cut) > 0 {
			return nil
		}
		head = commit.Parents[0]
	}
	return nil
}
