package decision

import (
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Looks are what looks at one source part have come to.
type Looks struct {
	// Seen says that the newest look found it. Else so many in a row have failed since a time, the newest for a reason; Steady
	// says that the one before it had the same.
	Seen     bool
	Failures int
	Since    time.Time
	Reason   manifest.LostReason
	Steady   bool
	// Losses counts how often the source was lost and found again.
	Losses int
}

// When a source counts as lost. What is not there is asked for a few times, as branches are also deleted to be made again;
// each time it was lost before takes one look more, and looks that fail come at longer and longer intervals, so that a
// source that comes and goes is not told of again and again. A host that does not answer mostly does so again by itself.
const (
	lookPatience = 3
	mostLooks    = 7
	hostPatience = 10 * time.Minute
)

// Lost says that the source is lost, and not only away for a moment.
func (l Looks) Lost(now time.Time) bool {
	switch {
	case l.Seen || l.Failures == 0:
		return false
	case l.Reason == manifest.LostHost:
		return now.Sub(l.Since) >= hostPatience
	}
	return l.Steady && l.Failures >= min(lookPatience+l.Losses, mostLooks)
}

// SourcesLooked folds what looks at the sources of a project have come to into what is remembered. Parts that nobody has
// looked at yet stay as they were, unless their settings were edited.
func SourcesLooked(run manifest.RunSpec, head *config.View, looks map[string]Looks, now time.Time) manifest.RunSpec {
	switch {
	case !head.Present:
		run.Lost = nil
		return run
	case !head.Parsed:
		return run
	}
	var lost []manifest.LostSource
	for _, input := range manifest.SourceInputs(head.Spec) {
		if l := lostSource(run, input, looks[input.Part], now); l != nil {
			lost = append(lost, *l)
		}
	}
	run.Lost = lost
	return run
}

// lostSource is what is to be remembered of one source: that it is lost, or nothing.
func lostSource(run manifest.RunSpec, input manifest.SourceInput, look Looks, now time.Time) *manifest.LostSource {
	if input.Reference != "" || look.Seen {
		return nil
	}
	at := slices.IndexFunc(run.Lost, func(l manifest.LostSource) bool {
		return l.Part == input.Part && l.What == reconciler.LostWhat(l.Reason, input.Source)
	})
	known := at >= 0
	if known && (look.Reason == run.Lost[at].Reason || look.Reason == manifest.LostHost || !look.Lost(now)) {
		return &run.Lost[at] // that the host does not answer either makes it no better
	}
	if !look.Lost(now) {
		return nil
	}
	return &manifest.LostSource{
		Part: input.Part, Reason: look.Reason, What: reconciler.LostWhat(look.Reason, input.Source), Since: look.Since.UTC().Truncate(time.Second),
	}
}
