// Package queue is keyed, delayed, rate-limited work. Each key is worked on by one goroutine at a time; adding a key that
// waits already changes nothing; a key that fails waits longer each time; and a host that is slow or never answers does not
// take the turns of the others.
//
// It is client-go's workqueue with what that lacks: jitter, and limits by host.
package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
)

// Defaults of Options.
const (
	defaultPerHost    = 8
	defaultFailing    = 3
	defaultTimeout    = 2 * time.Minute
	defaultMinBackoff = 500 * time.Millisecond
	defaultMaxBackoff = 5 * time.Minute
)

// Turn is one turn of work on a key. It returns when the key wants another turn, 0 for not by itself; after an error it
// gets one after its backoff, or later when the error has a method RetryAfter() time.Duration that says so: then no key of its
// host gets a turn before, whoever adds it, but for those that have one already. It must end soon after the context has.
type Turn func(ctx context.Context, key string) (again time.Duration, err error)

// Options of a Queue. Only Turn is needed.
type Options struct {
	// Turn works on a key.
	Turn Turn
	// Host names what a key waits for, so that turns are limited for each, and each is left alone when it asks for that. When
	// nil, all keys share the limits, and an error that asks to be left alone speaks for its key only.
	Host func(key string) string
	// PerHost bounds the turns at one host at the same time, Failing those of keys whose last turn failed; 8 and 3 when 0.
	PerHost, Failing int
	// Timeout bounds one turn; 2 minutes when 0.
	Timeout time.Duration
	// MinBackoff is the wait after the first failure of a key, doubled with each further one up to MaxBackoff, give or take
	// a quarter; half a second and 5 minutes when 0.
	MinBackoff, MaxBackoff time.Duration
}

// Queue is safe for use by several goroutines.
type Queue struct {
	options Options

	mu sync.Mutex
	// keys is nil until Run: it works from the moment it is made. early is what was added before, and how long each waits.
	keys     workqueue.TypedRateLimitingInterface[string]
	early    map[string]time.Duration
	failures map[string]int
	// quiet are the hosts, or keys where there are none, that get no turn before a time.
	quiet   map[string]time.Time
	hosts   map[string]*host
	working map[string]working
}

// host is what is under way at one host, and what waits for its turn there.
type host struct {
	name             string
	running, failing int
	waiting          []string
}

// working is a turn under way, and whether the last one of its key failed.
type working struct {
	host    *host
	failing bool
}

// New returns a Queue that does nothing until Run.
func New(o Options) *Queue {
	if o.PerHost <= 0 {
		o.PerHost = defaultPerHost
	}
	if o.Failing <= 0 {
		o.Failing = min(defaultFailing, o.PerHost)
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MinBackoff <= 0 {
		o.MinBackoff = defaultMinBackoff
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = defaultMaxBackoff
	}
	return &Queue{options: o, early: map[string]time.Duration{}, failures: map[string]int{}, quiet: map[string]time.Time{}, hosts: map[string]*host{}, working: map[string]working{}}
}

// Add gives a key a turn as soon as there is one.
func (q *Queue) Add(key string) { q.AddAfter(key, 0) }

// AddAfter gives a key a turn after a while, or earlier when somebody adds it meanwhile.
func (q *Queue) AddAfter(key string, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.keys != nil {
		q.keys.AddAfter(key, wait)
		return
	}
	if before, waits := q.early[key]; !waits || wait < before {
		q.early[key] = wait
	}
}

// open makes the workqueue, with what was added so far.
func (q *Queue) open() workqueue.TypedRateLimitingInterface[string] {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keys = workqueue.NewTypedRateLimitingQueue[string](limiter{q})
	for key, wait := range q.early {
		q.keys.AddAfter(key, wait)
	}
	q.early = nil
	return q.keys
}

// Forget makes the next failure of a key count as its first.
func (q *Queue) Forget(key string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.failures, key)
}

// Run works until the context ends, and returns its error when all turns under way have ended too.
func (q *Queue) Run(ctx context.Context) error {
	var turns sync.WaitGroup
	defer turns.Wait()
	keys := q.open()
	stop := context.AfterFunc(ctx, keys.ShutDown)
	defer stop()
	for {
		key, ended := keys.Get()
		if ended {
			return ctx.Err()
		}
		if wait := q.quietFor(key); wait > 0 {
			keys.AddAfter(key, wait)
			keys.Done(key)
		} else if q.enter(key) {
			turns.Go(func() { q.work(ctx, key) })
		}
	}
}

// work takes turns at one host, beginning with a key, as long as others wait there.
func (q *Queue) work(ctx context.Context, key string) {
	for more := true; more; {
		q.turn(ctx, key)
		next, waits := q.leave(key)
		q.keys.Done(key) // last: from now on it may have another turn
		key, more = next, waits
	}
}

func (q *Queue) turn(ctx context.Context, key string) {
	if ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	again, err := q.options.Turn(ctx, key)
	switch {
	case err != nil:
		quiet := retryAfter(err)
		q.keepQuiet(key, quiet)
		q.keys.AddAfter(key, max(limiter{q}.When(key), quiet))
	default:
		q.Forget(key)
		if again > 0 {
			q.keys.AddAfter(key, again)
		}
	}
}

// maxRetryAfter bounds how long an error can put a key off.
const maxRetryAfter = time.Hour

// retryAfter is how long whoever was asked wants to be left alone, if an error says so.
func retryAfter(err error) time.Duration {
	var busy interface{ RetryAfter() time.Duration }
	if !errors.As(err, &busy) {
		return 0
	}
	return min(max(busy.RetryAfter(), 0), maxRetryAfter)
}

// host is what a key waits for.
func (q *Queue) host(key string) string {
	if q.options.Host == nil {
		return ""
	}
	return q.options.Host(key)
}

// speaksFor is whom an error of a key speaks for that asks to be left alone: all of its host, whose name may be that of a key.
func (q *Queue) speaksFor(key string) string {
	if q.options.Host == nil {
		return "key " + key
	}
	return "host " + q.options.Host(key)
}

// keepQuiet has all that an error of a key speaks for get no turn for a while.
func (q *Queue) keepQuiet(key string, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if until := time.Now().Add(wait); wait > 0 && until.After(q.quiet[q.speaksFor(key)]) {
		q.quiet[q.speaksFor(key)] = until
	}
}

// quietFor is how long a key gets no turn.
func (q *Queue) quietFor(key string) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.quietForLocked(key)
}

func (q *Queue) quietForLocked(key string) time.Duration {
	until, quiet := q.quiet[q.speaksFor(key)]
	if !quiet {
		return 0
	}
	wait := time.Until(until)
	if wait <= 0 {
		delete(q.quiet, q.speaksFor(key))
	}
	return wait
}

// enter says whether a key may be worked on now. Else it waits for another turn at its host to end.
func (q *Queue) enter(key string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	name := q.host(key)
	h := q.hosts[name]
	if h == nil {
		h = &host{name: name}
		q.hosts[name] = h
	}
	if !q.admits(h, key) {
		h.waiting = append(h.waiting, key)
		return false
	}
	q.begin(h, key)
	return true
}

func (q *Queue) admits(h *host, key string) bool {
	return h.running < q.options.PerHost && (q.failures[key] == 0 || h.failing < q.options.Failing)
}

// begin keeps account of a turn that begins: whether the last one of its key failed may be otherwise at its end.
func (q *Queue) begin(h *host, key string) {
	w := working{host: h, failing: q.failures[key] > 0}
	q.working[key] = w
	h.running++
	if w.failing {
		h.failing++
	}
}

// leave ends a turn, and returns the next key that may have one at the same host.
func (q *Queue) leave(key string) (next string, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.working[key]
	delete(q.working, key)
	h := w.host
	h.running--
	if w.failing {
		h.failing--
	}
	q.putOff(h)
	for i, waiting := range h.waiting {
		if q.admits(h, waiting) {
			h.waiting = slices.Delete(h.waiting, i, i+1)
			q.begin(h, waiting)
			return waiting, true
		}
	}
	if h.running == 0 && len(h.waiting) == 0 {
		delete(q.hosts, h.name)
	}
	return "", false
}

// putOff has what waits for a turn at a host that is to be left alone come back later.
func (q *Queue) putOff(h *host) {
	h.waiting = slices.DeleteFunc(h.waiting, func(key string) bool {
		wait := q.quietForLocked(key)
		if wait <= 0 {
			return false
		}
		q.keys.AddAfter(key, wait)
		q.keys.Done(key)
		return true
	})
}

// limiter gives the workqueue the wait of a key that failed.
type limiter struct{ q *Queue }

// When implements workqueue.TypedRateLimiter.
func (l limiter) When(key string) time.Duration {
	l.q.mu.Lock()
	defer l.q.mu.Unlock()
	l.q.failures[key]++
	wait := Backoff(l.q.failures[key], l.q.options.MinBackoff, l.q.options.MaxBackoff)
	return wait*3/4 + rand.N(wait/2+1) //nolint:gosec // it spreads load, and keeps no secret
}

// Forget implements workqueue.TypedRateLimiter.
func (l limiter) Forget(key string) { l.q.Forget(key) }

// NumRequeues implements workqueue.TypedRateLimiter.
func (l limiter) NumRequeues(key string) int {
	l.q.mu.Lock()
	defer l.q.mu.Unlock()
	return l.q.failures[key]
}

// Backoff is the wait after so many failures in a row: the least one, doubled with each failure, up to the most.
func Backoff(failures int, least, most time.Duration) time.Duration {
	wait := least
	for range max(0, failures-1) {
		if wait >= most {
			return most
		}
		wait *= 2
	}
	return min(wait, most)
}
