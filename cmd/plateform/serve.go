package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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
		Short:   "Run the reconciler: bring what the config repository says into the GitOps repository",
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
	c.Flags().StringVarP(&file, "config", "c", "serve.yaml", "the settings of this installation")
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

// serve runs an installation until the context ends.
func (a *app) serve(ctx context.Context, s *settings, log *slog.Logger) (err error) {
	i, err := assemble(s, a.now, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s (is another serve running? set listen in serve.yaml): %w", s.Listen, err)
	}
	fmt.Fprintf(a.stdout, "Listening on http://%s\n", listener.Addr())
	return i.run(ctx, listener)
}

// shutdownTimeout bounds how long answers that are under way may take at the end.
const shutdownTimeout = 5 * time.Second

// run reconciles and answers on the listener until the context ends.
func (i *installation) run(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: i.health(), ReadHeaderTimeout: shutdownTimeout}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return i.reconciler.Run(ctx) })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("answering on %s: %w", listener.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		return server.Shutdown(bounded)
	})
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
