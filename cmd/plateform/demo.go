package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// demoTimeout bounds the whole demo: it takes seconds, unless something is wrong.
const demoTimeout = 5 * time.Minute

// demoCommand plays the whole story on this machine.
func (a *app) demoCommand() *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use:     "demo",
		GroupID: groupStart,
		Short:   "Play the whole story on this machine in about a minute",
		Long: `Play the whole story on this machine in about a minute, with nothing to set up.

Real Git repositories, a real registry in this process, the reconciler, a sample app in Go: a project is added, built,
released, changed, broken, and rolled back with git revert. Needs git and go, and no network. Everything happens in a
temporary folder that is removed at the end.`,
		Example: `  plateform demo
  plateform demo --keep     # leave the repositories there to look around in`,
		Args: a.noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), keep) },
	}
	c.Flags().BoolVar(&keep, "keep", false, "keep the temporary folder, and say where it is")
	return c
}

func (a *app) demo(ctx context.Context, keep bool) (err error) {
	for _, tool := range []string{"git", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("the demo needs %s on the PATH (install it and try again): %w", tool, err)
		}
	}
	dir, err := os.MkdirTemp("", "plateform-demo-")
	if err != nil {
		return fmt.Errorf("making a temporary folder: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	d := &demo{app: a, dir: dir, started: a.now()}
	err = d.play(ctx)
	if keep {
		d.printKept()
		return err
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// demo is one performance: an installation in a folder, and a person who works with it.
type demo struct {
	app     *app
	dir     string
	started time.Time
	step    int

	config, gitops, hello *demoRepository
}

// play sets the stage and tells the story while the reconciler runs.
func (d *demo) play(ctx context.Context) (err error) {
	stage, err := d.setUp(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	running, stop := context.WithCancel(ctx)
	defer stop()
	group, running := errgroup.WithContext(running)
	group.Go(func() error {
		return stage.installation.Run(running, stage.health)
	})
	group.Go(func() error {
		defer stop()
		return d.tell(running)
	})
	err = group.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return fmt.Errorf("the demo was stopped: %w", context.Cause(ctx))
	}
	return err
}
