package review

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// maxSharing is how many proposals of one head are judged.
const maxSharing = 10

// judged is a proposal and what was found of it.
type judged struct {
	reconciler.Proposal
	findings
}

// A check stands on a commit, and several proposals may have the same one as their head: who may not change something would get by with
// what is said of somebody who may. So what is said of a head is the worst of all that have it, in the same words whoever says it.

// heads are those of the proposals that are open, as far as they were seen. They are safe for use by several goroutines.
type heads struct {
	mu sync.Mutex
	of map[int]string
	// all says that all that were open have been seen.
	all bool
}

// saw notes which head a proposal has, and returns the one that it had before; empty when that is the same, or none.
func (h *heads) saw(number int, head string) (before string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if before = h.of[number]; before == head {
		before = ""
	}
	h.of[number] = head
	return before
}

// gone notes that a proposal is not open any more, and returns the head that it had.
func (h *heads) gone(number int) (before string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before = h.of[number]
	delete(h.of, number)
	return before
}

// sharing are the proposals of a head, in order; none of no head.
func (h *heads) sharing(head string) (numbers []int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for number, has := range h.of {
		if has == head {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// known are the proposals that were open when they were last seen, in order.
func (h *heads) known() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.of))
}

// notice lists what is open, unless that was done before: the first word on a head has to know of all that share it.
func (h *heads) notice(ctx context.Context, reviews reconciler.Reviews) error {
	h.mu.Lock()
	all := h.all
	h.mu.Unlock()
	if all {
		return nil
	}
	proposals, err := reviews.Open(ctx)
	if err != nil {
		return err
	}
	for _, p := range proposals {
		h.saw(p.Number, p.Head)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = true
	return nil
}

// disturb has the proposals of a head said anew: one more or less shares it.
func (r *Reviewer) disturb(head string) {
	if head == "" {
		return
	}
	for _, number := range r.heads.sharing(head) {
		r.finish(number, done{})
		r.wake(number, moved, r.Clock(), false)
	}
}

// together are a proposal and those that share its head, in order, with what is found of each as things are now.
func (r planner) together(ctx context.Context, p reconciler.Proposal, f findings, numbers []int) ([]judged, error) {
	all := []judged{{p, f}}
	for i, number := range numbers {
		if number == p.Number {
			continue
		}
		if i > maxSharing { // they are counted, which is reason enough to refuse them
			all = append(all, judged{Proposal: reconciler.Proposal{Number: number}})
			continue
		}
		other, err := r.Reviews.Proposal(ctx, number)
		if err != nil {
			return nil, err
		}
		if other == nil || other.Branch != r.ConfigBranch || other.Fate != reconciler.FateOpen || other.Head != f.done.head {
			continue // it is looked at by itself
		}
		found := f
		if f.card.Plan != nil { // else the head cannot be merged, whoever proposes it
			if found, err = r.review(ctx, *other, f.done.head, f.done.tips); err != nil {
				return nil, err
			}
		}
		all = append(all, judged{*other, found})
	}
	slices.SortFunc(all, func(a, b judged) int { return cmp.Compare(a.Number, b.Number) })
	return all, nil
}

// checksOf are the two checks of a head.
func checksOf(all []judged) []reconciler.Check {
	first := all[0]
	planned := reconciler.Check{Name: reconciler.PlanCheck, Commit: first.done.head, State: first.state, Title: first.title}
	if first.card.Plan != nil {
		planned.Problems = first.card.Plan.Problems
	}
	owners := ownersCheck(first.Proposal, first.findings)
	if len(all) > 1 {
		owners = sharedOwners(all)
		first.card.Rights = owners.Problems
	}
	planned.Summary = first.card.Summary()
	return []reconciler.Check{planned, owners}
}

// sharedOwners is the check of the rights of a head that several proposals have.
func sharedOwners(all []judged) reconciler.Check {
	check := reconciler.Check{Name: reconciler.OwnersCheck, Commit: all[0].done.head, State: reconciler.StateSuccess}
	var refused, lines []string
	for _, one := range all {
		own := ownersCheck(one.Proposal, one.findings)
		if one.done.head == "" { // one too many
			own = reconciler.Check{State: reconciler.StateFailure, Summary: "it was not judged, as there are too many with this commit"}
		}
		if own.State != reconciler.StateSuccess {
			check.State = reconciler.StateFailure
			refused = append(refused, fmt.Sprintf("#%d", one.Number))
		}
		for _, p := range own.Problems {
			if !slices.Contains(check.Problems, p) {
				check.Problems = append(check.Problems, p)
			}
		}
		lines = append(lines, fmt.Sprintf("\n\n#%d: %s", one.Number, own.Summary))
	}
	check.Title = fmt.Sprintf("all of the %s with this commit may change all of this", manifest.Count(len(all), "pull request"))
	if len(refused) > 0 {
		check.Title = fmt.Sprintf("of %s with this commit, %s may not change all of this", manifest.Count(len(all), "pull request"), strings.Join(refused[:min(len(refused), maxSharing)], ", "))
	}
	check.Summary = check.Title + ". A check stands on a commit, so that it says the worst of all that have it: close those that are not meant, or give each a commit of its own." + strings.Join(lines, "")
	return check
}
