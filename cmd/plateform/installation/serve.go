package installation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/endpoint"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/backlog"
)

// Run reconciles, as soon as this process leads, and answers at the endpoints until the context ends.
func (i *Installation) Run(ctx context.Context, endpoints ...endpoint.Endpoint) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return i.standby.Run(ctx, func(ctx context.Context) error { return lead(ctx, i) }) })
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

// lead does all that one process alone may do, until the context ends.
func lead(ctx context.Context, i *Installation) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return i.reconciler.Run(ctx) })
	group.Go(func() error { return i.serving.wait(ctx) })
	if i.apps != nil {
		group.Go(func() error { return i.apps.run(ctx) })
	}
	if i.desk != nil {
		group.Go(func() error { return i.desk.reviewer.Run(ctx) })
		group.Go(func() error { return i.desk.deployments.Run(ctx) })
		if i.desk.deliveries != nil {
			group.Go(func() error { return i.desk.deliveries.Run(ctx) })
		}
	}
	if i.webhooks != nil {
		group.Go(func() error { return i.webhooks.Run(ctx) })
	}
	if i.runs != nil {
		group.Go(func() error { return i.runs.Run(ctx) })
	}
	return group.Wait()
}

// Health answers what supervisors ask.
func (i *Installation) Health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /readyz", i.standby.Ready(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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
		tellFailing(w, i.reconciler.Backlog())
		tellLost(w, i.reconciler.Backlog())
	})))
	return mux
}

// tellFailing names projects that were healthy and are not any more, a few of them: it is ready all the same.
func tellFailing(w io.Writer, b backlog.Backlog) {
	if b.Failing == 0 {
		return
	}
	fmt.Fprintf(w, "degraded: %s not healthy any more:\n", manifest.Count(b.Failing, "project"))
	for _, p := range b.FailingProjects {
		fmt.Fprintf(w, "%s: %s fails since %s: %s\n", p.Key, p.Release, p.Since.UTC().Format("2006-01-02 15:04 UTC"), p.Cause)
	}
	if more := b.Failing - len(b.FailingProjects); more > 0 {
		fmt.Fprintf(w, "and %d more: plateform status lists them\n", more)
	}
}

// tellLost names the projects that do not follow a source, a few of them. They are their tenants' affair: it is ready all the
// same.
func tellLost(w io.Writer, b backlog.Backlog) {
	if b.Lost == 0 {
		return
	}
	fmt.Fprintf(w, "%s cannot follow a source:\n", manifest.Count(b.Lost, "project"))
	for _, p := range b.LostProjects {
		fmt.Fprintf(w, "%s: %s\n", p.Key, reconciler.LostWords(p.Sources))
	}
	if more := b.Lost - len(b.LostProjects); more > 0 {
		fmt.Fprintf(w, "and %d more: plateform status lists them\n", more)
	}
}
