package main

import (
	"cmp"
	"context"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/logs"
	"github.com/plateform/plateform/cmd/plateform/watch"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/logline"
)

// logsFlags are the flags of logs.
type logsFlags struct {
	config string
	// last is how many lines come first; lastAsked says that somebody wants so many.
	last      int
	lastAsked bool
	follow    bool
	build     bool
	// run to show: watch.Newest, or an ID; empty for none. commit is the one whose run is shown.
	run, commit   string
	wait          time.Duration
	server, token string
}

// logsCommand shows what an app prints, or how its newest build went.
func (m machine) logsCommand() *cobra.Command {
	var flags logsFlags
	c := &cobra.Command{
		Use:     "logs WORKSPACE/PROJECT",
		GroupID: groupLook,
		Short:   "Show what an app prints, or how a run or its newest build went",
		Long: `Show what an app prints; with --run how its newest run goes, from the commit to the URL; with --build how its newest build went.

With -f it goes on until it is interrupted, and shows each run of the app along with what it prints: the one that is under way, and those
that begin, each from the commit to the URL. Where nobody knows what apps print, the run is all, and one that has not begun is waited for.

It reads the files of the installation that --config names (where there is no serve.yaml, that of plateform up), or its cluster, on the machine where that serves, whether it runs now or
not; where Jenkins builds, it asks that for the log of a build. Each line of an app begins with the time and the process: the release, the service (app when there is only one), and
its number; in a cluster the pod. Elsewhere it asks the serve that --server names, and shows that your token.

With --run it asks serve, on this machine or with --server elsewhere, and with -f goes on until the run has ended: it waits
for one that has not begun, and for a serve that is being started again. The exit code is 1 when the run failed. A push that serve has
not noticed yet has no run, and the one before is shown: right behind a push name its commit with --commit, whose run is waited for.`,
		Example: `  plateform logs ws-1/shop -f
  git push && plateform logs ws-1/shop -f --commit HEAD
  plateform logs ws-1/shop --run -f
  plateform logs ws-1/shop -f --server https://ci.example.com --token-file token
  plateform logs ws-1/shop --tail 1000 --config /etc/plateform/serve.yaml
  plateform logs ws-1/shop --build`,
		Args:              argumentCount(1, 1),
		ValidArgsFunction: completeProject,
		RunE: func(c *cobra.Command, args []string) error {
			key, err := parseKey(args[0])
			if err != nil {
				return err
			}
			if c.Flags().Changed("commit") {
				if flags.commit, err = hashOf(c.Context(), flags.commit); err != nil {
					return err
				}
			}
			flags.lastAsked = c.Flags().Changed("tail")
			if !flags.build && !c.Flags().Changed("config") {
				flags.server = cmp.Or(flags.server, os.Getenv("PLATEFORM_SERVER"))
			}
			if flags.server == "" && !c.Flags().Changed("config") {
				flags.config = m.locateSettings(flags.config)
			}
			return m.showLogs(c.Context(), key, flags)
		},
	}
	configFlag(c, &flags.config)
	c.Flags().IntVarP(&flags.last, "tail", "n", 100, "how many lines to begin with; -1 for all that are kept")
	c.Flags().BoolVarP(&flags.follow, "follow", "f", false, "go on with what is printed from now on, until interrupted, or a run has ended")
	c.Flags().StringVar(&flags.run, "run", "", "show how the newest run goes instead, or --run=ID that one")
	c.Flags().Lookup("run").NoOptDefVal = watch.Newest
	c.Flags().StringVar(&flags.commit, "commit", "", "show how the run goes that this commit asked for, of platform-config or the app")
	c.Flags().DurationVar(&flags.wait, "wait", 5*time.Minute, "how long -f waits for the run of --commit to begin")
	c.Flags().StringVar(&flags.server, "server", "", "ask the serve at this URL (default $PLATEFORM_SERVER, or the one of --config)")
	c.Flags().StringVar(&flags.token, "token-file", "", "file with the token to show there (default $PLATEFORM_TOKEN_FILE)")
	c.Flags().BoolVar(&flags.build, "build", false, "show the log of the newest build instead, on this machine or in Jenkins")
	c.MarkFlagsMutuallyExclusive("run", "commit", "build")
	c.MarkFlagsMutuallyExclusive("server", "build")
	return c
}

// showLogs shows what the flags say, of a run or of an app.
func (m machine) showLogs(ctx context.Context, key manifest.Key, flags logsFlags) error {
	o := watch.Options{
		Key: key, Run: flags.run, Commit: flags.commit, Patience: flags.wait, Follow: flags.follow, Last: flags.last, LastAsked: flags.lastAsked,
		Out: m.stdout, Style: m.palette(), Width: m.width, Now: m.now,
	}
	if flags.run != "" || flags.commit != "" || flags.server != "" {
		return o.Logs(ctx, watch.From{ServeYAML: flags.config, Address: flags.server, TokenFile: cmp.Or(flags.token, os.Getenv("PLATEFORM_TOKEN_FILE"))})
	}
	s, err := installation.Load(flags.config)
	if err != nil {
		return err
	}
	if flags.build {
		return logs.ShowBuild(ctx, s, key, flags.follow, &logline.Writer{To: m.stdout, Plain: !m.colour})
	}
	if flags.follow {
		return o.LogsHere(ctx, s)
	}
	return logs.Show(ctx, s, key, reconciler.AppLogQuestion{Last: flags.last}, m.stdout)
}

// hashOf is the hash of a commit, or how that begins: as it is written, or of what is called so in the repository of this folder.
func hashOf(ctx context.Context, commit string) (string, error) {
	if regexp.MustCompile("^[0-9A-Fa-f]{7,64}$").MatchString(commit) {
		return strings.ToLower(commit), nil
	}
	hash, err := git.Command{Dir: "."}.Run(ctx, "rev-parse", "--verify", "--quiet", commit+"^{commit}")
	if err != nil || strings.HasPrefix(commit, "-") {
		return "", exit.Usage("--commit %q is neither the hash of a commit, of seven digits or more, nor is a commit called so in the repository of this folder", commit)
	}
	return hash, nil
}
