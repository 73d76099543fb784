package review

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/plan"
)

// view is what is known of a proposal.
type view struct {
	// done is what was said last, and of what; zero before.
	done done
	// woken says what has it looked at; zero when nothing does.
	woken woken
	// again says that it is to be said anew, although nothing changed.
	again bool
}

// done is what a proposal was planned of.
type done struct {
	head string
	tips tips
	// framing is what else of the proposal counts, and pusher who pushed the head.
	framing string
	pusher  int64
	// concerns are the workspaces that it is about; all of them when everything.
	concerns   map[string]bool
	everything bool
}

// framingOf is what counts of a proposal besides what it changes: what its title and text ask for, and whether it may be merged.
func framingOf(p reconciler.Proposal) string {
	return fmt.Sprintf("%q %q %v", p.Title, p.Body, p.Draft)
}

// isOf says that all was said of a proposal as it is.
func (d *done) isOf(p reconciler.Proposal, now tips) bool {
	return d.head == p.Head && d.tips == now && d.framing == framingOf(p) && d.pusher == p.Pusher.ID
}

// woken is why something is looked at, and since when that could be known.
type woken struct {
	why string
	at  time.Time
}

// Reasons to look at a proposal.
const (
	webhook = "webhook"
	polling = "polling"
	asked   = "asked for"
	moved   = "the branch moved"
	// reporting is for a merged proposal of which there is something new to say; its card need not say so.
	reporting = "reporting"
)

// words say it on the card.
func (w woken) words(now time.Time) string {
	took := max(now.Sub(w.at), 0)
	switch w.why {
	case webhook, asked:
		return fmt.Sprintf("%s +%.1f s", w.why, took.Seconds())
	case polling:
		return fmt.Sprintf("found by polling after %.0f s", took.Seconds())
	case moved:
		return moved
	}
	return ""
}

// view returns that of a proposal, made when there was none. Whoever calls it has the lock.
func (r *Reviewer) view(number int) *view {
	v := r.views[number]
	if v == nil {
		v = &view{}
		r.views[number] = v
	}
	return v
}

// begun returns what is known of a proposal.
func (r *Reviewer) begun(number int) view {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.view(number)
}

// numbers are the proposals that are known of which something holds, in order.
func (r *Reviewer) numbers(holds func(*view) bool) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var numbers []int
	for number, v := range r.views {
		if holds(v) {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// concerned are the workspaces that a proposal was found to be about.
func (r *Reviewer) concerned(number int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := r.views[number]; v != nil {
		return slices.Sorted(maps.Keys(v.done.concerns))
	}
	return nil
}

// concern notes whom a plan is about, and the paths that the change touches.
func (d *done) concern(p *plan.Plan, changes []manifest.Change) {
	d.concerns = map[string]bool{}
	for _, project := range p.Projects {
		d.concerns[project.Workspace] = true
	}
	for _, change := range changes {
		if workspace, ok := manifest.WorkspaceOf(change.Path); ok {
			d.concerns[workspace] = true
		} else {
			d.everything = true
		}
	}
}

// touchedBy says that changes of the config repository can make another plan of it. What people wrote can, wherever it is: a host
// or a name is taken by whoever comes first. A release is about its own workspace.
func (d *done) touchedBy(changes []manifest.Change) bool {
	return slices.ContainsFunc(changes, func(change manifest.Change) bool {
		file, ok := manifest.FileOf(change.Path)
		return !ok || file.Kind != manifest.KindRelease || d.everything || d.concerns[file.Key.Workspace]
	})
}

// touchedByGitOps is touchedBy for the GitOps repository.
func (d *done) touchedByGitOps(changes []manifest.Change) bool {
	return slices.ContainsFunc(changes, func(change manifest.Change) bool {
		workspace, _ := manifest.WorkspaceOf(change.Path)
		return d.everything || d.concerns[workspace]
	})
}
