package loop

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/plateform/plateform/reconciler/queue"
	"github.com/plateform/plateform/reconciler/worker"
)

// simQueue is a queue of one process whose turns begin and end when the history says so. Between the two anything may
// happen: news comes late, and in another order than it was asked for.
type simQueue struct {
	process *simProcess
	turn    queue.Turn
	options queue.Options
	// due says when each key wants a turn; again are those that were added during theirs.
	due      map[string]time.Time
	working  map[string]bool
	again    map[string]bool
	failures map[string]int
}

func (p *simProcess) newQueue(o queue.Options) worker.Queue {
	q := &simQueue{
		process: p, turn: o.Turn, options: o, due: map[string]time.Time{}, working: map[string]bool{}, again: map[string]bool{}, failures: map[string]int{},
	}
	p.queues = append(p.queues, q)
	return q
}

func (q *simQueue) Add(key string) { q.AddAfter(key, 0) }

func (q *simQueue) AddAfter(key string, wait time.Duration) {
	if q.working[key] && wait <= 0 {
		q.again[key] = true
		return
	}
	at := q.process.sim.now.Add(wait)
	if due, found := q.due[key]; !found || at.Before(due) {
		q.due[key] = at
	}
}

func (q *simQueue) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// simTurn is a turn of a queue that has begun.
type simTurn struct {
	queue *simQueue
	key   string
	next  func() (struct{}, bool)
	stop  func()
	// yield ends a step of the turn: its question is asked, and the answer on its way.
	yield func(struct{}) bool
	// stalled: its question is not answered.
	stalled bool
	// again and err are what the turn came to, crashed that the process died in it, fault that it panicked.
	again   time.Duration
	err     error
	crashed bool
	fault   error
}

// ready are the turns that could begin now, in order.
func (p *simProcess) ready() (ready []simTurn) {
	for _, q := range p.queues {
		for _, key := range slices.Sorted(maps.Keys(q.due)) {
			if !q.working[key] && !q.due[key].After(p.sim.now) {
				ready = append(ready, simTurn{queue: q, key: key})
			}
		}
	}
	return ready
}

// beginTurn begins one of the turns that could, up to its first question.
func (p *simProcess) beginTurn() bool {
	ready := p.ready()
	if len(ready) == 0 {
		return false
	}
	t := pick(p.sim, ready...)
	q := t.queue
	delete(q.due, t.key)
	q.working[t.key] = true
	turn := &t
	turn.next, turn.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			switch cause := recover(); cause.(type) {
			case nil:
			case simCrash:
				turn.crashed = true
			default:
				turn.fault = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			}
		}()
		turn.yield = yield
		turn.again, turn.err = q.turn(context.Background(), t.key)
	})
	p.turns = append(p.turns, turn)
	p.resume(turn)
	return true
}

// endTurn lets one of the turns that have begun go on.
func (p *simProcess) endTurn() bool {
	going := slices.DeleteFunc(slices.Clone(p.turns), func(t *simTurn) bool { return t.stalled && !p.sim.calm })
	if len(going) == 0 {
		return false
	}
	p.resume(pick(p.sim, going...))
	return true
}

// resume lets a turn go on to its next question, or to its end.
func (p *simProcess) resume(t *simTurn) {
	p.current = t
	_, more := t.next()
	p.current = nil
	if more {
		t.stalled = p.sim.strikes(p.sim.weather.stall)
		return
	}
	p.turns = slices.DeleteFunc(p.turns, func(o *simTurn) bool { return o == t })
	switch {
	case t.fault != nil:
		panic(t.fault)
	case t.crashed:
		p.dead = true
		panic(simCrash{})
	}
	t.queue.ended(t)
}

func (q *simQueue) ended(t *simTurn) {
	delete(q.working, t.key)
	switch {
	case t.err != nil:
		q.failures[t.key]++
		q.AddAfter(t.key, queue.Backoff(q.failures[t.key], max(time.Second, q.options.MinBackoff), time.Minute))
	default:
		delete(q.failures, t.key)
		if t.again > 0 {
			q.AddAfter(t.key, t.again)
		}
	}
	if q.again[t.key] {
		delete(q.again, t.key)
		q.Add(t.key)
	}
}

// abandon ends the turns of a process that is dead.
func (p *simProcess) abandon() {
	for _, t := range p.turns {
		t.stop()
	}
	p.turns = nil
}

// answer waits for the answer to a question of a turn. The loop itself has its answers at once.
func (p *simProcess) answer() {
	t := p.current
	if t == nil {
		return
	}
	if !t.yield(struct{}{}) || p.dead {
		panic(simCrash{})
	}
}
