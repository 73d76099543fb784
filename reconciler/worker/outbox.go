package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/queue"
)

// reportTimeout bounds one call of a forge, batch how many reports are handed to it in one.
const (
	reportTimeout = time.Minute
	batch         = 5000
	theForge      = "forge"
)

// Outbox hands reports to the forge, in order and until they land.
type Outbox struct {
	Common
	forge   reconciler.Forge
	log     *slog.Logger
	reports Queue // one key
	recalls Queue // one key, the head

	mu      sync.Mutex
	pending []reconciler.Report
	landed  int
	// trouble is why the last reports did not land; nil when they did.
	trouble error
	// recall is what the forge says of the commits up to head, which is the newest that it was asked about.
	recall Recall
	head   string
}

// Recall is what the forge knows of earlier processes.
type Recall struct {
	// Answered says that the answer is there.
	Answered bool
	// Failures counts the questions that failed.
	Failures int
	// Said is the answer.
	Said []reconciler.Recalled
}

// NewOutbox returns the worker.
func NewOutbox(forge reconciler.Forge, log *slog.Logger, common Common) *Outbox {
	o := &Outbox{Common: common, forge: forge, log: log}
	o.reports = common.Queue(queue.Options{Turn: o.send, Timeout: reportTimeout, MaxBackoff: time.Minute})
	o.recalls = common.Queue(queue.Options{Turn: o.ask, Timeout: reportTimeout, MaxBackoff: time.Minute})
	return o
}

// Run works until the context ends.
func (o *Outbox) Run(ctx context.Context) error { return runAll(ctx, o.reports.Run, o.recalls.Run) }

// Add has a report sent. It returns its number: the first is 1.
func (o *Outbox) Add(r reconciler.Report) int {
	o.mu.Lock()
	o.pending = append(o.pending, r)
	number := o.landed + len(o.pending)
	o.mu.Unlock()
	o.reports.Add(theForge)
	return number
}

// Landed is the number of the newest report that has landed, and all before it with it.
func (o *Outbox) Landed() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.landed
}

// send is one turn at sending what waits.
func (o *Outbox) send(ctx context.Context, _ string) (again time.Duration, err error) {
	o.mu.Lock()
	sending := o.pending[:min(len(o.pending), batch):min(len(o.pending), batch)]
	o.mu.Unlock()
	if len(sending) == 0 {
		return 0, nil
	}
	err = o.forge.Report(ctx, sending)
	o.mu.Lock()
	defer o.mu.Unlock()
	var later *reconciler.LaterError
	if errors.As(err, &later) { // the rest is handed over once more, with what comes until then
		o.land(min(max(later.Landed, 0), len(sending)))
		return max(later.Wait, time.Millisecond), nil
	}
	if err != nil {
		if o.trouble == nil || refusalOf(o.trouble) != refusalOf(err) {
			o.log.Warn("people cannot be told now; it is tried again", "reports", len(o.pending), "error", err.Error())
		}
		o.trouble = err
		return 0, fmt.Errorf("telling %d things: %w", len(sending), err)
	}
	if o.land(len(sending)); len(o.pending) > 0 {
		again = time.Nanosecond
	}
	return again, nil
}

// land takes in that reports have landed.
func (o *Outbox) land(reports int) {
	if o.trouble != nil {
		o.trouble = nil
		o.log.Info("people can be told again")
	}
	o.landed += reports
	o.pending = o.pending[reports:]
}

// refusalOf is what a server gives as its reason; empty when it was not reached.
func refusalOf(err error) string {
	var refusal reconciler.Refusal
	if errors.As(err, &refusal) {
		return refusal.Refusal()
	}
	return ""
}

// Trouble says why reports do not land now; nil when they do.
func (o *Outbox) Trouble() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.trouble
}

// AskRecall has the forge asked what commits up to a head say.
func (o *Outbox) AskRecall(head string) {
	o.mu.Lock()
	o.head, o.recall = head, Recall{}
	o.mu.Unlock()
	o.recalls.Add(head)
}

// Recall returns what the forge knows of earlier processes, as far as it has answered.
func (o *Outbox) Recall() Recall {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.recall
}

// ask is one turn at asking the forge.
func (o *Outbox) ask(ctx context.Context, head string) (again time.Duration, err error) {
	if !o.asksAbout(head) {
		return 0, nil
	}
	said, err := o.forge.Recall(ctx, head)
	o.mu.Lock()
	about := o.head
	switch {
	case about != head: // it was asked about another meanwhile
	case err != nil:
		o.recall.Failures++
	default:
		o.recall = Recall{Answered: true, Said: said}
	}
	o.mu.Unlock()
	if about != head {
		return 0, nil
	}
	o.Notify()
	if err != nil {
		return 0, fmt.Errorf("reading what commits up to %.10s say: %w", head, err)
	}
	return 0, nil
}

func (o *Outbox) asksAbout(head string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.head == head
}
