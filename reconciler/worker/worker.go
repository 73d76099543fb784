// Package worker is what goes on beside the loop: looks at sources, builds, tags, reports, rollouts. Each worker talks to
// one port and may wait for it as long as it takes; the loop says what it wants, which never blocks, and takes what is new.
//
// What is wanted and what is known are levels, not events: a hint that is lost, doubled or late changes nothing but how
// soon something is noticed.
package worker

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/reconciler/queue"
)

// Queue gives keys turns.
type Queue interface {
	// Add gives a key a turn as soon as there is one.
	Add(key string)
	// AddAfter gives a key a turn after a while.
	AddAfter(key string, wait time.Duration)
	// Run gives turns until the context ends.
	Run(ctx context.Context) error
}

// NewQueue makes a queue.
type NewQueue func(queue.Options) Queue

// Keyed makes queues of package queue.
func Keyed(o queue.Options) Queue { return queue.New(o) }

// RandomJitter draws any time up to the one given.
func RandomJitter(most time.Duration) time.Duration {
	return rand.N(most + 1) //nolint:gosec // it spreads load, and keeps no secret
}

// Common is what all workers need.
type Common struct {
	// Queue makes their queues.
	Queue NewQueue
	// Clock tells the time.
	Clock func() time.Time
	// Jitter draws a time up to the one given, so that not everything happens at once.
	Jitter func(time.Duration) time.Duration
	// Notify is called when there is something new to take. It must not block.
	Notify func()
}

// runAll runs everything until the first ends, and returns when all have.
func runAll(ctx context.Context, all ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range all {
		group.Go(func() error { return run(ctx) })
	}
	return group.Wait()
}

// drain empties a map of news, and returns them in the order of their keys.
func drain[T any](fresh map[string]T) (news []T) {
	for _, key := range slices.Sorted(maps.Keys(fresh)) {
		news = append(news, fresh[key])
	}
	clear(fresh)
	return news
}
