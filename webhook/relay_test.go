package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plateform/plateform/webhook"
)

// relaying is a process that does not lead, before one that does.
type relaying struct {
	*webhook.Relay
	t       *testing.T
	here    *edge // verifies
	leading *edge // acts
	at      atomic.Pointer[string]
	// broken is how often the one that leads answers that it cannot, before it does.
	broken atomic.Int32
	tries  atomic.Int32
	log    syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newRelaying(t *testing.T) *relaying {
	t.Helper()
	r := &relaying{t: t, here: newEdge(t), leading: newEdge(t)}
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.tries.Add(1)
		if r.broken.Add(-1) >= 0 {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		r.leading.ServeHTTP(w, q)
	}))
	t.Cleanup(there.Close)
	address := there.Listener.Addr().String()
	r.at.Store(&address)
	r.Relay = webhook.NewRelay(webhook.RelayOptions{
		Leader: func() string { return *r.at.Load() }, Client: there.Client(), Log: slog.New(slog.NewTextHandler(&r.log, nil)),
		Pauses: []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond},
	})
	return r
}

// take has a delivery taken by the process that does not lead.
func (r *relaying) take(q *http.Request) (int, string) {
	w := httptest.NewRecorder()
	r.Take(r.here, w, q)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// run sends on what waits.
func (r *relaying) run() {
	ctx, stop := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			r.t.Errorf("the relay ended with %v", err)
		}
	})
}

func (r *relaying) eventually(what string, so func() bool) {
	r.t.Helper()
	r.leading.eventually(what, so)
}

// What comes to a process that does not lead is answered there, and does its work where one leads, which may have been away meanwhile.
func TestRelay(t *testing.T) {
	r := newRelaying(t)
	r.broken.Store(2)
	body := push("https://git.test/shop", "refs/heads/main", "1")
	if status, said := r.take(r.leading.request("push", body)); status != http.StatusAccepted || said != string(webhook.Accepted) {
		t.Fatalf("the answer is %d %s", status, said)
	}
	r.run()
	r.eventually("the delivery to be sent on", func() bool { return r.leading.counted["push accepted"] == 1 })
	if hints := r.leading.handed(); len(hints) != 1 || hints[0].Repository != "https://git.test/shop" {
		t.Errorf("the hints are %+v", hints)
	}
	if got := r.tries.Load(); got != 3 {
		t.Errorf("it was sent %d times, want 3", got)
	}
	if hints := r.here.handed(); len(hints) != 0 {
		t.Errorf("the process that does not lead acts on %+v", hints)
	}
}

// What is not genuine goes nowhere, and nothing is sent on twice.
func TestRelayRefuses(t *testing.T) {
	r := newRelaying(t)
	body := push("https://git.test/shop", "refs/heads/main", "1")
	forged := r.here.request("push", body)
	forged.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
	if status, _ := r.take(forged); status != http.StatusForbidden {
		t.Errorf("a forged one is answered with %d", status)
	}
	unsigned := r.here.request("push", body)
	unsigned.Header.Del("X-Hub-Signature-256")
	if status, _ := r.take(unsigned); status != http.StatusUnauthorized {
		t.Errorf("one without a signature is answered with %d", status)
	}
	again := r.here.request("push", body)
	again.Header.Set("X-Plateform-Relayed", "1")
	if status, _ := r.take(again); status != http.StatusServiceUnavailable {
		t.Errorf("one that was sent on already is answered with %d", status)
	}
	good := r.here.request("push", push("https://git.test/good", "refs/heads/main", "2"))
	if status, _ := r.take(good); status != http.StatusAccepted {
		t.Errorf("a good one is answered with %d", status)
	}
	r.run()
	r.eventually("the good one to be sent on", func() bool { return r.leading.counted["push accepted"] == 1 })
	if got := r.tries.Load(); got != 1 {
		t.Errorf("%d were sent on, want 1", got)
	}
}

// While nobody leads they wait a little, and are dropped then; what is not taken where one leads is not sent again. Both are told.
func TestRelayGivesUp(t *testing.T) {
	r := newRelaying(t)
	address, nobody := *r.at.Load(), ""
	r.at.Store(&nobody)
	r.run()
	r.take(r.leading.request("push", push("https://git.test/shop", "refs/heads/main", "1")))
	r.eventually("it to be dropped", func() bool { return strings.Contains(r.log.String(), "no process leads") })
	r.at.Store(&address)
	r.leading.set(func() { r.leading.secrets = []webhook.Secret{"another one"} })
	r.take(r.leading.request("push", push("https://git.test/shop", "refs/heads/main", "2")))
	r.eventually("it to be refused", func() bool { return strings.Contains(r.log.String(), "403 Forbidden") })
	if got := r.tries.Load(); got != 1 {
		t.Errorf("it was sent %d times, want once", got)
	}
}

// More than can wait are dropped, the oldest first.
func TestRelayIsBounded(t *testing.T) {
	r := newRelaying(t)
	const all, kept = 1100, 1024
	for n := range all {
		r.take(r.leading.request("push", push(fmt.Sprint("https://git.test/", n), "refs/heads/main", "1")))
	}
	r.run()
	r.eventually("the newest to be sent on", func() bool { return r.leading.counted["push accepted"] == kept })
	hints := r.leading.handed()
	if len(hints) != kept || hints[0].Repository != fmt.Sprint("https://git.test/", all-kept) {
		t.Errorf("%d were kept, the first is %v", len(hints), hints[0])
	}
	if !strings.Contains(r.log.String(), "more came than can wait") {
		t.Errorf("the log is %s", r.log.String())
	}
}

// A call of a Jenkins is sent on, too.
func TestRelayOfAJenkins(t *testing.T) {
	const now, body = "1795349095", `{"build":"a1"}`
	here, leading := newCallee(t), newCallee(t)
	done := make(chan int, 1)
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		leading.ServeHTTP(w, q)
		done <- leading.woken
	}))
	t.Cleanup(there.Close)
	relay := webhook.NewRelay(webhook.RelayOptions{
		Leader: func() string { return there.Listener.Addr().String() }, Client: there.Client(), Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	q := httptest.NewRequest(http.MethodPost, webhook.JenkinsPath, strings.NewReader(body))
	q.Header.Set("X-Plateform-Time", now)
	q.Header.Set("X-Plateform-Signature", signCall("new", now, body))
	w := httptest.NewRecorder()
	relay.Take(here, w, q)
	if woken := <-done; w.Code != http.StatusAccepted || woken != 1 || here.woken != 0 {
		t.Errorf("the answer is %d; it woke %d here and %d there", w.Code, here.woken, woken)
	}
	stop()
	<-ended
}
