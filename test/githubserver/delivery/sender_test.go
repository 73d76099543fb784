package delivery_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/test/githubserver/delivery"
)

// receiver remembers what arrives.
type receiver struct {
	mu     sync.Mutex
	got    []string
	ids    []string
	status int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	good := request.Header.Get("X-Hub-Signature-256") == delivery.Sign("secret", body)
	name := request.Header.Get("X-GitHub-Event") + " " + strings.Trim(string(body), "{}")
	if !good {
		name = "unsigned " + name
	}
	r.got = append(r.got, name)
	r.ids = append(r.ids, request.Header.Get("X-GitHub-Delivery"))
	w.WriteHeader(r.status)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.got...)
}

func start(t *testing.T) (*delivery.Sender, *receiver) {
	t.Helper()
	r := &receiver{status: http.StatusAccepted}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	s := delivery.New(server.Client(), time.Now)
	s.SetHook(delivery.Hook{ID: 1, URL: server.URL, Secret: "secret", Events: []string{"push", "pull_request"}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Run(ctx) // ends with the context
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return s, r
}

func emit(t *testing.T, s *delivery.Sender, name string, n int) {
	t.Helper()
	if err := s.Emit(1, delivery.Event{Name: name, Payload: map[string]any{"n": n}}); err != nil {
		t.Fatal(err)
	}
}

func wait(t *testing.T, s *delivery.Sender) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Idle(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestFates(t *testing.T) {
	s, r := start(t)
	fates := map[int64]delivery.Fate{2: delivery.Lose, 3: delivery.Fail, 4: delivery.Double, 5: delivery.Hold, 6: delivery.Hold}
	s.Script(func(d delivery.Delivery) delivery.Fate { return fates[d.ID] })
	for n := range 7 {
		emit(t, s, "push", n+1)
	}
	emit(t, s, "star", 8) // nobody asked for it
	wait(t, s)
	if diff := cmp.Diff([]string{`push "n":1`, `push "n":4`, `push "n":4`, `push "n":7`}, r.all()); diff != "" {
		t.Errorf("arrived (-want +got):\n%s", diff)
	}
	if held := s.Held(); len(held) != 2 || held[0].ID != 5 {
		t.Fatalf("held: %+v", held)
	}
	if err := s.Release(6, 5); err != nil {
		t.Fatal(err)
	}
	wait(t, s)
	if diff := cmp.Diff([]string{`push "n":6`, `push "n":5`}, r.all()[4:]); diff != "" {
		t.Errorf("released in another order (-want +got):\n%s", diff)
	}
	if err := s.Release(5); err == nil {
		t.Error("a delivery that is not held is released")
	}
}

func TestFailedOnesAreSentAgainOnlyWhenAskedFor(t *testing.T) {
	s, r := start(t)
	r.answer(http.StatusServiceUnavailable)
	emit(t, s, "pull_request", 1)
	wait(t, s)
	list := s.List(1)
	if len(list) != 1 || list[0].Delivered() || list[0].Code != 503 || list[0].Status != "Invalid HTTP Response: 503" {
		t.Fatalf("listed: %+v", list)
	}
	if len(s.List(2)) > 0 || s.Redeliver(2, list[0].ID) || s.Redeliver(1, 99) {
		t.Error("deliveries of a hook are another's")
	}
	r.answer(http.StatusOK)
	if !s.Redeliver(1, list[0].ID) {
		t.Fatal("it is not sent again")
	}
	wait(t, s)
	list = s.List(1)
	if len(list) != 2 || !list[0].Delivered() || !list[0].Redelivery || list[0].ID == list[1].ID || list[0].GUID != list[1].GUID {
		t.Errorf("listed: %+v", list)
	}
	if r.ids[0] != r.ids[1] || r.got[0] != r.got[1] {
		t.Errorf("sent again was %v %v", r.ids, r.got)
	}
}

// Nobody sends: what waits is bounded, and the oldest can be asked for again.
func TestWhatWaitsIsBounded(t *testing.T) {
	s := delivery.New(http.DefaultClient, time.Now)
	s.SetHook(delivery.Hook{ID: 1, URL: "http://127.0.0.1:1", Events: []string{"*"}})
	const most = 100000
	for n := range most + 2 {
		emit(t, s, "push", n)
	}
	list := s.List(1)
	if len(list) != 2 || list[1].ID != 1 || list[1].Delivered() || !s.Redeliver(1, 1) {
		t.Errorf("%d failed", len(list))
	}
}
