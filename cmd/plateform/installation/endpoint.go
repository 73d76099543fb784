package installation

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
	listener net.Listener
	handler  http.Handler
}

// shutdownTimeout bounds how long answers that are under way may take at the end.
const shutdownTimeout = 5 * time.Second

// Listen opens an address; setting names where it can be changed.
func Listen(ctx context.Context, address, setting string, handler http.Handler) (Endpoint, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", address)
	if err != nil {
		return Endpoint{}, fmt.Errorf("listening on %s (is another serve running? set %s in serve.yaml): %w", address, setting, err)
	}
	return Endpoint{listener, handler}, nil
}

// Address is where it is, as host:port.
func (e Endpoint) Address() string { return e.listener.Addr().String() }

// Close gives an address back that was never served.
func (e Endpoint) Close() error { return e.listener.Close() }

// Serve answers until the context ends, and closes the listener.
func (e Endpoint) Serve(ctx context.Context) error {
	server := &http.Server{Handler: e.handler, ReadHeaderTimeout: shutdownTimeout}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("answering on %s: %w", e.listener.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		return server.Shutdown(bounded)
	})
	return group.Wait()
}
