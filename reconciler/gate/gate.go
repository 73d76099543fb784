// Package gate keeps account of what keeps Plateform out: a repository that takes no pushes, and passes that fail. It says
// when to try again, why whoever waits has to, and when a reason is worth saying anew. It waits for nothing itself.
package gate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// When a push is tried again: at first after firstRetry, twice as long each time, up to lastRetry. movesInARow is how often
// somebody else may be faster before that is told, and waited for like anything else that keeps a push out, but not longer
// than movedRetry. A reason is
// not told anew within sameReason while it only changes its words, as servers put numbers of requests into them.
const (
	firstRetry  = 250 * time.Millisecond
	lastRetry   = 30 * time.Second
	movesInARow = 10
	movedRetry  = 2 * time.Second
	sameReason  = 10 * time.Minute
)

// Gate keeps account of the pushes to one of the two repositories. While one takes none, the projects that need it wait at
// the gate, and all else goes on.
type Gate struct {
	// Repository as the log and metrics call it.
	Repository string
	// name as people call it.
	name string
	// stuck says why pushes do not get in; nil when the last one did.
	stuck *stuck
	// shut says that no push is tried in this pass; next is when one is, wait how long after the one before.
	shut bool
	next time.Time
	wait time.Duration
	// moves counts the pushes in a row that somebody else was faster than.
	moves int
	// waiting are the projects at the gate.
	waiting map[manifest.Key]bool
}

// stuck is why pushes do not get in.
type stuck struct {
	// refused says that the server was reached and refuses.
	refused bool
	// why in one line, as it was told since a time.
	why   string
	since time.Time
}

// New returns an open gate of a repository, as the log and as people call it.
func New(repository, name string) *Gate {
	return &Gate{Repository: repository, name: name, waiting: map[manifest.Key]bool{}}
}

// Begin opens the gate for a pass when it is time for the next push, and returns the projects that waited for it. Within a
// pass it does not open: what is written then stands for all who wait.
func (g *Gate) Begin(now time.Time) []manifest.Key {
	if g.shut = now.Before(g.next); g.shut {
		return nil
	}
	keys := slices.Collect(maps.Keys(g.waiting))
	clear(g.waiting)
	return keys
}

// Due is when the gate opens for those who wait; zero when nobody does.
func (g *Gate) Due() time.Time {
	if len(g.waiting) == 0 {
		return time.Time{}
	}
	return g.next
}

// Landed notes that a push got in, and says whether that is news.
func (g *Gate) Landed() (news bool) {
	news = g.stuck != nil
	g.stuck, g.moves, g.wait, g.next, g.shut = nil, 0, 0, time.Time{}, false
	return news
}

// Shut says that no push is to be tried in this pass.
func (g *Gate) Shut() bool { return g.shut }

// Wait has a project wait at the gate.
func (g *Gate) Wait(k manifest.Key) { g.waiting[k] = true }

// Why says in a line why pushes do not get in; empty when the last one did.
func (g *Gate) Why() string {
	if g.stuck == nil {
		return ""
	}
	return g.stuck.why
}

// Idle notes that there is nothing to push: nobody waits any more, whatever kept the last push out.
func (g *Gate) Idle() {
	if !g.shut {
		g.Landed()
	}
}

// Failed notes that a push did not get in, and says whether the reason is news. The wait until the next is spread by jitter.
func (g *Gate) Failed(err error, now time.Time, jitter func(time.Duration) time.Duration) (news bool) {
	var refusal reconciler.Refusal
	why, most := &stuck{since: now}, lastRetry
	switch {
	case errors.As(err, &refusal):
		why.refused, why.why = true, fmt.Sprintf("the server refuses Plateform's push of %s: %s", g.name, Short(refusal.Refusal()))
	case errors.Is(err, manifest.ErrMoved):
		if g.moves++; g.moves < movesInARow {
			return false
		}
		most = movedRetry
		why.why = fmt.Sprintf("the branch of %s has moved before each of the last %d pushes of Plateform's", g.name, movesInARow)
	default:
		why.why = fmt.Sprintf("Plateform's push of %s does not get in: %s", g.name, Short(err.Error()))
	}
	g.wait = min(max(2*g.wait, firstRetry), most)
	wait := max(g.wait, reconciler.RetryAfter(err))
	g.next, g.shut = now.Add(wait+jitter(g.wait/4)), true
	last := g.stuck
	if last != nil && last.refused == why.refused && (last.why == why.why || now.Sub(last.since) < sameReason) {
		return false
	}
	g.stuck = why
	return true
}

// Spare keeps the gate shut for as long as the push took that did not get in, so that a server that does not answer has all else
// wait for it half of the time at most.
func (g *Gate) Spare(took time.Duration, now time.Time) {
	if next := now.Add(took); g.shut && g.next.Before(next) {
		g.next = next
	}
}

// Report is what those who wait are told.
func (g *Gate) Report() reconciler.Report {
	outcome := reconciler.OutcomePushUnanswered
	if g.stuck.refused {
		outcome = reconciler.OutcomePushRefused
	}
	return reconciler.Report{Outcome: outcome, Detail: g.stuck.why}
}

// Short is the first line of what somebody says, and no more than fits into a line.
func Short(said string) string {
	const most = 300
	said, _, _ = strings.Cut(said, "\n")
	if runes := []rune(said); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return said
}
