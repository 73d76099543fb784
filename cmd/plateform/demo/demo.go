// Package demo plays the whole story of Plateform on this machine: real Git repositories, a registry, the reconciler, and
// a person who works with them.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/scaffold"
	"github.com/plateform/plateform/cmd/plateform/terminal"
)

// Options say where the story is told, and how.
type Options struct {
	// Out is where it is told, in the colours of Style.
	Out   io.Writer
	Style terminal.Palette
	// Width of the terminal in columns; 0 when it is none.
	Width int
	// Now is the clock.
	Now func() time.Time
	// GitHub tells it by pull requests, on a GitHub of its own.
	GitHub bool
	// Cluster is where the app runs; nil for this machine. Registry is where its images are, and Domain that of its URL; empty for one
	// that nobody else has.
	Cluster          *scaffold.Cluster
	Registry, Domain string
	// Keep goes on serving after the story until the context ends, and leaves the folder with everything in it there.
	Keep bool
}

// timeout bounds the story: it takes seconds, unless something is wrong.
const timeout = 5 * time.Minute

// Play plays the story, in a temporary folder. It needs git and go.
func Play(ctx context.Context, o Options) (err error) {
	for _, tool := range []string{"git", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("the demo needs %s on the PATH (install it and try again): %w", tool, err)
		}
	}
	dir, err := os.MkdirTemp("", "plateform-demo-")
	if err != nil {
		return fmt.Errorf("making a temporary folder: %w", err)
	}
	d := &story{Options: o, dir: dir, started: o.Now()}
	err = d.play(ctx)
	if o.Keep {
		return err
	}
	return errors.Join(err, d.cluster.leave(), os.RemoveAll(dir))
}

// story is one performance: an installation in a folder, and a person who works with it.
type story struct {
	Options
	dir     string
	started time.Time
	step    int
	// stayed says that it went on serving after the story.
	stayed bool

	config, gitops, hello *scaffold.Repository
	// visitor is nil where apps do not run.
	visitor *visitor
	// hub is nil where there is no GitHub, and cluster where the app runs on this machine.
	hub     *hub
	cluster *cluster
	// trouble is what keeps the reconciler from going on.
	trouble trouble
}

// play sets the stage and tells the story while the reconciler runs.
func (d *story) play(ctx context.Context) (err error) {
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
		return d.tellAndStay(running)
	})
	err = group.Wait()
	if d.stayed {
		return err
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return fmt.Errorf("the demo was stopped: %w", context.Cause(ctx))
	}
	return err
}

// tellAndStay tells the story, and goes on serving after it when it is to.
func (d *story) tellAndStay(ctx context.Context) error {
	telling, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tell := d.tell
	if d.hub != nil {
		tell = (&onGitHub{story: d}).tell
	}
	err := tell(telling)
	if !d.Keep {
		return err
	}
	d.printKept()
	if err == nil && d.visitor != nil {
		d.stayed = true
		d.say("\nIt goes on until Ctrl-C. Open %s", d.visitor.url)
		<-ctx.Done()
	}
	return err
}
