package review

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// answer says what is to be said of a proposal as it is now.
func (r *Reviewer) answer(ctx context.Context, number int) (again time.Duration, err error) {
	p, err := r.Reviews.Proposal(ctx, number)
	if err != nil {
		return 0, err
	}
	switch {
	case p == nil || p.Branch != r.ConfigBranch || p.Fate == reconciler.FateClosed:
		r.forget(number)
		r.disturb(r.heads.gone(number))
		return 0, nil
	case p.Fate == reconciler.FateMerged:
		r.disturb(r.heads.gone(number))
		return r.tell(ctx, *p)
	}
	if err := r.heads.notice(ctx, r.Reviews); err != nil {
		return 0, err
	}
	r.disturb(r.heads.saw(number, p.Head))
	if r.isNew(*p) { // its head may stand on a commit of the branch that came after the last look, which is not its author's doing
		r.seen.expire()
	}
	now, err := r.seeTips(ctx)
	if err != nil {
		return 0, err
	}
	head, err := r.Config.Fetch(ctx, p.HeadRef, now.config)
	tooMuch := errors.Is(err, manifest.ErrTooMuch)
	if err != nil && !tooMuch {
		return 0, err
	}
	if head != p.Head { // one of the two is behind, and who pushed which is not known
		return hintLead, nil
	}
	before := r.begin(number)
	if !before.again && before.done.isOf(*p, now) {
		return 0, nil
	}
	found := refused(*p, now)
	if err = nil; !tooMuch {
		found, err = planner{r.Options}.review(ctx, *p, head, now)
	}
	if err == nil {
		err = r.publish(ctx, *p, found, before)
	}
	if err != nil {
		r.wish(number, before.woken, before.again)
		return 0, err
	}
	r.finish(number, found.done)
	if err := r.mergeItself(ctx, *p, found); err != nil {
		r.finish(number, done{}) // also where the plan stays the same: it is not merged yet
		return 0, err
	}
	return 0, nil
}

// mergeItself merges a proposal that passes, where the platform wants that: exactly what was checked, and only while the branch is where
// it was checked for. When it has moved, the proposal is planned anew.
func (r *Reviewer) mergeItself(ctx context.Context, p reconciler.Proposal, f findings) error {
	if !f.auto || f.merge.Commit == "" || p.Draft || p.Head != f.done.head || p.Pusher.ID != p.Author.ID ||
		f.state != reconciler.StateSuccess || len(f.card.Rights) > 0 {
		return nil
	}
	now, err := r.Reviews.Proposal(ctx, p.Number) // planning took its time
	if err != nil {
		return err
	}
	if now == nil || now.Fate != p.Fate || now.Head != p.Head || now.Branch != p.Branch || now.Pusher != p.Pusher || framingOf(*now) != framingOf(p) {
		r.finish(p.Number, done{})
		r.wake(p.Number, polling, r.Clock(), false)
		return nil
	}
	err = r.Config.Push(ctx, f.merge)
	if errors.Is(err, manifest.ErrMoved) {
		r.Log.Info("the branch moved before a pull request was merged", "number", p.Number)
		r.seen.expire()
		r.finish(p.Number, done{})
		r.wake(p.Number, moved, r.Clock(), false)
		return nil
	}
	if err != nil {
		return fmt.Errorf("merging it: %w", err)
	}
	r.Log.Info("pull request merged", "number", p.Number, "commit", manifest.Short(f.merge.Commit))
	r.outcomes.brought(f.merge.Commit, p.Number)
	r.Pushed()
	return nil
}

// begin returns what is known of a proposal, and takes the wishes that its turn is for: those that come from now on are for the next.
func (r *Reviewer) begin(number int) view {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.view(number)
	before := *v
	v.woken, v.again = woken{}, false
	return before
}

// finish notes what was said.
func (r *Reviewer) finish(number int, d done) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view(number).done = d
}

// forget forgets what was said of a proposal.
func (r *Reviewer) forget(number int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.views, number)
}

// publish says what was found. The checks come first: they are what merging waits for.
func (r *Reviewer) publish(ctx context.Context, p reconciler.Proposal, f findings, before view) error {
	select {
	case r.saying <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.saying }()
	all, err := planner{r.Options}.together(ctx, p, f, r.heads.sharing(f.done.head))
	if err != nil {
		return fmt.Errorf("judging the pull requests with the same commit: %w", err)
	}
	for _, check := range checksOf(all) {
		check.Again = before.again
		if err := r.Reviews.Publish(ctx, check); err != nil {
			return fmt.Errorf("publishing the check %s: %w", check.Name, err)
		}
	}
	f.card.Woken = before.woken.words(r.Clock())
	if err := r.Reviews.Comment(ctx, p.Number, f.card.Comment()); err != nil {
		return fmt.Errorf("writing the card: %w", err)
	}
	r.Log.Info("pull request planned", "number", p.Number, "head", manifest.Short(f.done.head), "base", manifest.Short(f.done.tips.config),
		"plan", f.title, "mayNot", len(f.card.Rights), "woken", f.card.Woken)
	return nil
}
