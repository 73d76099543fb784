package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/installation"
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
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := oneOf("log-format", format, "text", "json"); err != nil {
				return err
			}
			s, err := installation.Load(file)
			if err != nil {
				return err
			}
			return a.serve(c.Context(), s, a.logger(format, verbose))
		},
	}
	configFlag(c, &file)
	c.Flags().StringVar(&format, "log-format", "text", "text or json")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "log every step of a run, too")
	return c
}

// logger writes structured logs to standard error.
func (o *output) logger(format string, verbose bool) *slog.Logger {
	options := &slog.HandlerOptions{}
	if verbose {
		options.Level = slog.LevelDebug
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(o.stderr, options))
	}
	return slog.New(slog.NewTextHandler(o.stderr, options))
}

// collectAt is how much the heap may grow, in percent of what is in use, before it is collected, unless GOGC says
// otherwise. Starting makes far more garbage than it keeps, and most of it while a Git server is waited for, so that
// collecting more than twice as often as usual costs little and saves more than a quarter of the memory.
const collectAt = 45

// serve runs an installation until the context ends.
func (a *app) serve(ctx context.Context, s *installation.Settings, log *slog.Logger) (err error) {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	}
	i, err := installation.Open(s, a.now, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	public, err := installation.Listen(ctx, s.Listen, "listen", i.Health())
	if err != nil {
		return err
	}
	endpoints := []installation.Endpoint{public}
	if s.API.Listen != "" {
		private, err := installation.Listen(ctx, s.API.Listen, "api.listen", i.Metrics())
		if err != nil {
			return errors.Join(err, public.Close())
		}
		endpoints = append(endpoints, private)
		fmt.Fprintf(a.stdout, "Metrics on http://%s/metrics\n", private.Address())
	}
	fmt.Fprintf(a.stdout, "Listening on http://%s\n", public.Address())
	return i.Run(ctx, endpoints...)
}
