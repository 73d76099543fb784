package demo

import (
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler"
)

// Trouble that stays ends the story with its reason; one that passes, or has come only now, does not.
func TestTroubleThatStaysEndsTheStory(t *testing.T) {
	begun := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	at := func(after time.Duration, e reconciler.Event) reconciler.Event {
		e.At = begun.Add(after)
		return e
	}
	says := func(state reconciler.State, outcome reconciler.Outcome, detail string) reconciler.Event {
		return reconciler.Event{Kind: reconciler.EventReported, Report: &reconciler.Report{State: state, Outcome: outcome, Detail: detail}}
	}
	retries := func(detail string) reconciler.Event {
		return says(reconciler.StatePending, reconciler.OutcomeRetrying, detail)
	}
	for _, tt := range []struct {
		name   string
		events []reconciler.Event
		ends   bool
	}{
		{"it stays", []reconciler.Event{at(0, retries("no HOME"))}, true},
		{"it stays while it is tried again", []reconciler.Event{
			at(0, retries("no HOME")), at(1, says(reconciler.StatePending, reconciler.OutcomeBuilding, "")), at(stays-1, retries("no HOME")),
		}, true},
		{"it came only now", []reconciler.Event{at(1, retries("no HOME"))}, false},
		{"another one came", []reconciler.Event{at(0, retries("no disk")), at(1, retries("no HOME"))}, false},
		{"it was built", []reconciler.Event{at(0, retries("no HOME")), at(1, reconciler.Event{Kind: reconciler.EventBuildEnded})}, false},
		{"the run has ended", []reconciler.Event{at(0, retries("no HOME")), at(1, says(reconciler.StateSuccess, reconciler.OutcomeRuns, ""))}, false},
		{"there was none", []reconciler.Event{at(0, says(reconciler.StatePending, reconciler.OutcomeBuilding, ""))}, false},
	} {
		var seen trouble
		for _, e := range tt.events {
			seen.Observe(e)
		}
		err := seen.err(begun.Add(stays))
		if (err != nil) != tt.ends || tt.ends && err.Error() != "it does not go on: no HOME" {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
