package worker

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/queue"
)

// How authored images that could not be used are asked for again: they were asked for a moment ago, and most come within minutes
// or not at all, so that a registry has little to answer.
const (
	firstAgain = 20 * time.Second
	lastAgain  = 10 * time.Minute
)

// References asks registries again for authored images that could not be used, until they can.
type References struct {
	Common
	registry reconciler.Registry
	queue    Queue

	mu     sync.Mutex
	wanted map[string]bool
	fresh  map[string]string
}

// NewReferences returns the worker.
func NewReferences(registry reconciler.Registry, common Common) *References {
	r := &References{Common: common, registry: registry, wanted: map[string]bool{}, fresh: map[string]string{}}
	r.queue = common.Queue(queue.Options{
		Turn: r.ask, Timeout: resolveTimeout, MinBackoff: firstAgain, MaxBackoff: lastAgain,
		Host: func(key string) string { host, _, _ := strings.Cut(key, "/"); return host },
	})
	return r
}

// Run works until the context ends.
func (r *References) Run(ctx context.Context) error { return r.queue.Run(ctx) }

// Keep has these references asked for from now on, and no others.
func (r *References) Keep(references []string) {
	r.mu.Lock()
	var added []string
	for _, reference := range references {
		if !r.wanted[reference] {
			r.wanted[reference] = true
			added = append(added, reference)
		}
	}
	for reference := range r.wanted {
		if !slices.Contains(references, reference) {
			delete(r.wanted, reference)
			delete(r.fresh, reference)
		}
	}
	r.mu.Unlock()
	for _, reference := range added {
		r.queue.AddAfter(reference, firstAgain+r.Jitter(firstAgain/4))
	}
}

// Take returns the references that can be used by now.
func (r *References) Take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return drain(r.fresh)
}

// ask is one turn at one reference.
func (r *References) ask(ctx context.Context, reference string) (again time.Duration, err error) {
	r.mu.Lock()
	wanted := r.wanted[reference]
	r.mu.Unlock()
	if !wanted {
		return 0, nil
	}
	if _, err := r.registry.Resolve(ctx, reference); err != nil {
		return 0, err
	}
	r.mu.Lock()
	if wanted = r.wanted[reference]; wanted {
		r.fresh[reference] = reference
	}
	r.mu.Unlock()
	if wanted {
		r.Notify()
	}
	return 0, nil
}
