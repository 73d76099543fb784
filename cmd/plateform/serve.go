package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/feed"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/webhook"
)

// serveCommand runs the reconciler.
func (a *app) serveCommand() *cobra.Command {
	var file, format, oldFormat, host string
	var verbose bool
	c := &cobra.Command{
		Use:     "serve",
		GroupID: groupRun,
		Short:   "Run the reconciler, which keeps the GitOps repository right",
		Long: `Run the reconciler: bring what the config repository says into the GitOps repository.

serve.yaml says how to reach both repositories, the registry and the rest; docs/serve.md describes every key. Git is the
only database: serve can be stopped and started anywhere at any time. It ends on SIGTERM or an interrupt, after what it
is doing has come to a safe end. What happens goes to standard error: in words, a line a step, where that is a terminal;
as a log elsewhere, or when --log asks for one.`,
		Example: `  plateform serve --config serve.yaml
  plateform serve --config serve.yaml --log json`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if oldFormat != "" {
				format = oldFormat
			}
			if err := exit.OneOf("log", format, logAuto, logWords, logText, logJSON); err != nil {
				return err
			}
			s, err := installation.Load(file)
			if err != nil {
				return err
			}
			o := a.witness(format, verbose)
			o.Host = host
			return a.serve(c.Context(), s, o)
		},
	}
	configFlag(c, &file)
	c.Flags().StringVar(&format, "log", logAuto, "words (for people), text (key=value), json, or auto: words on a terminal, else text")
	c.Flags().StringVar(&oldFormat, "log-format", "", "")
	old := c.Flags().Lookup("log-format")
	old.Deprecated, old.Hidden = "use --log", true
	c.Flags().StringVar(&host, "advertise", "", "host or IP that other serves of the same election reach this one by (default what it listens on)")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "log every step of a run, too")
	return c
}

// How serve tells what happens.
const (
	logAuto  = "auto"
	logWords = "words"
	logText  = "text"
	logJSON  = "json"
)

// witness is what an installation tells what happens: people or a log.
func (a *app) witness(format string, verbose bool) installation.Options {
	if format == logAuto && a.stderrWidth > 0 {
		format = logWords
	}
	if format != logWords {
		return installation.Logged(a.now, a.logger(format, verbose))
	}
	f := a.feed()
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	return installation.Options{Now: a.now, Log: slog.New(f.Handler(level)), Observers: []reconciler.Observer{f}}
}

// feed tells people on standard error what happens.
func (o *output) feed() *feed.Feed {
	return feed.New(feed.Options{Out: o.stderr, Style: terminal.Palette{On: o.stderrColour}, Width: o.stderrWidth, Now: o.now})
}

// logger writes structured logs to standard error.
func (o *output) logger(format string, verbose bool) *slog.Logger {
	options := &slog.HandlerOptions{}
	if verbose {
		options.Level = slog.LevelDebug
	}
	if format == logJSON {
		return slog.New(slog.NewJSONHandler(o.stderr, options))
	}
	return slog.New(slog.NewTextHandler(o.stderr, options))
}

// collectAt is how much the heap may grow, in percent of what is in use, before it is collected, unless GOGC says
// otherwise. Starting makes far more garbage than it keeps, and most of it while a Git server is waited for, so that
// collecting more than twice as often as usual costs little and saves more than a quarter of the memory.
const collectAt = 45

// serve runs an installation until the context ends.
func (a *app) serve(ctx context.Context, s *installation.Settings, o installation.Options) (err error) {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	}
	i, err := installation.Open(s, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	apps, err := i.ListenApps(ctx)
	if err != nil {
		return err
	}
	images, err := i.ListenImages(ctx)
	if err != nil {
		return err
	}
	public, err := i.ListenPublic(ctx)
	if err != nil {
		return err
	}
	private, err := i.ListenAPI(ctx)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	for _, e := range private {
		fmt.Fprintf(a.stdout, "Metrics on http://%s/metrics\n", e.Address())
		fmt.Fprintf(a.stdout, "Runs and their logs on http://%s/v1\n", e.Address())
	}
	if images != "" {
		fmt.Fprintf(a.stdout, "Images on %s\n", images)
	}
	fmt.Fprintf(a.stdout, "Listening on http://%s\n", public.Address())
	if s.Webhooks.GitHub != nil {
		fmt.Fprintf(a.stdout, "GitHub's webhooks on http://%s%s\n", public.Address(), webhook.GitHubPath)
	}
	if apps != "" {
		fmt.Fprintf(a.stdout, "Apps on http://%s\n", apps)
	}
	return i.Run(ctx, append(private, public)...)
}
