package watch

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
)

// askUnderWay bounds the first question for what is under way: a serve that does not answer is as good as none then.
const askUnderWay = 3 * time.Second

// along shows what an app prints until the context ends, and each run of the app from the commit to the URL: the one that is under way,
// and those that begin. Both come as they happen.
func (o Options) along(interrupted context.Context, from server, apps printed) error {
	s := newScreen(o)
	s.idle = true
	frames := make(chan api.Frame)
	runs := &follower{options: o, server: from, note: s.notes, frames: frames, seen: map[string]bool{}}
	ask := reconciler.AppLogQuestion{Last: o.Last, Follow: true}
	if runs.begin(interrupted) && !o.LastAsked { // what the app printed before would only be in the way
		ask.Last = 0
	}
	group, ctx := errgroup.WithContext(interrupted)
	group.Go(func() error {
		defer close(frames)
		return o.both(ctx, runs, func(ctx context.Context) error {
			return apps(ctx, ask, func(text string) error { return put(ctx, frames, api.Frame{Type: api.FrameLog, Lines: []string{text}}) })
		})
	})
	group.Go(func() error {
		_, err := s.show(ctx, frames)
		return err
	})
	if err := group.Wait(); interrupted.Err() == nil {
		return err
	}
	return nil
}

// both follows runs and an app at the same time. Only the app ends it.
func (o Options) both(ctx context.Context, runs *follower, app func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return runs.follow(ctx) })
	group.Go(func() error {
		defer stop()
		return app(ctx)
	})
	return group.Wait()
}

// put hands a frame to the screen.
func put(ctx context.Context, frames chan<- api.Frame, f api.Frame) error {
	select {
	case frames <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follower follows one run of a project after the other.
type follower struct {
	options Options
	server  server
	note    chan<- string
	frames  chan<- api.Frame
	// began is when it was asked for, and since the same by the clock of the server; zero before that has answered.
	began, since time.Time
	// seen are the runs that are not to be shown, or were, once they have ended.
	seen map[string]bool
	// quiet is what is said while there is nothing to show, and told what was said last.
	quiet, told string
}

// begin looks what there is, and says whether a run is under way.
func (f *follower) begin(ctx context.Context) bool {
	f.began = f.options.Now()
	ctx, cancel := context.WithTimeout(ctx, askUnderWay)
	defer cancel()
	runs, now, err := f.server.runs(ctx, f.options.Key)
	if err != nil {
		return false
	}
	f.synchronize(now)
	underWay := false
	for _, run := range runs {
		f.seen[run.ID] = run.Ended()
		underWay = underWay || !run.Ended()
	}
	if len(runs) == 0 {
		f.quiet = "no run of " + f.options.Key.String() + " is known yet: it is shown as soon as there is one"
	}
	return underWay
}

// synchronize takes in what time it is at the server; zero when that does not say so.
func (f *follower) synchronize(now time.Time) {
	if f.since = f.began; !now.IsZero() {
		f.since = now.Add(f.began.Sub(f.options.Now()))
	}
}

// follow shows runs until the context ends. What keeps it from that is said, and tried again.
func (f *follower) follow(ctx context.Context) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		id, err := f.next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case id != "":
			one := f.options
			one.Run = id
			err = one.read(ctx, f.server, f.note, f.frames)
			f.seen[id], f.quiet, f.told = true, "", ""
		case err != nil:
			f.tell(ctx, "no run is shown until serve tells of them: "+terminal.Plain(err.Error()))
		}
		if err == nil {
			pause = firstPause
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

// tell says something, once.
func (f *follower) tell(ctx context.Context, text string) {
	if text == f.told {
		return
	}
	f.told = text
	select {
	case f.note <- text:
	case <-ctx.Done():
	}
}

// errNext says that there is a run to show.
var errNext = errors.New("a run is to be shown")

// next waits for a run that is under way, or has ended in the meantime.
func (f *follower) next(ctx context.Context) (id string, err error) {
	_, now, err := f.server.runs(ctx, f.options.Key)
	if err != nil {
		return "", err
	}
	if f.since.IsZero() {
		f.synchronize(now)
	}
	f.tell(ctx, f.quiet)
	err = f.server.read(ctx, api.RunsPath(f.options.Key), true, func(frame api.Frame) error {
		switch {
		case frame.Type == api.FrameRun && f.wants(frame.Run):
			id = frame.Run.ID
			return errNext
		case frame.Type == api.FrameBye && !frame.Again:
			return errors.New(frame.Text)
		}
		return nil
	})
	if errors.Is(err, errNext) {
		return id, nil
	}
	return "", err
}

// wants says whether a run is to be shown. What a server remembers only later, and ended before anybody asked, is not.
func (f *follower) wants(run *api.Run) bool {
	return !run.Ended() || !f.seen[run.ID] && run.EndedAt.After(f.since)
}
