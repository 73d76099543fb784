package live_test

import (
	"context"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/live"
)

// followed is a follower of the shop, with a clock of its own.
type followed struct {
	*live.Follower
	cluster client.Client
	asked   live.Question
	now     time.Time
	changed chan struct{}
}

func follow(dial func(ctx context.Context, network, at string) (net.Conn, error), objects ...client.Object) *followed {
	cluster := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(append(objects, class(), ingress(address))...).Build()
	f := &followed{cluster: cluster, asked: shop, now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), changed: make(chan struct{}, 1)}
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
	reach, phase, _ := f.Look(t.Context(), f.asked)
	if !due {
		return reach, phase
	}
	select {
	case <-f.changed:
	case <-t.Context().Done():
		t.Fatal("nothing is asked")
	}
	reach, phase, again := f.Look(t.Context(), f.asked)
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

// What is said of a release holds for no other: the next one is asked, too.
func TestFollowAsksEachRelease(t *testing.T) {
	var status atomic.Int64
	status.Store(200)
	server := httptest.NewServer(nil)
	server.Config.Handler = leadsTo(&status)
	defer server.Close()
	f := follow(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	})
	defer f.Wait()
	f.asked.Release = "v1.0.0"
	if reach, phase := f.look(t, true); phase != reconciler.PhaseHealthy || !reach.Live {
		t.Fatalf("%s: %+v", phase, reach)
	}
	status.Store(502)
	f.asked.Release = "v1.0.1"
	if reach, phase := f.look(t, true); phase != reconciler.PhaseProgressing || reach.Live || reach.Missing == "" {
		t.Errorf("of the next release it is said: %s: %+v", phase, reach)
	}
}

// While pods of the release before are leaving an answer may be theirs: it counts once they are gone, or have had their time.
func TestFollowWaitsForPodsThatLeave(t *testing.T) {
	server := httptest.NewServer(leads(200, "hello"))
	defer server.Close()
	for name, gone := range map[string]bool{"they go": true, "they stay": false} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Name: "shop-1", Namespace: "ws-1", Labels: map[string]string{"plateform.dev/workspace": "ws-1", "plateform.dev/project": "shop"}, Finalizers: []string{"example.com/hold"},
			}}
			f := follow(func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
			}, pod)
			defer f.Wait()
			if err := f.cluster.Delete(t.Context(), pod); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if reach, phase := f.look(t, true); phase != reconciler.PhaseProgressing || reach.Live || !strings.Contains(reach.Missing, "leaving") {
					t.Errorf("while they leave it is said: %s: %+v", phase, reach)
				}
			}
			if gone {
				if err := f.cluster.Patch(t.Context(), pod, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
					t.Fatal(err)
				}
			} else {
				f.now = f.now.Add(10 * time.Second)
			}
			if reach, phase := f.look(t, true); phase != reconciler.PhaseHealthy || !reach.Live {
				t.Errorf("after that it is said: %s: %+v", phase, reach)
			}
		})
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
