package worker_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// engine takes what is wanted, the first time when it is let, and knows nothing of what was removed.
type engine struct {
	mu     sync.Mutex
	first  chan struct{}
	wanted []reconciler.Target
	asked  int
}

func (e *engine) Want(ctx context.Context, _ string, targets []reconciler.Target) error {
	e.mu.Lock()
	e.wanted = append(e.wanted, targets...)
	n := len(e.wanted)
	e.mu.Unlock()
	if n > len(targets) {
		return nil
	}
	select {
	case <-e.first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *engine) Rollouts(context.Context, []manifest.Key) (map[manifest.Key]reconciler.Rollout, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	return nil, nil
}

// What is wanted while the engine takes what was wanted before is handed on, whatever is different; and what is gone is
// not asked about any more.
func TestTheNewestTargetCountsAndWhatIsGoneIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		e := &engine{first: make(chan struct{})}
		r := worker.NewRollouts(e, common)
		run(r.Run)
		k := manifest.Key{Workspace: "ws-1", Project: "data"}
		r.Want("c1", []reconciler.Target{{Key: k, Remove: true, KeepData: true}})
		pass(time.Second)
		r.Want("c2", []reconciler.Target{{Key: k, Remove: true}})
		pass(time.Second)
		close(e.first)
		pass(10 * time.Minute)
		e.mu.Lock()
		defer e.mu.Unlock()
		if len(e.wanted) != 2 || e.wanted[1].KeepData {
			t.Errorf("the engine was handed %+v", e.wanted)
		}
		if e.asked > 2 {
			t.Errorf("it was asked %d times about what is gone", e.asked)
		}
	})
}
