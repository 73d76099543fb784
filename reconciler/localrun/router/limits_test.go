package router_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler/localrun/router"
)

func TestHeadersHaveALimit(t *testing.T) {
	r := start(t, router.Options{Limits: router.Limits{HeaderBytes: 10_000}})
	r.Set("shop.localhost", site(newApp(t, says("shop"))))
	if status, _ := r.get("http://shop.localhost/", "X: "+strings.Repeat("x", 9_000)); status != http.StatusOK {
		t.Errorf("what is allowed: %d", status)
	}
	if status, _ := r.get("http://shop.localhost/", "X: "+strings.Repeat("x", 20_000)); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("too much: %d", status)
	}
	request := request(t, "GET", "http://shop.localhost/", nil, "X: "+strings.Repeat("x", 20_000))
	if response, err := r.newClient((*http.Protocols).SetUnencryptedHTTP2).Do(request); err == nil {
		if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("too much in HTTP/2: %d", response.StatusCode)
		}
		_ = response.Body.Close()
	}
}

func TestClientsThatAreSlow(t *testing.T) {
	const short = 100 * time.Millisecond
	t.Run("with their headers", func(t *testing.T) {
		r := start(t, router.Options{Limits: router.Limits{HeaderTimeout: short}})
		w := r.dial()
		w.send("GET / HTTP/1.1\r\nHost: shop")
		if rest, err := w.rest(); rest != "" || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
	})
	t.Run("with their next request", func(t *testing.T) {
		r := start(t, router.Options{Limits: router.Limits{IdleTimeout: short}})
		r.Set("shop.localhost", site(newApp(t, says("shop"))))
		w := r.dial()
		w.send("GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
		readAll(t, w.response().Body)
		if rest, err := w.rest(); rest != "" || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
	})
	t.Run("with what they asked for", func(t *testing.T) {
		r := start(t, router.Options{Limits: router.Limits{StallTimeout: short}})
		a := newApp(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, noise(100<<20)) })
		r.Set("large.localhost", site(a))
		w := r.dial()
		w.send("GET / HTTP/1.1\r\nHost: large.localhost\r\n\r\n")
		w.line()
		if err := r.Drained(t.Context(), a.address); err != nil { // though the client has not gone
			t.Error(err)
		}
	})
}

func TestConnectionsHaveALimit(t *testing.T) {
	r := start(t, router.Options{Limits: router.Limits{Connections: 2}})
	r.Set("shop.localhost", site(newApp(t, says("shop"))))
	first, second, third := r.dial(), r.dial(), r.dial()
	for _, w := range []*wire{first, second} {
		w.send("GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
		readAll(t, w.response().Body)
	}
	third.send("GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
	if err := third.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := third.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the third connection: %v", err)
	}
	if err := third.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	if body := readAll(t, third.response().Body); body != "shop" {
		t.Errorf("once there is room: %s", body)
	}
}

func TestServeEnds(t *testing.T) {
	t.Run("after the requests under way", func(t *testing.T) {
		begun, finish := make(chan bool), make(chan bool)
		r := start(t, router.Options{Limits: router.Limits{Grace: patience}})
		r.Set("shop.localhost", site(newApp(t, func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			begun <- true
			receive(t, finish)
			_, _ = fmt.Fprint(w, "all of it")
		})))
		response := r.do(request(t, "GET", "http://shop.localhost/", nil))
		receive(t, begun)
		ended := make(chan error, 1)
		go func() { ended <- r.stop() }()
		r.awaitClosed()
		finish <- true
		if body := readAll(t, response.Body); body != "all of it" {
			t.Errorf("the request under way: %s", body)
		}
		if err := receive(t, ended); err != nil {
			t.Error(err)
		}
	})
	t.Run("after WebSockets that end in time", func(t *testing.T) {
		r := start(t, router.Options{Limits: router.Limits{Grace: patience}})
		r.Set("shop.localhost", site(newApp(t, upgraded(t, "shop"))))
		w := r.upgrade("shop.localhost")
		ended := make(chan error, 1)
		go func() { ended <- r.stop() }()
		r.awaitClosed()
		w.says("hello", "shop: hello")
		_ = w.Close()
		if err := receive(t, ended); err != nil {
			t.Error(err)
		}
	})
	t.Run("with those that would go on for ever", func(t *testing.T) {
		r := start(t, router.Options{Limits: router.Limits{Grace: 10 * time.Millisecond}})
		r.Set("shop.localhost", site(newApp(t, upgraded(t, "shop"))))
		gone := make(chan bool)
		r.Set("events.localhost", site(newApp(t, func(w http.ResponseWriter, req *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-req.Context().Done()
			close(gone)
		})))
		w := r.upgrade("shop.localhost")
		w.says("hello", "shop: hello")
		response := r.do(request(t, "GET", "http://events.localhost/", nil))
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		receive(t, gone)
		if b, err := io.ReadAll(response.Body); err == nil {
			t.Errorf("a stream that was cut off ends well: %q", b)
		}
		if rest, _ := w.rest(); strings.Contains(rest, "hello") {
			t.Errorf("then %q", rest)
		}
	})
	t.Run("with its listener", func(t *testing.T) {
		l := listen(t)
		_ = l.Close()
		if err := router.New(router.Options{}).Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
}

// awaitClosed waits until nothing listens any more.
func (r *running) awaitClosed() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", r.address)
		if err != nil {
			return
		}
		_ = c.Close()
	}
	r.t.Fatal("it goes on listening")
}
