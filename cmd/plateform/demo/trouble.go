package demo

import (
	"fmt"
	"sync"
	"time"

	"github.com/plateform/plateform/reconciler"
)

// trouble is an Observer that takes note of what keeps the reconciler from going on. An installation tries again for as long as
// it takes; in a demo, where everything is on one machine, nobody mends anything meanwhile.
type trouble struct {
	mu sync.Mutex
	// what it is, and since when; empty while all goes well.
	what  string
	since time.Time
}

// stays is how long there may be one and the same trouble before the story ends.
const stays = 10 * time.Second

// Observe implements reconciler.Observer.
func (t *trouble) Observe(e reconciler.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case reconciler.EventBuildEnded, reconciler.EventReleased, reconciler.EventWritten:
		t.what = "" // it has gone on
	case reconciler.EventReported:
		switch r := e.Report; {
		case r.Terminal():
			t.what = ""
		case r.Outcome != reconciler.OutcomeRetrying && r.Outcome != reconciler.OutcomePushUnanswered: // tried again, maybe
		case r.Detail != t.what:
			t.what, t.since = r.Detail, e.At
		}
	}
}

// err is not nil once there is nothing to wait for.
func (t *trouble) err(now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.what == "" || now.Sub(t.since) < stays {
		return nil
	}
	return fmt.Errorf("it does not go on: %s", t.what)
}
