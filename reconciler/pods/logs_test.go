package pods_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/pods"
)

var shop = manifest.Key{Workspace: "ws-1", Project: "shop"}

// node answers for pods as an API server and its nodes do.
type node struct {
	t      *testing.T
	server *httptest.Server

	mu sync.Mutex
	// pods there are, and what their containers printed: at pod/starts, a line a second.
	pods []corev1.Pod
	logs map[string][]string
	// more is closed and made anew when something changes.
	more chan struct{}
}

func newNode(t *testing.T) *node {
	n := &node{t: t, logs: map[string][]string{}, more: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/ws-1/pods", n.list)
	mux.HandleFunc("GET /api/v1/namespaces/ws-1/pods/{pod}/log", n.log)
	n.server = httptest.NewServer(mux)
	t.Cleanup(n.server.Close)
	return n
}

func (n *node) change(how func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	how()
	close(n.more)
	n.more = make(chan struct{})
}

// has has a pod be there whose container was started so many times; running says whether it runs.
func (n *node) has(name string, starts int32, running bool) {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ws-1"}}
	status := corev1.ContainerStatus{Name: "app", RestartCount: starts}
	if starts > 0 {
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1}
	}
	if running {
		status.State.Running = &corev1.ContainerStateRunning{}
	} else {
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{status}
	n.change(func() {
		n.pods = append(slices.DeleteFunc(n.pods, func(p corev1.Pod) bool { return p.Name == name }), pod)
	})
}

func (n *node) prints(name string, starts int32, lines ...string) {
	n.change(func() { at := fmt.Sprintf("%s/%d", name, starts); n.logs[at] = append(n.logs[at], lines...) })
}

func (n *node) list(w http.ResponseWriter, r *http.Request) {
	if got := r.URL.Query().Get("labelSelector"); got != "plateform.dev/project=shop,plateform.dev/workspace=ws-1" {
		n.t.Errorf("pods of %q are listed", got)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: n.pods})
}

// began is when a log begins; each start of a container is an hour after the one before.
func began(starts int) time.Time {
	return time.Date(2026, 11, 28, 8+starts, 0, 0, 0, time.UTC)
}

func (n *node) log(w http.ResponseWriter, r *http.Request) {
	ask := r.URL.Query()
	if ask.Get("timestamps") != "true" || ask.Get("container") != "app" {
		n.t.Errorf("it is asked with %v", ask)
	}
	n.mu.Lock()
	starts := 0
	for _, p := range n.pods {
		if p.Name == r.PathValue("pod") {
			starts = int(p.Status.ContainerStatuses[0].RestartCount)
		}
	}
	if ask.Get("previous") == "true" {
		starts--
	}
	at, next := fmt.Sprintf("%s/%d", r.PathValue("pod"), starts), 0
	if tail, err := strconv.Atoi(ask.Get("tailLines")); err == nil {
		next = max(0, len(n.logs[at])-tail)
	}
	n.mu.Unlock()
	if since, err := time.Parse(time.RFC3339, ask.Get("sinceTime")); err == nil {
		next = max(next, int(since.Sub(began(starts))/time.Second))
	}
	for {
		n.mu.Lock()
		lines, more := n.logs[at], n.more
		now := slices.IndexFunc(n.pods, func(p corev1.Pod) bool {
			return p.Name == r.PathValue("pod") && int(p.Status.ContainerStatuses[0].RestartCount) == starts && p.Status.ContainerStatuses[0].State.Running != nil
		})
		n.mu.Unlock()
		for ; next < len(lines); next++ {
			fmt.Fprintf(w, "%s %s\n", began(starts).Add(time.Duration(next)*time.Second+time.Millisecond).Format(time.RFC3339Nano), lines[next])
		}
		w.(http.Flusher).Flush()
		if ask.Get("follow") != "true" || now < 0 {
			return
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}

func (n *node) reader() pods.Reader {
	set, err := kubernetes.NewForConfig(&rest.Config{Host: n.server.URL})
	if err != nil {
		n.t.Fatal(err)
	}
	return pods.Reader{Cluster: set, Namespace: func(manifest.Key) string { return "ws-1" }, Every: 5 * time.Millisecond}
}

// The lines of all pods come by their time, with those of a container that ended before, and only the last ones.
func TestAppLog(t *testing.T) {
	n := newNode(t)
	n.has("shop-a", 0, true)
	n.prints("shop-a", 0, "a1", "a2")
	n.has("shop-b", 1, false)
	n.prints("shop-b", 0, "b1", strings.Repeat("x", 70<<10), "b3: it ends")
	var got []string
	take := func(text string) error {
		if len(text) > 100 {
			text = text[:60] + "…"
		}
		got = append(got, text)
		return nil
	}
	if err := n.reader().AppLog(t.Context(), shop, reconciler.AppLogQuestion{Last: 4}, take); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"2026-11-28T08:00:00.001Z shop-b (before it was started again) b1",
		"2026-11-28T08:00:01.001Z shop-a a2",
		"2026-11-28T08:00:01.001Z shop-b (before it was started again) ", // cut
		"2026-11-28T08:00:02.001Z shop-b (before it was started again) b3: it ends",
	}
	if len(got) != 4 || got[0] != want[0] || got[1] != want[1] || !strings.HasPrefix(want[2], got[2][:55]) || got[3] != want[3] {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What nobody runs has printed nothing.
func TestAppLogOfNothing(t *testing.T) {
	err := newNode(t).reader().AppLog(t.Context(), shop, reconciler.AppLogQuestion{Last: 4}, func(string) error { return nil })
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}

// A log that is followed goes on over the end of a container and with pods that come; no line comes twice, and none is missing.
func TestFollow(t *testing.T) {
	n := newNode(t)
	n.has("shop-a", 0, true)
	n.prints("shop-a", 0, "old", "a1")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	lines := make(chan string)
	done := make(chan error, 1)
	go func() {
		done <- n.reader().AppLog(ctx, shop, reconciler.AppLogQuestion{Last: 1, Follow: true}, func(text string) error {
			select {
			case lines <- text[strings.LastIndex(text, " ")+1:]:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	next := func(want string) {
		t.Helper()
		select {
		case got := <-lines:
			if got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("%s does not come", want)
		}
	}
	next("a1")
	n.prints("shop-a", 0, "a2")
	next("a2")
	n.prints("shop-a", 0, "end")
	n.has("shop-a", 1, true)
	n.prints("shop-a", 1, "again")
	got := []string{<-lines, <-lines} // of two logs, which are read beside each other
	if slices.Sort(got); !slices.Equal(got, []string{"again", "end"}) {
		t.Fatalf("got %v", got)
	}
	n.has("shop-c", 0, true)
	n.prints("shop-c", 0, "c1")
	next("c1")
	n.prints("shop-a", 1, "a3")
	next("a3")
	stop()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// How a pod does is said in a word.
func TestOf(t *testing.T) {
	ready := corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		ContainerStatuses: []corev1.ContainerStatus{{RestartCount: 2, ImageID: "registry.test/shop@sha256:aa", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}}
	sick, crashes, ends := *ready.DeepCopy(), *ready.DeepCopy(), *ready.DeepCopy()
	sick.Status.Conditions = nil
	crashes.Status.Conditions = nil
	crashes.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	ends.DeletionTimestamp = &metav1.Time{Time: began(0)}
	for want, pod := range map[string]corev1.Pod{"ready": ready, "not ready": sick, "CrashLoopBackOff": crashes, "ending": ends} {
		got := pods.Of(&pod)
		if got.State != want || got.Restarts != 2 || !slices.Equal(got.Images, []string{"registry.test/shop@sha256:aa"}) || got.Ready != (want == "ready" || want == "ending") {
			t.Errorf("%s is %+v", want, got)
		}
	}
}
