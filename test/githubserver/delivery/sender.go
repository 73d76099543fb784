// Package delivery sends webhooks as GitHub does: signed, once, in a request that has ten seconds, and never again by
// itself. What happens to each can be scripted: lost, failed, doubled, held back and let go in another order.
package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fate is what becomes of a delivery.
type Fate int

// The fates. A lost one is gone and nobody knows of it; a failed one is listed and can be asked for again; a held one
// waits until it is released; a doubled one is sent twice.
const (
	Send Fate = iota
	Lose
	Fail
	Hold
	Double
)

// Hook is where events are sent.
type Hook struct {
	ID          int64
	URL, Secret string
	// Events that it wants; "*" stands for all.
	Events []string
}

// Wants says that a hook is for an event.
func (h Hook) Wants(event string) bool {
	return slices.Contains(h.Events, event) || slices.Contains(h.Events, "*")
}

// Event is what happened.
type Event struct {
	Name, Action                 string
	InstallationID, RepositoryID int64
	Payload                      map[string]any
}

// Delivery is one event on its way to one hook.
type Delivery struct {
	ID             int64
	GUID           string
	Hook           int64
	Event, Action  string
	InstallationID int64
	RepositoryID   int64
	Redelivery     bool
	At             time.Time
	// Code is the status of the answer, and Status says it in words; 0 and "" until there is one.
	Code   int
	Status string
	Body   []byte

	done bool
}

// Delivered says that it was answered with success.
func (d Delivery) Delivered() bool { return d.Code >= 200 && d.Code < 300 }

// Sender sends deliveries, one after the other in the order in which things happened.
type Sender struct {
	client *http.Client
	now    func() time.Time
	wake   chan struct{}

	mu     sync.Mutex
	hooks  map[int64]Hook
	script func(Delivery) Fate
	queue  []*Delivery
	held   []*Delivery
	past   []*Delivery // all that were listed, oldest first
	last   int64
	busy   bool
}

// New makes a sender; Run sends.
func New(client *http.Client, now func() time.Time) *Sender {
	return &Sender{client: client, now: now, wake: make(chan struct{}, 1), hooks: map[int64]Hook{}}
}

// timeout is how long GitHub waits for an answer, kept how many deliveries are remembered, and waiting how many wait to be
// sent; beyond, the oldest fails.
const (
	timeout = 10 * time.Second
	kept    = 10000
	waiting = 100000
)

// SetHook adds a hook, or changes it.
func (s *Sender) SetHook(h Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks[h.ID] = h
}

// Hook is one by its id; zero when there is none.
func (s *Sender) Hook(id int64) Hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hooks[id]
}

// Script has a function decide what becomes of each delivery; nil sends all. It is called without a lock held, when the
// delivery's turn has come.
func (s *Sender) Script(fate func(Delivery) Fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = fate
}

// Emit queues an event for a hook, if that wants it. It does not wait.
func (s *Sender) Emit(hook int64, e Event) error {
	body, err := json.Marshal(e.Payload)
	if err != nil {
		return fmt.Errorf("writing the payload of %s: %w", e.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h, there := s.hooks[hook]
	if !there || h.URL == "" || e.Name != "ping" && !h.Wants(e.Name) {
		return nil
	}
	s.last++
	s.push(&Delivery{ID: s.last, GUID: fmt.Sprintf("%08x-0000-11ee-8000-%012x", hook, s.last), Hook: hook, Event: e.Name, Action: e.Action,
		InstallationID: e.InstallationID, RepositoryID: e.RepositoryID, At: s.now(), Body: body})
	return nil
}

// push queues a delivery. The caller holds the lock.
func (s *Sender) push(d *Delivery) {
	if len(s.queue) == waiting {
		oldest := s.queue[0]
		oldest.Status, oldest.done = "too many wait to be sent", true
		s.queue = s.queue[1:]
		s.keep(oldest)
	}
	s.queue = append(s.queue, d)
	select {
	case s.wake <- struct{}{}:
	default: // it has been woken already
	}
}

// Run sends until the context ends.
func (s *Sender) Run(ctx context.Context) error {
	for {
		for s.next(ctx) {
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		}
	}
}

// next deals with the first of the queue, and says whether there was one.
func (s *Sender) next(ctx context.Context) bool {
	s.mu.Lock()
	if len(s.queue) == 0 || ctx.Err() != nil {
		s.mu.Unlock()
		return false
	}
	d := s.queue[0]
	s.queue = s.queue[1:]
	s.busy = true
	hook, script := s.hooks[d.Hook], s.script
	released := d.done
	s.mu.Unlock()

	fate := Send
	if script != nil && !released {
		fate = script(*d)
	}
	code, status := 0, "failed to connect to host"
	switch fate {
	case Send:
		code, status = s.send(ctx, hook, d)
	case Double:
		s.send(ctx, hook, d)
		code, status = s.send(ctx, hook, d)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	switch fate {
	case Lose:
	case Hold:
		s.held = append(s.held, d)
	default:
		d.Code, d.Status, d.done = code, status, true
		s.keep(d)
	}
	return true
}

// keep remembers a delivery, and forgets the oldest. The caller holds the lock.
func (s *Sender) keep(d *Delivery) {
	s.past = append(s.past, d)
	s.past = s.past[max(0, len(s.past)-kept):]
}

// Held are the deliveries that are held back, oldest first.
func (s *Sender) Held() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copies(s.held)
}

// Release sends held deliveries, in the order of the ids; all that are held when none is named.
func (s *Sender) Release(ids ...int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(ids) == 0 {
		for _, d := range s.held {
			ids = append(ids, d.ID)
		}
	}
	for _, id := range ids {
		i := slices.IndexFunc(s.held, func(d *Delivery) bool { return d.ID == id })
		if i < 0 {
			return fmt.Errorf("no delivery %d is held", id)
		}
		d := s.held[i]
		s.held = slices.Delete(s.held, i, i+1)
		d.done = true // the script has had its say
		s.push(d)
	}
	return nil
}

// List returns what was sent to a hook, newest first.
func (s *Sender) List(hook int64) []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Delivery
	for _, d := range slices.Backward(s.past) {
		if d.Hook == hook {
			list = append(list, *d)
		}
	}
	return list
}

// Redeliver sends a delivery of a hook again: the same bytes, with the same GUID and an id of its own.
func (s *Sender) Redeliver(hook, id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.past {
		if d.ID == id && d.Hook == hook {
			again := *d
			s.last++
			again.ID, again.Redelivery, again.At, again.Code, again.Status, again.done = s.last, true, s.now(), 0, "", false
			s.push(&again)
			return true
		}
	}
	return false
}

// ErrNotIdle says that there was still something to send when the context ended.
var ErrNotIdle = errors.New("webhooks are still on their way")

// Idle waits until nothing is on its way any more; what is held does not count.
func (s *Sender) Idle(ctx context.Context) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		idle := len(s.queue) == 0 && !s.busy
		s.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ErrNotIdle, ctx.Err())
		case <-tick.C:
		}
	}
}

func copies(list []*Delivery) []Delivery {
	out := make([]Delivery, len(list))
	for i, d := range list {
		out[i] = *d
	}
	return out
}
