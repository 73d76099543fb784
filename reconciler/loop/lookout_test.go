package loop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// silentSources never answer from the second time on, but for the one repository that does.
type silentSources struct {
	asked  sync.Map
	looked chan struct{} // one for each look at the repository that answers
}

func (s *silentSources) Tip(ctx context.Context, source manifest.Source) (reconciler.Tip, error) {
	if !strings.HasPrefix(source.Repository, "silent") {
		select {
		case s.looked <- struct{}{}:
		case <-ctx.Done():
		}
		return reconciler.Tip{Commit: "c"}, nil
	}
	if _, again := s.asked.LoadOrStore(source.Repository, true); !again {
		return reconciler.Tip{}, errors.New("connection refused")
	}
	<-ctx.Done()
	return reconciler.Tip{}, ctx.Err()
}

func TestSilentSourcesLeaveTurnsToTheOthers(t *testing.T) {
	t.Parallel()
	sources := &silentSources{looked: make(chan struct{})}
	var hours atomic.Int64
	later := func() time.Time { return time.Unix(0, 0).Add(time.Duration(hours.Add(1)) * time.Hour) } // everything is always due
	l := newLookout(sources, time.Second, later, func() {})
	for i := range 4 * looksAtOnce {
		l.add(watch{repository: fmt.Sprintf("silent-%d", i)})
	}
	l.add(watch{repository: "shop"})
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx) }()
	for look := range 50 {
		select {
		case <-sources.looked:
		case <-ctx.Done():
			t.Fatalf("after %d looks the source that answers gets no turn", look)
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the lookout ended with %v", err)
	}
}
