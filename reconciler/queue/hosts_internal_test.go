package queue

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A host that nobody waits for any more takes no memory: anybody may name hosts.
func TestHostsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		q := New(Options{
			PerHost: 1, Host: func(key string) string { return key[:2] },
			Turn: func(context.Context, string) (time.Duration, error) { return 0, nil },
		})
		var running sync.WaitGroup
		running.Go(func() { _ = q.Run(ctx) })
		for i := range 40 {
			q.Add(fmt.Sprintf("%02d/a", i))
			q.Add(fmt.Sprintf("%02d/b", i))
		}
		synctest.Wait()
		q.mu.Lock()
		if len(q.hosts) > 0 || len(q.working) > 0 || len(q.failures) > 0 {
			t.Errorf("left are %d hosts, %d turns and %d failures", len(q.hosts), len(q.working), len(q.failures))
		}
		q.mu.Unlock()
		stop()
		running.Wait()
	})
}
