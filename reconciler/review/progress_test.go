package review

import (
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/card"
)

// What began a moment ago waits for its verdict; what has one, or goes on for long, is told at once.
func TestWhatHasJustBegunWaitsForItsVerdict(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	of := func(state reconciler.State, ago time.Duration) card.Progress {
		return card.Progress{State: state, Since: now.Add(-ago)}
	}
	for name, c := range map[string]struct {
		progress []card.Progress
		want     time.Duration
	}{
		"nothing was said":       {},
		"just begun":             {[]card.Progress{of(reconciler.StatePending, time.Second)}, pace - time.Second},
		"the last one counts":    {[]card.Progress{of(reconciler.StatePending, 4*time.Second), of(reconciler.StatePending, time.Second)}, pace - time.Second},
		"one goes on for long":   {[]card.Progress{of(reconciler.StatePending, time.Second), of(reconciler.StatePending, pace)}, 0},
		"one has ended":          {[]card.Progress{of(reconciler.StatePending, time.Second), of(reconciler.StateSuccess, time.Second)}, 0},
		"one has failed":         {[]card.Progress{of(reconciler.StateFailure, 0), of(reconciler.StatePending, 0)}, 0},
		"another clock's future": {[]card.Progress{of(reconciler.StatePending, -time.Hour)}, 0},
	} {
		if got := untold(c.progress, now); got != c.want {
			t.Errorf("%s: it is untold for %v, want %v", name, got, c.want)
		}
	}
}
