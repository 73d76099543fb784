package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"golang.org/x/sync/errgroup"
)

// endpoint is an address that is listened on, and what answers there.
type endpoint struct {
	listener net.Listener
	handler  http.Handler
}

// listen opens an address; setting names where it can be changed.
func listen(ctx context.Context, address, setting string, handler http.Handler) (endpoint, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", address)
	if err != nil {
		return endpoint{}, fmt.Errorf("listening on %s (is another serve running? set %s in serve.yaml): %w", address, setting, err)
	}
	return endpoint{listener, handler}, nil
}

// serve answers until the context ends, and closes the listener.
func (e endpoint) serve(ctx context.Context) error {
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
