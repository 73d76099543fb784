package webhook

import (
	"context"
	"log/slog"
	"sync"
)

// maxWaiting is how many different hints wait at most.
const maxWaiting = 4096

// Queue keeps hints until they are taken, each once. When it is full it keeps in mind that something was left out.
type Queue struct {
	hints Hints
	log   *slog.Logger
	limit int
	woken chan struct{}

	mu      sync.Mutex
	waiting []Hint // in the order they came
	there   map[Hint]bool
	full    bool
}

// NewQueue returns a queue that hands nothing on until Run.
func NewQueue(hints Hints, log *slog.Logger) *Queue {
	return &Queue{hints: hints, log: log, limit: maxWaiting, woken: make(chan struct{}, 1), there: map[Hint]bool{}}
}

// Add adds hints. It never blocks, and loses none: those that do not fit are replaced by a look at everything.
func (q *Queue) Add(hints ...Hint) {
	q.mu.Lock()
	for _, h := range hints {
		switch {
		case q.there[h]:
		case len(q.waiting) >= q.limit:
			q.full = true
		default:
			q.there[h] = true
			q.waiting = append(q.waiting, h)
		}
	}
	q.mu.Unlock()
	select {
	case q.woken <- struct{}{}:
	default:
	}
}

// Run hands hints on until the context ends.
func (q *Queue) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-q.woken:
			q.hand()
		}
	}
}

// hand hands on all that waits. What comes meanwhile waits for the next time: it is about something newer.
func (q *Queue) hand() {
	q.mu.Lock()
	hints, full := q.waiting, q.full
	q.waiting, q.full = nil, false
	clear(q.there)
	q.mu.Unlock()
	if full {
		q.log.Warn("more webhooks came than could wait; everything is looked at", "waiting", len(hints))
		q.hints.Everything()
	}
	for _, h := range hints {
		q.hints.Hint(h)
	}
}
