package gitforge

import (
	"context"
	"slices"
	"sync"

	"github.com/plateform/plateform/reconciler"
)

// queue lets one caller at a time write, and gives it what all others want written: a hundred reports at once are two
// pushes, not a hundred. It has no goroutine of its own; whoever has the turn works for all who wait.
type queue struct {
	turn chan struct{} // holds one token while somebody writes

	mu      sync.Mutex
	waiting []*request
}

// request is one caller's reports and where its answer goes.
type request struct {
	reports []reconciler.Report
	answer  chan error
}

func newQueue() *queue {
	return &queue{turn: make(chan struct{}, 1)}
}

// do has the reports written, by this caller or another, and returns what came of it. When ctx ends before, the reports
// may or may not have been written.
func (q *queue) do(ctx context.Context, reports []reconciler.Report,
	write func(context.Context, []reconciler.Report) error,
) error {
	own := &request{reports: reports, answer: make(chan error, 1)}
	q.add(own)
	select {
	case err := <-own.answer:
		return err
	case <-ctx.Done():
		q.remove(own)
		return ctx.Err()
	case q.turn <- struct{}{}:
	}
	defer func() { <-q.turn }()
	batch := q.take()
	if !slices.Contains(batch, own) { // answered by the one who had the turn before, just now
		q.add(batch...)
		return <-own.answer
	}
	return q.serve(ctx, batch, own, write)
}

// serve writes a batch and answers all in it but own, whose answer it returns. That own's context ended says nothing
// about the others: they queue again and the next of them takes its turn.
func (q *queue) serve(ctx context.Context, batch []*request, own *request,
	write func(context.Context, []reconciler.Report) error,
) error {
	var reports []reconciler.Report
	for _, r := range batch {
		reports = append(reports, r.reports...)
	}
	err := write(ctx, reports)
	others := slices.DeleteFunc(batch, func(r *request) bool { return r == own })
	if err != nil && ctx.Err() != nil {
		q.add(others...)
		return err
	}
	for _, r := range others {
		r.answer <- err
	}
	return err
}

func (q *queue) add(requests ...*request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, requests...)
}

func (q *queue) remove(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(w *request) bool { return w == r })
}

func (q *queue) take() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.waiting
	q.waiting = nil
	return batch
}
