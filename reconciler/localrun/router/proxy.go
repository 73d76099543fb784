package router

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// flushWithin is how long the first bytes of a response of known length may wait for more. Event streams and responses of
// unknown length do not wait at all.
const flushWithin = 10 * time.Millisecond

// ServeHTTP sends a request to an instance of the site it is for, or answers why that cannot be.
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	host := normalizeHost(req.Host)
	s, i := r.begin(host)
	p := &passage{router: r, site: s, at: i}
	defer p.end()
	switch {
	case req.Method == http.MethodConnect || req.Method == http.MethodTrace:
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		http.Error(w, "The router takes no "+req.Method+" requests.", http.StatusMethodNotAllowed)
	case s == nil:
		r.answerUnknown(w, req, host)
	case i == nil:
		r.answerUnavailable(w, req, s)
	default:
		p.serve(w, req)
	}
}

// passage is one request on its way through.
type passage struct {
	router *Router
	site   *site
	// at is the instance it is counted at, and tried are those that took no connection.
	at    *instance
	tried []*instance
	// body of the client's request; nil if it has none.
	body *clientBody
}

func (p *passage) end() { p.router.end(p.at) }

func (p *passage) serve(w http.ResponseWriter, req *http.Request) {
	// Without this a server reads what is left of the request before it begins to answer, which ends a conversation.
	// HTTP/2 always does both.
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex()
	if req.ContentLength != 0 {
		p.body = &clientBody{ReadCloser: req.Body}
		with := *req // the server knows its own by their bodies
		with.Body = p.body
		req = &with
	}
	proxy := httputil.ReverseProxy{
		Rewrite:       rewrite,
		Transport:     p,
		FlushInterval: flushWithin,
		BufferPool:    p.router.upstreams.buffers,
		ErrorHandler:  p.fail,
		ErrorLog:      p.router.errorLog,
	}
	if req.Header.Get("Expect") != "" {
		w = continued{w}
	}
	proxy.ServeHTTP(w, req)
	if p.body != nil && p.body.broken.Load() && req.ProtoMajor == 1 {
		// Nobody knows where the request ends, so what follows must not be taken for another one.
		_ = control.Flush()
		panic(http.ErrAbortHandler)
	}
}

// continued leaves it to the server to tell a client to go on with its body: it does when that is read, which is when the instance
// has said so. Both would say it otherwise, one after the other.
type continued struct{ http.ResponseWriter }

func (c continued) WriteHeader(status int) {
	if status != http.StatusContinue {
		c.ResponseWriter.WriteHeader(status)
	}
}

// Unwrap has the rest done by what is below.
func (c continued) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// rewrite makes the request to an instance from that of the client. Headers that are meant for one connection are gone
// already.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = "http"
	r.Out.URL.RawQuery = r.In.URL.RawQuery // as it came: what it means is for the app to say
	r.Out.Trailer = r.In.Trailer           // filled in when the body has been read
	for name := range r.Out.Header {
		if tellsOrigin(name) {
			delete(r.Out.Header, name)
		}
	}
	r.SetXForwarded()
	if ip, _, err := net.SplitHostPort(r.In.RemoteAddr); err == nil {
		r.Out.Header["X-Real-Ip"] = []string{ip}
	}
	// Nobody but the router may agree with an instance to go on in HTTP/2: what follows would go past it.
	if strings.Contains(strings.ToLower(r.In.Header.Get("Upgrade")), "h2c") {
		r.Out.Header.Del("Upgrade")
		r.Out.Header.Del("Connection")
		r.Out.Header.Del("Http2-Settings")
	}
}

// tellsOrigin says that apps take the header for the word of a proxy about its client. Many read X_Real_Ip like X-Real-Ip.
func tellsOrigin(header string) bool {
	if len(header) < len("Forwarded") || header[0] != 'X' && header[0] != 'F' {
		return false
	}
	name := strings.ToLower(strings.ReplaceAll(header, "_", "-"))
	return name == "forwarded" || name == "x-real-ip" || strings.HasPrefix(name, "x-forwarded-")
}

// RoundTrip sends a request to the instance it is counted at. If that one takes no connection it sends the request to another one:
// nothing was sent, so nothing is done twice.
func (p *passage) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body = keptOpen{req.Body}
	}
	for {
		req.URL.Host = p.at.address
		res, err := p.transport(req).RoundTrip(req)
		if !p.mayGoElsewhere(req.Context(), err) {
			return res, err
		}
	}
}

// transport is what sends a request to the instance it is counted at.
func (p *passage) transport(req *http.Request) http.RoundTripper {
	switch {
	case req.ProtoMajor == 2 && strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc"):
		return p.router.upstreams.h2c
	case isPlain(req):
		return &p.at.plain
	}
	return p.router.upstreams.http1
}

// mayGoElsewhere says that a request that was not sent is counted at another instance now.
func (p *passage) mayGoElsewhere(ctx context.Context, err error) bool {
	refused := errors.As(err, &notSent{})
	if err != nil && !refused {
		return false
	}
	if p.at.refuses.Swap(refused) != refused && refused {
		p.router.options.Log.Warn("instance takes no connections", "project", p.site.Project, "host", p.site.host, "address", p.at.address, "error", err)
	}
	if !refused || ctx.Err() != nil {
		return false
	}
	p.tried = append(p.tried, p.at)
	next := p.router.elsewhere(p.site.host, p.at, p.tried)
	if next == nil {
		return false
	}
	p.at = next
	return true
}

// fail answers a request that no instance answered.
func (p *passage) fail(w http.ResponseWriter, req *http.Request, err error) {
	switch {
	case req.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the client is gone, or the router ends
	case p.body != nil && p.body.broken.Load():
		const text = "The body of the request is not as HTTP has it.\n"
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(text))) // the connection ends, which must not look like a failure
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, text)
	case errors.As(err, &notSent{}):
		p.router.answerUnreachable(w, req, p.site)
	default:
		p.router.options.Log.Debug("request failed", "project", p.site.Project, "host", p.site.host, "address", p.at.address, "error", err)
		p.router.answerBroken(w, req, p.site)
	}
}

// clientBody is the body of a request that a client sends, and knows whether that went wrong.
type clientBody struct {
	io.ReadCloser
	broken atomic.Bool
}

func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.broken.Store(true)
	}
	return n, err
}

// keptOpen is the body of a request that may be sent a second time: a transport that got no connection closes it.
type keptOpen struct{ io.Reader }

func (keptOpen) Close() error { return nil }
