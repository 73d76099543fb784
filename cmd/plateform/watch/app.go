package watch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
	"github.com/plateform/plateform/reconciler/logline"
)

// ErrNoApps says that a serve does not know of the apps that run.
var ErrNoApps = errors.New("the engine of this serve does not say what runs")

// From says which serve is asked: the one at an address, which is shown the token in a file, or that of an installation on this machine.
type From struct{ ServeYAML, Address, TokenFile string }

// State is how what runs of a project does, as a serve says; there is false when it says that nothing does. The error
// is ErrNoApps when it cannot know.
func (f From) State(ctx context.Context, k manifest.Key) (state api.State, there bool, err error) {
	from, err := find(f.ServeYAML, f.Address, f.TokenFile)
	if err != nil {
		return state, false, err
	}
	state, there, err = from.state(ctx, k)
	if isUnknown(err) {
		err = ErrNoApps
	}
	return state, there, err
}

func isUnknown(err error) bool {
	var no *answerError
	return errors.As(err, &no) && no.status == http.StatusNotImplemented
}

// AppLog shows the last lines that the app prints, as a serve tells them. With Follow it goes on until the context ends, also with a serve that is being
// started again: then with what is printed from then on.
func (o Options) AppLog(ctx context.Context, f From, last int) error {
	from, err := find(f.ServeYAML, f.Address, f.TokenFile)
	if err != nil {
		return err
	}
	ask := reconciler.AppLogQuestion{Last: last, Follow: o.Follow}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := from.appLog(ctx, o.Key, ask, func(text string) error {
			pause, ask.Last = firstPause, 0
			show := logline.Bare
			if o.Style.On {
				show = logline.Harmless
			}
			_, err := fmt.Fprintln(o.Out, show(text))
			return err
		})
		if isUnknown(err) {
			return ErrNoApps
		}
		c := connection{options: o}
		if ctx.Err() != nil || !ask.Follow && !c.starting(err) {
			return ignoreEnd(ctx, err)
		}
		if final := c.final(err); final != nil {
			return final
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// ignoreEnd makes no error of being interrupted.
func ignoreEnd(ctx context.Context, err error) error {
	var no *answerError
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.As(err, &no):
		return exit.Usage("%s", terminal.Plain(no.text))
	}
	return err
}

// appLog reads one connection's worth of what an app prints.
func (s server) appLog(ctx context.Context, k manifest.Key, ask reconciler.AppLogQuestion, line func(string) error) error {
	const most = 10_000
	last := ask.Last
	if last < 0 || last > most {
		last = most
	}
	return s.read(ctx, projectPath(k)+"/log?tail="+strconv.Itoa(last), ask.Follow, func(f api.Frame) error {
		switch f.Type {
		case api.FrameLog:
			for _, text := range f.Lines {
				if err := line(text); err != nil {
					return err
				}
			}
		case api.FrameBye:
			if f.Again {
				return fmt.Errorf("%s", f.Text)
			}
			return exit.Finding("%s", terminal.Plain(f.Text))
		}
		return nil
	})
}

// FirstAt shows the run of a project that is under way at a serve, to its end; nothing when there is none.
func (o Options) FirstAt(interrupted context.Context, f From) error {
	from, err := find(f.ServeYAML, f.Address, f.TokenFile)
	if err != nil {
		return err
	}
	if o.Run = underWay(interrupted, from, o.Key); o.Run == "" {
		return nil
	}
	return o.watch(interrupted, from)
}

// Logs shows what a serve knows: a run when one is asked for, and else the last lines that the app prints, after the run that is under
// way. Where the serve does not know what apps print, the run is all.
func (o Options) Logs(ctx context.Context, from From, last int) error {
	if o.Run == "" {
		if o.Follow {
			if err := o.FirstAt(ctx, from); err != nil || ctx.Err() != nil {
				return err
			}
		}
		err := o.AppLog(ctx, from, last)
		if !errors.Is(err, ErrNoApps) {
			return err
		}
	}
	return o.Watch(ctx, from.ServeYAML, from.Address, from.TokenFile)
}
