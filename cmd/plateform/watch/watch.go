// Package watch follows a run over the API of a serve, here or elsewhere, and shows it to people: the log as it is printed, and how far
// the run is. A serve that is started again is waited for, and the log goes on where it stopped.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
)

// Newest is the run that began last, or is about to.
const Newest = "newest"

// Options say which run is shown, and where.
type Options struct {
	Key manifest.Key
	// Run is the ID of the run, or Newest, which it is when it is empty.
	Run string
	// Commit is what asked for the run, of platform-config or of the app: its hash, or how that begins. The run of it is waited for so
	// long with Follow.
	Commit   string
	Patience time.Duration
	// Follow goes on until the run has ended, also with one that has not begun, and with what an app prints until it is interrupted.
	Follow bool
	// Last is how many lines of an app come first, all when it is negative; LastAsked says that somebody wants so many.
	Last      int
	LastAsked bool
	// Out is where people see it, in the colours of Style; Width is that of the terminal, 0 when it is none.
	Out   io.Writer
	Style terminal.Palette
	Width int
	// Now is the clock.
	Now func() time.Time
}

// How long is waited before a server is asked again: more each time.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
	// goneFor is how long a run may be unknown to a server that has told of it: it may have lost its memory, and find it again.
	goneFor = 30 * time.Second
)

// find says where runs are asked for.
func find(serveYAML, address, tokenFile string) (server, error) {
	if address != "" {
		return at(address, tokenFile)
	}
	settings, err := installation.Load(serveYAML)
	if err != nil {
		return server{}, err
	}
	return here(settings), nil
}

// watch shows a run of a serve. One that failed is an error that was said; being interrupted is none.
func (o Options) watch(interrupted context.Context, from server) error {
	s := newScreen(o)
	frames := make(chan api.Frame)
	group, ctx := errgroup.WithContext(interrupted)
	group.Go(func() error {
		defer close(frames)
		return o.read(ctx, from, s.notes, frames)
	})
	var end *api.Run
	group.Go(func() (err error) {
		end, err = s.show(ctx, frames)
		return err
	})
	if err := group.Wait(); interrupted.Err() != nil {
		return nil
	} else if err != nil {
		return err
	}
	if end != nil && end.State == reconciler.StateFailure {
		return exit.AlreadySaid()
	}
	return nil
}

// read reads the run until it has ended, over as many connections as it takes.
func (o Options) read(ctx context.Context, from server, note chan<- string, frames chan<- api.Frame) error {
	c := &connection{options: o, server: from, note: note, run: o.Run, began: o.Now(), last: o.Now()}
	if c.run == Newest {
		c.run = ""
	}
	pause := firstPause
	for {
		before := c.offset
		done, err := c.once(ctx, frames)
		if done || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if final := c.final(err); final != nil {
			return final
		}
		if !o.Follow && !c.starting(err) {
			return err
		}
		if c.offset != before {
			pause = firstPause
		}
		left := c.left()
		if left <= 0 {
			return c.tooLate(err)
		}
		c.tell(ctx, err)
		var asked *answerError
		if errors.As(err, &asked) && asked.after > pause {
			pause = min(asked.after, lastPause)
		}
		if !sleep(ctx, min(pause, left)) {
			return ctx.Err()
		}
		pause = min(2*pause, lastPause)
	}
}

// connection is what is known of a stream over its connections.
type connection struct {
	options Options
	server  server
	note    chan<- string
	run     string
	offset  string
	began   time.Time
	// last is when something came last, and told what was said of the server.
	last time.Time
	told string
}

// once reads what one connection brings. done says that there is nothing more to read.
func (c *connection) once(ctx context.Context, frames chan<- api.Frame) (done bool, err error) {
	if c.run == "" {
		if c.run, err = c.find(ctx); err != nil {
			return false, err
		}
	}
	take := func(f api.Frame) error {
		c.last, c.told = c.options.Now(), ""
		if f.Offset != "" {
			c.offset = f.Offset
		}
		switch f.Type {
		case api.FrameAlive:
			return nil
		case api.FrameBye:
			if f.Again {
				return fmt.Errorf("%s", f.Text)
			}
			return exit.Finding("%s", terminal.Plain(f.Text))
		case api.FrameEnd:
			done = true
		}
		select {
		case frames <- f:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err = c.server.stream(ctx, c.options.Key, c.run, streamQuestion{from: c.offset, follow: c.options.Follow}, take)
	return done || err == nil && !c.options.Follow, err
}

// find is the ID of the run that is wanted: the newest one, or that of a commit.
func (c *connection) find(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, max(c.left(), askUnderWay))
	defer cancel()
	runs, _, err := c.server.runs(ctx, c.options.Key)
	if err != nil {
		return "", err
	}
	of, commit := "", c.options.Commit
	if commit != "" {
		of = " for commit " + terminal.Short(commit)
	}
	var found *api.Run
	for _, run := range runs { // the newest first
		switch {
		case !strings.HasPrefix(run.Cause.Commit, commit):
		case found == nil:
			found = &run
		case commit != "" && found.Cause.Commit != run.Cause.Commit:
			return "", exit.Usage("two commits that runs of %s are of begin with %s: %s and %s (write more of it)", c.options.Key, commit, found.Cause.Commit, run.Cause.Commit)
		}
	}
	switch {
	case found != nil:
		return found.ID, nil
	case !c.options.Follow:
		return "", exit.Usage("no run of %s%s is known (push something, or wait for one with --follow)", c.options.Key, of)
	}
	return "", &answerError{text: "there is no run of " + c.options.Key.String() + of + " yet: it is shown as soon as there is one", after: time.Second}
}

// left is how long the run is waited for still. Only that of a commit has to begin some time.
func (c *connection) left() time.Duration {
	if c.options.Commit == "" || c.run != "" {
		return math.MaxInt64
	}
	return c.options.Patience - c.options.Now().Sub(c.began)
}

// tooLate says that the run of a commit has not begun in time, and why as far as is known.
func (c *connection) tooLate(err error) error {
	short := terminal.Short(c.options.Commit)
	why := "what changes nothing of a project has none, nor has what another push came right behind (plateform why " + short + " says what became of it)"
	if answer := (*answerError)(nil); err != nil && (!errors.As(err, &answer) || answer.status != 0) {
		why = terminal.Plain(err.Error())
	}
	return exit.Finding("no run of %s for commit %s has begun in %s: %s", c.options.Key, short, c.options.Patience, why)
}

// final is an error that nothing is to be waited for after.
func (c *connection) final(err error) error {
	var answer *answerError
	switch {
	case err == nil:
		return nil // the connection has ended, and the run has not
	case errors.As(err, &answer) && answer.status == statusGone && c.offset != "" && c.options.Now().Sub(c.last) < goneFor:
		return nil
	case errors.As(err, &answer) && answer.status >= 400 && answer.status < 500 && answer.status != statusBusy:
		return exit.Usage("%s", terminal.Plain(answer.text))
	case exit.CodeOf(err) != exit.CouldNotRun:
		return err
	}
	return nil
}

// starting says that a server is there, and knows more in a moment.
func (c *connection) starting(err error) bool {
	var answer *answerError
	return errors.As(err, &answer) && answer.after > 0
}

// tell says once why nothing comes.
func (c *connection) tell(ctx context.Context, err error) {
	text := "the connection has ended"
	if err != nil {
		text = err.Error()
	}
	if text == c.told {
		return
	}
	c.told = text
	select {
	case c.note <- terminal.Plain(text):
	case <-ctx.Done():
	}
}
