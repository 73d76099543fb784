package worker_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plateform/plateform/reconciler/worker"
)

// bubble runs a worker in a bubble of its own time until the test in it ends.
func bubble(t *testing.T, test func(t *testing.T, common worker.Common, run func(func(context.Context) error))) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		common := worker.Common{
			Queue: worker.Keyed, Clock: time.Now, Jitter: func(time.Duration) time.Duration { return 0 }, Notify: func() {},
		}
		test(t, common, func(run func(context.Context) error) {
			running.Go(func() {
				if err := run(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("the worker ended with %v", err)
				}
			})
		})
		stop()
		running.Wait()
	})
}

// pass lets time pass in a bubble, and waits until nothing happens any more.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
