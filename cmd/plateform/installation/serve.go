package installation

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"
)

// Run reconciles and answers at the endpoints until the context ends.
func (i *Installation) Run(ctx context.Context, endpoints ...Endpoint) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return i.reconciler.Run(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		i.log.Info("stopping; what has begun comes to a safe end first")
		return ctx.Err()
	})
	for _, e := range endpoints {
		group.Go(func() error { return e.Serve(ctx) })
	}
	err := group.Wait()
	i.log.Info("stopped")
	if errors.Is(err, context.Canceled) {
		return nil // it was asked to end
	}
	return err
}

// Health answers what supervisors ask.
func (i *Installation) Health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !i.reconciler.Ready() {
			http.Error(w, "not ready: the repositories have not been read yet", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
		for _, b := range i.branches {
			if said := b.shallow(); said != "" {
				fmt.Fprintln(w, said)
			}
		}
	})
	return mux
}
