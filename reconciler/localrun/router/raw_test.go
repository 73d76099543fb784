package router_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wire is a connection to a router on which a test says what it wants.
type wire struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (r *running) dial() *wire {
	r.t.Helper()
	c, err := new(net.Dialer).DialContext(r.t.Context(), "tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	return &wire{Conn: c, t: r.t, r: bufio.NewReader(c)}
}

func (w *wire) send(text string, args ...any) {
	w.t.Helper()
	if _, err := fmt.Fprintf(w, text, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) response() *http.Response {
	w.t.Helper()
	response, err := http.ReadResponse(w.r, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return response
}

// line is the next one, without its end.
func (w *wire) line() string {
	w.t.Helper()
	line, err := w.r.ReadString('\n')
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimRight(line, "\r\n")
}

// rest is all up to the end of the connection, and whether that was a clean one.
func (w *wire) rest() (string, error) {
	b, err := io.ReadAll(w.r)
	return string(b), err
}
