package installation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
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
	group.Go(func() error { return i.serving.wait(ctx) })
	if i.apps != nil {
		group.Go(func() error { return i.apps.run(ctx) })
	}
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
		if reasons := i.reconciler.Unready(); len(reasons) > 0 {
			http.Error(w, "not ready: "+strings.Join(reasons, "\nnot ready: "), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
		for _, b := range i.branches {
			for _, line := range b.notes() {
				fmt.Fprintln(w, line)
			}
		}
		if lost := i.reconciler.Backlog().Lost; lost > 0 { // a tenant's affair: which ones, plateform status says
			fmt.Fprintf(w, "%s cannot follow a source: plateform status says which\n", manifest.Count(lost, "project"))
		}
	})
	return mux
}
