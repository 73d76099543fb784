package router

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"sync"
	"time"
)

// plain sends requests to one instance that have no body, change nothing and ask for no other protocol: most of all requests.
// It writes and reads in the goroutine of the request, where http.Transport has two more for each connection, which on a
// busy machine is half of what a request costs. Parsing and writing are left to net/http.
type plain struct {
	address string
	dial    dial

	mu   sync.Mutex
	idle []*upstream
}

// isPlain says that a request may be sent by plain. Repeating it does no harm.
func isPlain(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return req.Body == nil && req.Header["Upgrade"] == nil && req.Header["Expect"] == nil
	}
	return false
}

// upstream is a connection to an instance.
type upstream struct {
	net.Conn
	r *bufio.Reader
	w *bufio.Writer
	// budget is how many bytes of headers may still come; negative while there is no limit.
	budget int
	// expiry closes it when it has been idle for long enough.
	expiry *time.Timer
}

var errHeaderTooLarge = errors.New("the instance sent more headers than are accepted")

func (u *upstream) Read(b []byte) (int, error) {
	if u.budget < 0 {
		return u.Conn.Read(b)
	}
	if u.budget == 0 {
		return 0, errHeaderTooLarge
	}
	n, err := u.Conn.Read(b[:min(len(b), u.budget)])
	u.budget -= n
	return n, err
}

// RoundTrip sends a request on a connection that is idle, or on a new one. An instance may close an idle connection at any
// time; a request that met with that, and was not answered, is sent again.
func (p *plain) RoundTrip(req *http.Request) (*http.Response, error) {
	for {
		u, reused, err := p.take(req.Context())
		if err != nil {
			return nil, err
		}
		response, err := p.exchange(u, req)
		if err == nil || !reused || u.budget < maxResponseHeader || req.Context().Err() != nil {
			return response, err
		}
	}
}

// exchange writes the request and reads the head of the response. The connection is idle again when its body was read.
func (p *plain) exchange(u *upstream, req *http.Request) (_ *http.Response, err error) {
	u.budget = maxResponseHeader
	unbind := context.AfterFunc(req.Context(), func() { _ = u.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if err != nil {
			unbind()
			_ = u.Close()
		}
	}()
	if err := req.Write(u.w); err != nil {
		return nil, err
	}
	if err := u.w.Flush(); err != nil {
		return nil, err
	}
	response, err := readFinal(u, req)
	if err != nil {
		return nil, err
	}
	u.budget = -1
	response.Body = &plainBody{ReadCloser: response.Body, finish: func(whole bool) {
		if unbind() && whole && !response.Close && u.r.Buffered() == 0 {
			p.give(u)
			return
		}
		_ = u.Close()
	}}
	return response, nil
}

// readFinal reads the head of the response that is not informational.
func readFinal(u *upstream, req *http.Request) (*http.Response, error) {
	for {
		response, err := http.ReadResponse(u.r, req)
		switch {
		case err != nil:
			return nil, err
		case response.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("the instance switched to another protocol without being asked")
		case response.StatusCode >= http.StatusOK:
			return response, nil
		}
		if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.Got1xxResponse != nil {
			if err := trace.Got1xxResponse(response.StatusCode, textproto.MIMEHeader(response.Header)); err != nil {
				return nil, err
			}
		}
	}
}

// plainBody is the body of a response. It finishes with the connection once.
type plainBody struct {
	io.ReadCloser
	finish func(whole bool)
}

func (b *plainBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(err == io.EOF)
	}
	return n, err
}

// Close ends the connection, unless all has been read.
func (b *plainBody) Close() error {
	b.end(false)
	return nil
}

func (b *plainBody) end(whole bool) {
	if b.finish != nil {
		b.finish(whole)
		b.finish = nil
	}
}

// take returns the connection that was used last, or makes one.
func (p *plain) take(ctx context.Context) (u *upstream, reused bool, err error) {
	p.mu.Lock()
	if last := len(p.idle) - 1; last >= 0 {
		u, p.idle = p.idle[last], p.idle[:last]
	}
	p.mu.Unlock()
	if u != nil {
		u.expiry.Stop()
		return u, true, nil
	}
	c, err := p.dial(ctx, "tcp", p.address)
	if err != nil {
		return nil, false, err
	}
	u = &upstream{Conn: c, w: bufio.NewWriter(c)}
	u.r = bufio.NewReader(u)
	u.expiry = time.AfterFunc(idleUpstream, func() { p.expire(u) })
	u.expiry.Stop()
	return u, false, nil
}

// give takes a connection back.
func (p *plain) give(u *upstream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, u)
	u.expiry.Reset(idleUpstream)
}

// expire closes a connection that nobody has taken.
func (p *plain) expire(u *upstream) {
	p.mu.Lock()
	at := slices.Index(p.idle, u)
	if at >= 0 {
		p.idle = slices.Delete(p.idle, at, at+1)
	}
	p.mu.Unlock()
	if at >= 0 {
		_ = u.Close()
	}
}

// close closes what is idle.
func (p *plain) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, u := range idle {
		u.expiry.Stop()
		_ = u.Close()
	}
}
