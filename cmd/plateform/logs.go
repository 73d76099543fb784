package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localbuild"
)

// logsFlags are the flags of logs.
type logsFlags struct {
	config string
	last   int
	follow bool
	build  bool
}

// logsCommand shows what an app prints, or how its newest build went.
func (m machine) logsCommand() *cobra.Command {
	var flags logsFlags
	c := &cobra.Command{
		Use:     "logs WORKSPACE/PROJECT",
		GroupID: groupLook,
		Short:   "Show what an app prints, or how its newest build went",
		Long: `Show what an app prints, or with --build how its newest build went.

It reads the files of the installation that --config names, on the machine where that serves, whether it runs now or
not. Each line of an app begins with the time and the process: the release, the service (app when there is only one), and
its number.`,
		Example: `  plateform logs ws-1/shop -f
  plateform logs ws-1/shop --tail 1000 --config /etc/plateform/serve.yaml
  plateform logs ws-1/shop --build`,
		Args:              argumentCount(1, 1),
		ValidArgsFunction: completeProject,
		RunE: func(c *cobra.Command, args []string) error {
			key, err := parseKey(args[0])
			if err != nil {
				return err
			}
			if flags.build && flags.follow {
				return exit.Usage("--follow is for what an app prints; leave it out with --build")
			}
			return m.logs(c.Context(), flags, key)
		},
	}
	configFlag(c, &flags.config)
	c.Flags().IntVarP(&flags.last, "tail", "n", 100, "how many lines to begin with; -1 for all that are kept")
	c.Flags().BoolVarP(&flags.follow, "follow", "f", false, "go on with what is printed from now on, until interrupted")
	c.Flags().BoolVar(&flags.build, "build", false, "show the log of the newest build on this machine instead")
	return c
}

func (m machine) logs(ctx context.Context, flags logsFlags, key manifest.Key) error {
	s, err := installation.Load(flags.config)
	if err != nil {
		return err
	}
	if flags.build {
		return m.buildLog(s, key)
	}
	logs, err := s.AppLogs()
	if err != nil {
		return err
	}
	ask := reconciler.AppLogQuestion{Last: flags.last, Follow: flags.follow}
	err = logs.AppLog(ctx, key, ask, func(text string) error {
		_, err := fmt.Fprintln(m.stdout, text)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Usage("%s has printed nothing on this machine (is it deployed? see plateform status %s)", key, key)
	}
	return err
}

// buildLog shows the log of the newest build.
func (m machine) buildLog(s *installation.Settings, key manifest.Key) error {
	name, err := localbuild.NewestLog(s.DataDir, key)
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Usage("no build of %s has a log on this machine", key)
	}
	if err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("reading the log of a build: %w", err)
	}
	defer file.Close()
	_, err = io.Copy(m.stdout, file)
	return err
}
