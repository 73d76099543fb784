package router_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler/localrun/router"
)

// wireApp is an instance that says on each connection what a test has it say, and nothing of HTTP by itself.
type wireApp struct {
	app
	// taken and open are how many connections there were, and are.
	taken, open atomic.Int64
}

func newWireApp(t *testing.T, talk func(c net.Conn, r *bufio.Reader)) *wireApp {
	t.Helper()
	l := listen(t)
	a := &wireApp{app: app{address: l.Addr().String()}}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			a.taken.Add(1)
			a.open.Add(1)
			group.Go(func() {
				defer a.open.Add(-1)
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(patience))
				talk(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		group.Wait()
	})
	return a
}

// answers says the same to every request, on connections that it keeps.
func answers(text string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, r *bufio.Reader) {
		for {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

func TestWhatInstancesAnswer(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	tests := []struct {
		name, answer string
		status       int
		want         string // what the body has
		connections  int64  // for three requests
	}{
		{"a body of a known length", ok, http.StatusOK, "ok", 1},
		{"a body in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", http.StatusOK, "ok", 1},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", http.StatusNoContent, "", 1},
		{"a word before", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + ok, http.StatusOK, "ok", 1},
		{"the end of the connection announced", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", http.StatusOK, "ok", 3},
		{"another answer nobody asked for", ok + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", http.StatusOK, "ok", 3},
		{"another protocol nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\nConnection: Upgrade\r\n\r\n", http.StatusBadGateway, "broke off", 3},
		{"more headers than anybody needs", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", http.StatusBadGateway, "broke off", 3},
		{"endless words before", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 50_000), http.StatusBadGateway, "broke off", 3},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", http.StatusBadGateway, "broke off", 3},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!", http.StatusBadGateway, "broke off", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newWireApp(t, answers(tt.answer))
			r := start(t, router.Options{})
			r.Set("shop.localhost", site(&a.app))
			for range 3 {
				if status, body := r.get("http://shop.localhost/"); status != tt.status || !strings.Contains(body, tt.want) {
					t.Errorf("%d %q, want %d %q", status, body, tt.status, tt.want)
				}
			}
			if got := a.taken.Load(); got != tt.connections {
				t.Errorf("%d connections, want %d", got, tt.connections)
			}
			if err := r.Drained(t.Context(), a.address); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnAnswerThatIsCutShort(t *testing.T) {
	for _, head := range []string{"Content-Length: 100\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nff\r\n"} {
		a := newWireApp(t, func(c net.Conn, r *bufio.Reader) {
			if _, err := http.ReadRequest(r); err == nil {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+head+"the beginning")
			}
		})
		r := start(t, router.Options{})
		r.Set("shop.localhost", site(&a.app))
		response, err := r.client.Do(request(t, "GET", "http://shop.localhost/", nil))
		if err == nil {
			_, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the client takes it for all: %v", err)
		}
	}
}

// What comes after an answer that cannot be read is not the answer to the next request, though the instance goes on.
func TestAnAnswerThatCannotBeRead(t *testing.T) {
	a := newWireApp(t, answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n"))
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(&a.app))
	for range 3 {
		response, err := r.client.Do(request(t, "GET", "http://shop.localhost/", nil))
		if err == nil {
			_, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		if err == nil {
			t.Error("the client takes it for all")
		}
	}
	if got := a.taken.Load(); got != 3 {
		t.Errorf("%d connections, want 3", got)
	}
}

// Node.js closes a connection after five seconds, others when they like. Whoever asks next must not notice.
func TestInstancesThatCloseIdleConnections(t *testing.T) {
	a := newWireApp(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(&a.app))
	for n := range 200 {
		if status, body := r.get("http://shop.localhost/"); status != http.StatusOK {
			t.Fatalf("request %d: %d %s", n, status, body)
		}
	}
}

// Connections to an instance are kept for a moment, and are gone before an instance would close them.
func TestConnectionsToInstancesAreNotKeptForLong(t *testing.T) {
	a := newWireApp(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(&a.app))
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() { r.get("http://shop.localhost/") })
	}
	group.Wait()
	deadline := time.After(patience)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for a.open.Load() > 0 {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("%d connections are open still", a.open.Load())
		}
	}
}

// A client that goes before the instance has answered does not leave its answer to the next one.
func TestAnswersDoNotMeetTheNextRequest(t *testing.T) {
	a := newWireApp(t, func(c net.Conn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body := "to " + req.URL.Path
			if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body)+1000, body); err != nil {
				return
			}
			if _, err := io.WriteString(c, strings.Repeat(".", 1000)); err != nil {
				return
			}
		}
	})
	r := start(t, router.Options{})
	r.Set("shop.localhost", site(&a.app))
	for n := range 50 {
		w := r.dial()
		w.send("GET /gone/%d HTTP/1.1\r\nHost: shop.localhost\r\n\r\n", n)
		_ = w.Close()
		if _, body := r.get(fmt.Sprintf("http://shop.localhost/%d", n)); body != fmt.Sprintf("to /%d", n)+strings.Repeat(".", 1000) {
			t.Fatalf("request %d got %.30q", n, body)
		}
	}
}
