package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/webhook"
)

// filler is spaces without an end.
type filler struct{}

func (filler) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// sized is a push that is padded to a size.
func sized(size int, what string) []byte {
	body := push(hello, "refs/heads/main", what)
	return append(body, bytes.Repeat([]byte(" "), size-len(body))...)
}

// serve has a webhook answer on a real connection.
func serve(t *testing.T, e *edge, timeout time.Duration) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(e)
	server.Config.ReadTimeout = timeout
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// send sends a body that does not say how long it is, with a signature of what is signed.
func send(t *testing.T, server *httptest.Server, body io.Reader, signed string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+webhook.GitHubPath, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "push")
	r.Header.Set("X-GitHub-Delivery", "1")
	r.Header.Set("X-Hub-Signature-256", signed)
	answer, err := server.Client().Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(said)
}

func TestBodiesAtTheLimit(t *testing.T) {
	e := newEdge(t)
	server := serve(t, e, time.Minute)
	for _, tt := range []struct {
		name string
		size int
		want int
	}{
		{"as large as it may be", webhook.MaxBody, http.StatusAccepted},
		{"a byte more", webhook.MaxBody + 1, http.StatusRequestEntityTooLarge},
	} {
		body := sized(tt.size, tt.name)
		signed := sign(sha256.New, "sha256", secret, body)
		// one that does not say how large it is, and one that does
		if status, said := send(t, server, io.MultiReader(bytes.NewReader(body)), signed); status != tt.want {
			t.Errorf("%s: answered %d %s", tt.name, status, said)
		}
		if w := e.answer(e.request("push", body)); w.Code != tt.want {
			t.Errorf("%s, as it says: answered %d %s", tt.name, w.Code, w.Body)
		}
	}
}

// A body without an end is cut off at the limit, and leaves nothing behind.
func TestEndlessBody(t *testing.T) {
	e := newEdge(t)
	server := serve(t, e, time.Minute)
	status, said := send(t, server, filler{}, "sha256="+strings.Repeat("0", 64))
	if status != http.StatusRequestEntityTooLarge && status != 0 { // 0: it was still sending when the connection was closed
		t.Errorf("answered %d %s", status, said)
	}
	e.await("other too large")
	if w := e.answer(e.request("push", sized(webhook.MaxBody, ""))); w.Code != http.StatusAccepted {
		t.Errorf("afterwards answered %d %s", w.Code, w.Body)
	}
}

// A sender that stops halfway is given up on, and so is one that hangs up.
func TestSlowBody(t *testing.T) {
	for _, hangUp := range []bool{false, true} {
		e := newEdge(t)
		timeout := 100 * time.Millisecond
		if hangUp {
			timeout = time.Minute
		}
		server := serve(t, e, timeout)
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: git.test\r\nContent-Type: application/json\r\nX-Hub-Signature-256: sha256=%s\r\nContent-Length: 1000\r\n\r\n{", webhook.GitHubPath, strings.Repeat("0", 64))
		if hangUp {
			_ = c.Close()
		} else {
			answer, err := io.ReadAll(c)
			if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 408 ")) {
				t.Errorf("answered %q, %v", answer, err)
			}
			_ = c.Close()
		}
		e.await("other unread")
	}
}

// await waits until something was counted.
func (e *edge) await(what string) {
	e.t.Helper()
	e.eventually(what+" to be counted", func() bool { return e.counted[what] > 0 })
}

// Whoever sends large bodies without knowing the secret takes a bounded part of the memory, and keeps no usual delivery out.
func TestManyLargeBodies(t *testing.T) {
	e := newEdge(t)
	const many = 12
	var senders sync.WaitGroup
	hold := make(chan struct{})
	arrived := make(chan struct{}, many)
	codes := make(chan int, many)
	for range many {
		senders.Go(func() {
			r := e.unsigned()
			r.Body = io.NopCloser(io.MultiReader(io.LimitReader(filler{}, webhook.MaxBody-1), &held{arrived: arrived, hold: hold}))
			codes <- e.answer(r).Code
			arrived <- struct{}{}
		})
	}
	for range many {
		<-arrived
	}
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if most := uint64(8 * webhook.MaxBody); memory.HeapAlloc > most {
		t.Errorf("%d bytes are in use, want at most %d", memory.HeapAlloc, most)
	}
	if status, said := e.deliver("push", sized(20_000, "meanwhile")); status != http.StatusAccepted {
		t.Errorf("meanwhile a usual delivery is answered %d %s", status, said)
	}
	close(hold)
	senders.Wait()
	got := map[int]int{}
	for range many {
		got[<-codes]++
	}
	if got[http.StatusTooManyRequests] == 0 || got[http.StatusForbidden] == 0 || len(got) != 2 {
		t.Errorf("answered %v", got)
	}
	if status, said := e.deliver("push", sized(webhook.MaxBody, "afterwards")); status != http.StatusAccepted {
		t.Errorf("afterwards a large delivery is answered %d %s", status, said)
	}
}

// held is the end of a body, which does not come until it is let go.
type held struct {
	arrived chan<- struct{}
	hold    <-chan struct{}
	once    sync.Once
}

func (h *held) Read([]byte) (int, error) {
	h.once.Do(func() { h.arrived <- struct{}{} })
	<-h.hold
	return 0, io.EOF
}

// unsigned is a request whose signature fits nothing.
func (e *edge) unsigned() *http.Request {
	r := httptest.NewRequest(http.MethodPost, webhook.GitHubPath, nil)
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(hmac.New(sha256.New, nil).Sum(nil)))
	return r
}
