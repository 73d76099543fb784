package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// serveCommand runs the reconciler.
func (a *app) serveCommand() *cobra.Command {
	var file, format string
	var verbose bool
	c := &cobra.Command{
		Use:     "serve",
		GroupID: groupRun,
		Short:   "Run the reconciler, which keeps the GitOps repository right",
		Long: `Run the reconciler: bring what the config repository says into the GitOps repository.

serve.yaml says how to reach both repositories, the registry and the rest; the README describes every key. Git is the
only database: serve can be stopped and started anywhere at any time. It ends on SIGTERM or an interrupt, after what it
is doing has come to a safe end. Logs go to standard error.`,
		Example: `  plateform serve --config serve.yaml
  plateform serve --config serve.yaml --log-format json`,
		Args: a.noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := oneOf("log-format", format, "text", "json"); err != nil {
				return err
			}
			s, err := loadSettings(file)
			if err != nil {
				return err
			}
			return a.serve(c.Context(), s, a.logger(format, verbose))
		},
	}
	configFlag(c, &file)
	c.Flags().StringVar(&format, "log-format", "text", "text or json")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "log what is decided, too")
	return c
}

// logger writes structured logs to standard error.
func (a *app) logger(format string, verbose bool) *slog.Logger {
	options := &slog.HandlerOptions{}
	if verbose {
		options.Level = slog.LevelDebug
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, options))
	}
	return slog.New(slog.NewTextHandler(a.stderr, options))
}

// collectAt is how much the heap may grow, in percent of what is in use, before it is collected, unless GOGC says
// otherwise. Starting makes far more garbage than it keeps, and most of it while a Git server is waited for, so that
// collecting twice as often as usual costs little and saves a quarter of the memory.
const collectAt = 50

// serve runs an installation until the context ends.
func (a *app) serve(ctx context.Context, s *settings, log *slog.Logger) (err error) {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	}
	i, err := assemble(s, a.now, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	public, err := listen(ctx, s.Listen, "listen", i.health())
	if err != nil {
		return err
	}
	endpoints := []endpoint{public}
	if s.API.Listen != "" {
		private, err := listen(ctx, s.API.Listen, "api.listen", i.metrics.handler())
		if err != nil {
			return errors.Join(err, public.listener.Close())
		}
		endpoints = append(endpoints, private)
		fmt.Fprintf(a.stdout, "Metrics on http://%s/metrics\n", private.listener.Addr())
	}
	fmt.Fprintf(a.stdout, "Listening on http://%s\n", public.listener.Addr())
	return i.run(ctx, endpoints...)
}

// shutdownTimeout bounds how long answers that are under way may take at the end.
const shutdownTimeout = 5 * time.Second

// run reconciles and answers at the endpoints until the context ends.
func (i *installation) run(ctx context.Context, endpoints ...endpoint) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return i.reconciler.Run(ctx) })
	for _, e := range endpoints {
		group.Go(func() error { return e.serve(ctx) })
	}
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil // it was asked to end
	}
	return err
}

// health answers what supervisors ask.
func (i *installation) health() http.Handler {
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
	})
	return mux
}
