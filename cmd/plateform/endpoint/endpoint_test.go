package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	short = 50 * time.Millisecond
	// patience is for what must happen long before.
	patience = 30 * time.Second
)

// wide are limits that no test reaches.
func wide() Limits {
	return Limits{
		Header: time.Hour, Read: time.Hour, Write: time.Hour, Idle: time.Hour, Shutdown: time.Hour,
		HeaderBytes: 1 << 20, BodyBytes: 1 << 20,
	}
}

// served serves until the test ends, and holds that it ends well. stop ends it earlier.
func served(t *testing.T, limits Limits, handler http.Handler) (address string, stop func()) {
	t.Helper()
	e, err := Listen(t.Context(), "127.0.0.1:0", "listen", handler)
	if err != nil {
		t.Fatal(err)
	}
	e.Limits = limits
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Serve(ctx) }()
	stopped := false
	stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the end: %v", err)
			}
		case <-time.After(patience):
			t.Error("it does not end")
		}
	}
	t.Cleanup(stop)
	return e.Address(), stop
}

// dial opens a connection and says something.
func dial(t *testing.T, address, says string) net.Conn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, says); err != nil {
		t.Fatal(err)
	}
	return conn
}

// untilClosed reads what comes until the other end closes the connection.
func untilClosed(t *testing.T, conn net.Conn) string {
	t.Helper()
	text, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection stays open; it said %q", text)
	}
	return string(text)
}

// readBody answers with how reading the body went.
func readBody() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			fmt.Fprint(w, "fine")
		}
	})
}

// A connection that does not come to an end, or asks for too much, is closed; each limit by itself.
func TestEndpointLimits(t *testing.T) {
	large := strings.Repeat("x", 16<<10)
	tests := []struct {
		name   string
		limit  func(*Limits)
		says   string
		answer string // what the answer begins with
	}{
		{"nothing is asked", func(l *Limits) { l.Header = short }, "", ""},
		{"a header that never ends", func(l *Limits) { l.Header = short }, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a", ""},
		{"a body that never ends", func(l *Limits) { l.Read = short },
			"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\na", "HTTP/1.1 400 "},
		{"a connection that is not used again", func(l *Limits) { l.Idle = short }, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "},
		{"a header that is too large", func(l *Limits) { l.HeaderBytes = 1 << 10 },
			"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + large + "\r\n\r\n", "HTTP/1.1 431 "},
		{"a body that says it is too large", func(l *Limits) { l.BodyBytes = 10 },
			"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n12345678901", "HTTP/1.1 413 "},
		{"a body that turns out too large", func(l *Limits) { l.BodyBytes = 10 },
			"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n", "HTTP/1.1 413 "},
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			limits := wide()
			tt.limit(&limits)
			address, _ := served(t, limits, readBody())
			got := untilClosed(t, dial(t, address, tt.says))
			if !strings.HasPrefix(got, tt.answer) || tt.answer == "" && got != "" {
				t.Errorf("answer %q, want one that begins with %q", got, tt.answer)
			}
		})
	}
}

// Who does not read the answer does not keep the one that answers.
func TestEndpointDoesNotWaitForReaders(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	done := make(chan error, 1)
	limits := wide()
	limits.Write = short
	address, stop := served(t, limits, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				done <- err
				return
			}
		}
	}))
	dial(t, address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("it still writes")
	}
	stop()
}

// The end comes, and is no failure, whatever connections do.
func TestEndpointEndsWithOpenConnections(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	asked := make(chan struct{}, 1)
	limits := wide()
	limits.Shutdown = short
	address, stop := served(t, limits, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	slow := dial(t, address, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a")
	waits := dial(t, address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-asked
	stop()
	for _, conn := range []net.Conn{slow, waits} {
		untilClosed(t, conn)
	}
}

// None of the limits is left out.
func TestListenLimitsEverything(t *testing.T) {
	e, err := Listen(t.Context(), "127.0.0.1:0", "listen", http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	limits := reflect.ValueOf(e.Limits)
	for i := range limits.NumField() {
		if limits.Field(i).IsZero() {
			t.Errorf("there is no limit %s", limits.Type().Field(i).Name)
		}
	}
}
