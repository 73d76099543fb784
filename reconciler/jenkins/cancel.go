package jenkins

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plateform/plateform/reconciler"
)

// Cancel implements reconciler.Builder. It looks the build up first: the numbers that are known may be others' by now. It looks
// for one that this process did not start, too.
func (b *Builder) Cancel(ctx context.Context, id string) error {
	leave, err := b.pass(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	known, ended := b.recall(id)
	if known == nil && ended {
		return nil
	}
	defer b.remote.doubt() // who starts it next has to see what is left of it
	for range cancelTries {
		var left *leftError
		if err = b.cancel(ctx, id, known); !errors.As(err, &left) {
			break
		}
	}
	return err
}

// cancelTries is how often a build is looked up that leaves the queue while it is taken out of there.
const cancelTries = 3

// leftError says that an item has left the queue meanwhile.
type leftError struct{ item int64 }

func (e *leftError) Error() string {
	return fmt.Sprintf("item %d has left the queue of Jenkins meanwhile", e.item)
}

// cancel stops what there is of a build now. known is nil when this process does not follow it.
func (b *Builder) cancel(ctx context.Context, id string, known *build) error {
	l, _, err := b.remote.look(ctx, 0)
	if err != nil {
		return err
	}
	stopped := len(l.queued[id])
	for _, item := range l.queued[id] {
		if err := b.remote.cancelItem(ctx, item); err != nil {
			return err
		}
	}
	for _, r := range l.runs[id] {
		if !r.Building || known != nil && slices.Contains(b.givenOf(known), r.Number) {
			continue
		}
		if err := b.remote.stop(ctx, r.Number); err != nil {
			return err
		}
		b.forget(known, r.Number)
		stopped++
	}
	switch {
	case known == nil:
		return nil
	case stopped == 0 && !b.overdue(known) && !hasNewer(l.runs[id], known):
		return fmt.Errorf("build %s is on its way from the queue of Jenkins, where it cannot be stopped", id)
	case stopped == 0:
		return nil // it has ended: the next question says how
	}
	b.end(known, reconciler.BuildStatus{
		Stages: b.stagesOf(known), Done: true, Failure: &reconciler.BuildFailure{Summary: "the build was canceled", Canceled: true},
	})
	return nil
}

// hasNewer says that the build that is followed is among those that Jenkins has.
func hasNewer(runs []run, known *build) bool {
	return slices.ContainsFunc(runs, func(r run) bool { return r.Number > known.floor || r.Number == known.number })
}

// recall returns a build that is under way; else it says whether one is known to have ended.
func (b *Builder) recall(id string) (known *build, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.active[id], b.ended.Contains(id)
}

func (b *Builder) forget(known *build, number int64) {
	if known == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	known.give(number)
}

func (b *Builder) givenOf(known *build) []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(known.given)
}

func (b *Builder) stagesOf(known *build) []reconciler.Stage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(known.status.Stages)
}

// overdue says that a build should long be in the queue or among the builds.
func (b *Builder) overdue(known *build) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.options.Clock().Sub(known.at) >= grace
}
