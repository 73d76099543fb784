// Package endpoint answers at an address within limits: whoever is at the other end takes no more of this process than they say.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Endpoint is an address that is listened on, and what answers there.
type Endpoint struct {
	// Limits of each connection.
	Limits Limits

	listener net.Listener
	handler  http.Handler
}

// Limits bound what a connection may take of this process, whoever is at its other end.
type Limits struct {
	// Header is how long the header of a request may take to arrive, Read the whole request.
	Header, Read time.Duration
	// Write is how long an answer may take, to be made and to be received.
	Write time.Duration
	// Idle is how long a connection is kept without a request.
	Idle time.Duration
	// Shutdown is how long answers that are under way may take at the end.
	Shutdown time.Duration
	// HeaderBytes and BodyBytes are how large a request may be.
	HeaderBytes int
	BodyBytes   int64
}

// DefaultLimits are for short questions without a body, which are answered out of memory.
func DefaultLimits() Limits {
	return Limits{
		Header: 5 * time.Second, Read: 10 * time.Second, Write: 30 * time.Second, Idle: time.Minute,
		Shutdown:    5 * time.Second,
		HeaderBytes: 16 << 10, BodyBytes: 64 << 10,
	}
}

// Listen opens an address; setting names where it can be changed. The limits are fit for health and metrics.
func Listen(ctx context.Context, address, setting string, handler http.Handler) (Endpoint, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", address)
	if err != nil {
		return Endpoint{}, fmt.Errorf("listening on %s (is another serve running? set %s in serve.yaml): %w", address, setting, err)
	}
	return Endpoint{Limits: DefaultLimits(), listener: listener, handler: handler}, nil
}

// Address is where it is, as host:port.
func (e Endpoint) Address() string { return e.listener.Addr().String() }

// Close gives an address back that was never served.
func (e Endpoint) Close() error { return e.listener.Close() }

// Serve answers until the context ends, and closes the listener.
func (e Endpoint) Serve(ctx context.Context) error {
	server := e.Server()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("answering on %s: %w", e.listener.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.Limits.Shutdown)
		defer cancel()
		err := server.Shutdown(bounded)
		if errors.Is(err, context.DeadlineExceeded) {
			return server.Close() // a connection that does not end is no reason to stay, nor a failure
		}
		return err
	})
	return group.Wait()
}

// Server is the handler within the limits, which Serve has answer.
func (e Endpoint) Server() *http.Server {
	return &http.Server{
		Handler:           LimitBody(e.handler, e.Limits.BodyBytes),
		ReadHeaderTimeout: e.Limits.Header,
		ReadTimeout:       e.Limits.Read,
		WriteTimeout:      e.Limits.Write,
		IdleTimeout:       e.Limits.Idle,
		MaxHeaderBytes:    e.Limits.HeaderBytes,
	}
}

// LimitBody refuses requests that announce a larger body, and ends reading at the limit of those that do not say.
func LimitBody(next http.Handler, limit int64) http.Handler {
	within := http.MaxBytesHandler(next, limit)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > limit {
			w.Header().Set("Connection", "close")
			http.Error(w, fmt.Sprintf("the body is too large (at most %d bytes)", limit), http.StatusRequestEntityTooLarge)
			return
		}
		within.ServeHTTP(w, r)
	})
}
