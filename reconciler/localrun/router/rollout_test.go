package router_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/plateform/plateform/reconciler/localrun/router"
)

// Each round is a rollout as the engine does it: a new instance, Set, Drained, the old one is stopped hard. Clients keep
// their connections and ask all the time, in both protocols, with and without bodies.
func TestNoRequestFailsDuringRollouts(t *testing.T) {
	const rollouts, askers, atLeast = 200, 8, 3000
	r := start(t, router.Options{})
	instance := func(n int) *app {
		return newApp(t, func(w http.ResponseWriter, req *http.Request) {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				t.Errorf("release %d reads a body: %v", n, err)
			}
			_, _ = fmt.Fprintf(w, "%d %s", n, body)
		})
	}
	current := instance(0)
	r.Set("shop.localhost", site(current))

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var enough atomic.Bool
	var released atomic.Int64 // the release that answers for certain: Set has returned
	var asked, failed atomic.Int64
	var group sync.WaitGroup
	for n := range askers {
		client := clients(r)[[]string{"HTTP/1.1", "HTTP/2.0"}[n%2]]
		group.Go(func() {
			for i := 0; !enough.Load(); i++ {
				text := strings.Repeat("x", i%3*1000)
				least := released.Load()
				got, err := post(ctx, client, "http://shop.localhost/", text)
				var by int64
				var echoed string
				_, _ = fmt.Sscanf(got, "%d %s", &by, &echoed)
				if asked.Add(1); err != nil || by < least || echoed != text {
					failed.Add(1)
					t.Errorf("after release %d: %.80q, %v", least, got, err)
					return
				}
			}
		})
	}
	for n := 1; n <= rollouts || asked.Load() < atLeast; n++ {
		next := instance(n)
		r.Set("shop.localhost", site(next))
		released.Store(int64(n))
		if err := r.Drained(ctx, current.address); err != nil {
			t.Error(err)
			break
		}
		current.stop()
		current = next
		if failed.Load() > 0 {
			break
		}
	}
	enough.Store(true)
	group.Wait()
	t.Logf("%d requests during %d rollouts, %d failed", asked.Load(), released.Load(), failed.Load())
}

// post sends a text, or asks without a body when there is none.
func post(ctx context.Context, client *http.Client, url, text string) (string, error) {
	method := http.MethodPost
	if text == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(text))
	if err != nil {
		return "", err
	}
	response, err := client.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(body), err
}

func TestDrainedWaitsForRequestsUnderWay(t *testing.T) {
	begun, finish := make(chan bool), make(chan bool)
	r := start(t, router.Options{})
	old := newApp(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		begun <- true
		receive(t, finish)
		_, _ = fmt.Fprint(w, "the old one")
	})
	r.Set("shop.localhost", site(old))
	if err := r.Drained(t.Context(), old.address); err != nil {
		t.Errorf("nothing has been asked: %v", err)
	}
	response := r.do(request(t, "GET", "http://shop.localhost/", nil))
	receive(t, begun)

	r.Set("shop.localhost", site(newApp(t, says("the new one"))))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Drained(gone, old.address); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 requests are still under way at "+old.address) {
		t.Errorf("while a request is under way: %v", err)
	}
	if _, body := r.get("http://shop.localhost/"); body != "the new one" {
		t.Errorf("after Set: %s", body)
	}
	drained := make(chan error, 2)
	for range cap(drained) {
		go func() { drained <- r.Drained(t.Context(), old.address) }()
	}
	finish <- true
	if body := readAll(t, response.Body); body != "the old one" {
		t.Errorf("the request that was under way: %s", body)
	}
	for range cap(drained) {
		if err := receive(t, drained); err != nil {
			t.Error(err)
		}
	}
}

// upgraded answers with a protocol of lines: each that it gets comes back with a word in front.
func upgraded(t *testing.T, word string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		c, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", req.Header.Get("Upgrade"))
		for {
			line, err := buffered.ReadString('\n')
			if err != nil {
				_, _ = fmt.Fprintf(c, "%s: end\n", word)
				return
			}
			_, _ = fmt.Fprintf(c, "%s: %s", word, line)
		}
	}
}

func (r *running) upgrade(host string) *wire {
	r.t.Helper()
	w := r.dial()
	w.send("GET / HTTP/1.1\r\nHost: %s\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", host)
	if response := w.response(); response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Upgrade") != "websocket" {
		r.t.Fatalf("the upgrade: %s %v", response.Status, response.Header)
	}
	return w
}

// says sends a line and checks what comes back.
func (w *wire) says(line, want string) {
	w.t.Helper()
	w.send("%s\n", line)
	if got := w.line(); got != want {
		w.t.Errorf("said %q, heard %q, want %q", line, got, want)
	}
}

func TestWebSocketsStayWhereTheyAre(t *testing.T) {
	r := start(t, router.Options{})
	old, next := newApp(t, upgraded(t, "old")), newApp(t, upgraded(t, "new"))
	r.Set("shop.localhost", site(old))
	w := r.upgrade("shop.localhost")
	w.says("hello", "old: hello")

	r.Set("shop.localhost", site(next))
	w.says("still there?", "old: still there?")
	r.upgrade("shop.localhost").says("hello", "new: hello")

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Drained(gone, old.address); err == nil {
		t.Error("a WebSocket is not under way")
	}
	if err := w.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := w.rest(); rest != "old: end\n" || err != nil {
		t.Errorf("after one side was closed: %q, %v", rest, err)
	}
	if err := r.Drained(t.Context(), old.address); err != nil {
		t.Error(err)
	}
}

func TestRequestsGoToWhoHasTheFewest(t *testing.T) {
	r := start(t, router.Options{})
	var stuck sync.WaitGroup
	hold := make(chan bool)
	begun := make(chan bool)
	answer := func(name string) *app {
		return newApp(t, func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/stuck" {
				begun <- true
				receive(t, hold)
			}
			_, _ = fmt.Fprint(w, name)
		})
	}
	r.Set("shop.localhost", site(answer("a"), answer("b"), answer("c")))
	count := map[string]int{}
	for range 30 {
		_, body := r.get("http://shop.localhost/")
		count[body]++
	}
	if count["a"] != 10 || count["b"] != 10 || count["c"] != 10 {
		t.Errorf("taking turns: %v", count)
	}
	for range 2 {
		stuck.Go(func() { r.get("http://shop.localhost/stuck") })
		receive(t, begun)
	}
	clear(count)
	for range 10 {
		_, body := r.get("http://shop.localhost/")
		count[body]++
	}
	if len(count) != 1 {
		t.Errorf("while two have a request under way: %v", count)
	}
	close(hold)
	stuck.Wait()
}

// An instance that died a moment ago, as nobody has told the router yet.
func TestARequestThatWasNotSentGoesToAnotherInstance(t *testing.T) {
	r := start(t, router.Options{})
	lively := newApp(t, func(w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) })
	dead, deader := newApp(t, says("")), newApp(t, says(""))
	r.Set("shop.localhost", site(dead, lively, deader))
	dead.stop()
	deader.stop()
	for protocol, client := range clients(r) {
		for n := range 30 {
			text := fmt.Sprint("body ", n)
			if got, err := post(t.Context(), client, "http://shop.localhost/", text); err != nil || got != text {
				t.Errorf("%s: %q, %v", protocol, got, err)
			}
		}
	}
	for _, address := range []string{dead.address, deader.address, lively.address} {
		if err := r.Drained(t.Context(), address); err != nil {
			t.Error(err)
		}
	}
}

// What was sent may have been done, so it is not sent again, whatever became of it.
func TestARequestThatWasSentIsNotSentAgain(t *testing.T) {
	r := start(t, router.Options{})
	var orders atomic.Int64
	broken := func(http.ResponseWriter, *http.Request) {
		orders.Add(1)
		panic(http.ErrAbortHandler)
	}
	r.Set("shop.localhost", site(newApp(t, broken), newApp(t, broken)))
	response := r.do(request(t, "POST", "http://shop.localhost/", strings.NewReader("an order")))
	if body := readAll(t, response.Body); response.StatusCode != http.StatusBadGateway || !strings.Contains(body, "ws-1/shop broke off") {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	if n := orders.Load(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

func TestSomebodyIsGoneInTheMiddle(t *testing.T) {
	r := start(t, router.Options{})
	begun, ended := make(chan bool, 1), make(chan bool, 1)
	a := newApp(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = fmt.Fprint(w, "the beginning")
		_ = http.NewResponseController(w).Flush()
		begun <- true
		<-req.Context().Done()
		ended <- true
	})
	r.Set("shop.localhost", site(a))
	for protocol, client := range clients(r) {
		ctx, cancel := context.WithCancel(t.Context())
		response, err := client.Do(request(t, "GET", "http://shop.localhost/", nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		receive(t, begun)
		cancel()
		receive(t, ended) // the client is gone, so the instance is told
		_ = response.Body.Close()
		if err := r.Drained(t.Context(), a.address); err != nil {
			t.Errorf("%s: %v", protocol, err)
		}
	}
	for protocol, client := range clients(r) {
		b := newApp(t, func(w http.ResponseWriter, req *http.Request) {
			_, _ = fmt.Fprint(w, "the beginning")
			_ = http.NewResponseController(w).Flush()
			receive(t, begun)
			panic(http.ErrAbortHandler)
		})
		r.Set("shop.localhost", site(b))
		response, err := client.Do(request(t, "GET", "http://shop.localhost/", nil))
		if err != nil {
			t.Fatal(err)
		}
		begun <- true
		if body, err := io.ReadAll(response.Body); err == nil {
			t.Errorf("%s: the instance is gone, and the client takes %q for all", protocol, body)
		}
		_ = response.Body.Close()
	}
}
