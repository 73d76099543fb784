package router

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
)

// Serve answers requests on a listener, which it closes. It ends when the context ends, without an error: requests under way
// may finish within Limits.Grace, and what is left then (WebSockets, streams) is cut off.
func (r *Router) Serve(ctx context.Context, l net.Listener) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := r.server(base)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(newListener(l, r.options.Limits)) }()
	var failure error
	select {
	case failure = <-ended:
	case <-ctx.Done():
	}
	r.finish(base, server)
	cut()
	if failure == nil {
		failure = <-ended
	}
	_ = server.Close()
	<-r.idle() // what is left has neither a client nor an instance any more
	r.closeUpstreams()
	if errors.Is(failure, http.ErrServerClosed) {
		return nil
	}
	return failure
}

func (r *Router) server(base context.Context) *http.Server {
	limits := r.options.Limits
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           r,
		Protocols:         &protocols,
		BaseContext:       func(net.Listener) context.Context { return base },
		MaxHeaderBytes:    limits.HeaderBytes,
		ReadHeaderTimeout: limits.HeaderTimeout,
		IdleTimeout:       limits.IdleTimeout,
		ErrorLog:          r.errorLog,
	}
}

// finish waits for the requests under way, also for those that took over their connection, which a server does not know of.
func (r *Router) finish(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Limits.Grace)
	defer cancel()
	_ = server.Shutdown(ctx) // the only error is that the time is up
	select {
	case <-r.idle():
	case <-ctx.Done():
	}
}

func (r *Router) idle() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.underWay.idle()
}

// closeUpstreams closes the connections to instances that no request uses.
func (r *Router) closeUpstreams() {
	r.upstreams.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range r.instances {
		i.plain.close()
	}
}

// logWriter takes what net/http says of connections.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(line []byte) (int, error) {
	w.log.Debug("router", "says", strings.TrimSpace(string(line)))
	return len(line), nil
}
