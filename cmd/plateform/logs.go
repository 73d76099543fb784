package main

import (
	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/logs"
	"github.com/plateform/plateform/reconciler"
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
not; where Jenkins builds, it asks that for the log of a build. Each line of an app begins with the time and the process: the release, the service (app when there is only one), and
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
			s, err := installation.Load(flags.config)
			if err != nil {
				return err
			}
			if flags.build {
				return logs.ShowBuild(c.Context(), s, key, flags.follow, m.stdout)
			}
			return logs.Show(c.Context(), s, key, reconciler.AppLogQuestion{Last: flags.last, Follow: flags.follow}, m.stdout)
		},
	}
	configFlag(c, &flags.config)
	c.Flags().IntVarP(&flags.last, "tail", "n", 100, "how many lines to begin with; -1 for all that are kept")
	c.Flags().BoolVarP(&flags.follow, "follow", "f", false, "go on with what is printed from now on, until interrupted")
	c.Flags().BoolVar(&flags.build, "build", false, "show the log of the newest build instead, on this machine or in Jenkins")
	return c
}
