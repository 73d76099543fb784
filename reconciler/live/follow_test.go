package live_test

import (
	"context"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/live"
)

// followed is a follower of the shop, with a clock of its own.
type followed struct {
	*live.Follower
	now     time.Time
	changed chan struct{}
}

func follow(dial func(ctx context.Context, network, at string) (net.Conn, error)) *followed {
	cluster := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(class(), ingress(address)).Build()
	f := &followed{now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), changed: make(chan struct{}, 1)}
	f.Follower = &live.Follower{
		Options: live.Options{
			Seen: cluster, Cluster: cluster, Dial: dial,
			Resolve: func(context.Context, string) ([]string, error) { return []string{address}, nil },
		},
		Clock: func() time.Time { return f.now }, Changed: func() { f.changed <- struct{}{} },
	}
	return f
}

// look looks, and waits for the answer when one is due.
func (f *followed) look(t *testing.T, due bool) (reconciler.Reach, reconciler.Phase) {
	t.Helper()
	reach, phase, _ := f.Look(t.Context(), shop)
	if !due {
		return reach, phase
	}
	select {
	case <-f.changed:
	case <-t.Context().Done():
		t.Fatal("nothing is asked")
	}
	reach, phase, again := f.Look(t.Context(), shop)
	f.now = f.now.Add(again)
	return reach, phase
}

// A project counts as healthy once it answers, and stays so; what is missing is told anew.
func TestFollowUntilItAnswers(t *testing.T) {
	var status atomic.Int64
	status.Store(502)
	server := httptest.NewServer(nil)
	server.Config.Handler = leadsTo(&status)
	defer server.Close()
	f := follow(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	})
	defer f.Wait()
	if reach, phase := f.look(t, true); phase != reconciler.PhaseProgressing || reach.Missing == "" {
		t.Fatalf("%s: %+v", phase, reach)
	}
	status.Store(200)
	if reach, phase := f.look(t, true); phase != reconciler.PhaseHealthy || reach != (reconciler.Reach{Live: true}) {
		t.Fatalf("%s: %+v", phase, reach)
	}
	f.now = f.now.Add(-time.Second)
	status.Store(502)
	if reach, phase := f.look(t, false); phase != reconciler.PhaseHealthy || !reach.Live {
		t.Fatalf("it is asked before it is time: %s: %+v", phase, reach)
	}
	f.now = f.now.Add(time.Second)
	if reach, phase := f.look(t, true); phase != reconciler.PhaseHealthy || reach.Live || reach.Missing == "" {
		t.Fatalf("%s: %+v", phase, reach)
	}
}

// What cannot be asked from here is not waited for without an end.
func TestFollowDoubt(t *testing.T) {
	f := follow(func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed })
	defer f.Wait()
	begun := f.now
	for {
		reach, phase := f.look(t, true)
		if !reach.Unasked {
			t.Fatalf("%+v", reach)
		}
		if phase == reconciler.PhaseHealthy {
			break
		}
	}
	if waited := f.now.Sub(begun); waited < 10*time.Second || waited > time.Minute {
		t.Errorf("it is waited for %v", waited)
	}
}

// A project without a URL is not asked.
func TestFollowWithoutURL(t *testing.T) {
	f := follow(nil)
	q := shop
	q.URL = ""
	if reach, phase, _ := f.Look(t.Context(), q); phase != reconciler.PhaseHealthy || reach != (reconciler.Reach{}) {
		t.Errorf("%s: %+v", phase, reach)
	}
	f.Wait()
}
