package watch

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/exit"
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
	runs := &follower{options: o, server: from, note: s.notes, frames: frames}
	ask := reconciler.AppLogQuestion{Last: o.Last, Follow: true}
	if runs.begin(interrupted) && !o.LastAsked { // what the app printed before would only be in the way
		ask.Last = 0
	}
	if runs.none {
		s.note("no run of " + o.Key.String() + " is known yet: it is shown as soon as there is one")
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
	// seen are the runs that are not to be shown, or were, once they have ended; nil before it is known what there was at the beginning.
	seen map[string]bool
	// none says that there was none at the beginning.
	none bool
}

// begin looks what there is, and says whether a run is under way.
func (f *follower) begin(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, askUnderWay)
	defer cancel()
	runs, err := f.server.runs(ctx, f.options.Key)
	if err != nil {
		return false
	}
	underWay := false
	f.seen = map[string]bool{}
	for _, run := range runs {
		if run.Ended() {
			f.seen[run.ID] = true
			continue
		}
		underWay = true
	}
	f.none = len(runs) == 0
	return underWay
}

// follow shows runs until the context ends, or as long as the server lets somebody ask for them.
func (f *follower) follow(ctx context.Context) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		id, err := f.next(ctx)
		if c := (connection{options: f.options}); ctx.Err() != nil || c.final(err) != nil {
			return nil
		}
		if id != "" {
			one := f.options
			one.Run = id
			err = one.read(ctx, f.server, f.note, f.frames)
			f.seen[id] = true
		}
		if err == nil {
			pause = firstPause
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

// errNext says that there is a run to show.
var errNext = errors.New("a run is to be shown")

// next waits for a run that is under way, or was not seen.
func (f *follower) next(ctx context.Context) (id string, err error) {
	if f.seen == nil {
		f.begin(ctx)
	}
	if f.seen == nil {
		return "", errors.New("the server does not answer")
	}
	err = f.server.read(ctx, api.RunsPath(f.options.Key), true, func(frame api.Frame) error {
		switch run := frame.Run; {
		case frame.Type == api.FrameRun && (!run.Ended() || !f.seen[run.ID]):
			id = run.ID
			return errNext
		case frame.Type == api.FrameBye && !frame.Again:
			return exit.Finding("%s", frame.Text)
		}
		return nil
	})
	if errors.Is(err, errNext) {
		return id, nil
	}
	return "", err
}
