package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
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

// printed hands on the last lines that an app printed, and if asked to what it prints until the context ends, also of one that has printed
// nothing yet.
type printed func(ctx context.Context, ask reconciler.AppLogQuestion, line func(string) error) error

// printedAt is what a serve says that an app prints. One that is being started again is waited for: then with what is printed from
// then on.
func (o Options) printedAt(from server) printed {
	return func(ctx context.Context, ask reconciler.AppLogQuestion, line func(string) error) error {
		for pause := firstPause; ; pause = min(2*pause, lastPause) {
			err := from.appLog(ctx, o.Key, ask, func(text string) error {
				pause, ask.Last = firstPause, 0
				return line(text)
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
			if !sleep(ctx, pause) {
				return nil
			}
		}
	}
}

// printedHere is what an engine keeps of what an app printed.
func printedHere(apps reconciler.AppLogs, key manifest.Key) printed {
	return func(ctx context.Context, ask reconciler.AppLogQuestion, line func(string) error) error {
		for {
			err := apps.AppLog(ctx, key, ask, line)
			if !ask.Follow || !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if !sleep(ctx, time.Second) {
				return nil
			}
			if ask.Last >= 0 {
				ask.Last = max(ask.Last, beginning) // it is all new
			}
		}
	}
}

// beginning is how many lines of an app come at most that has only begun to print.
const beginning = 1000

// sleep waits so long; false when the context ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
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

// Logs shows what a serve knows: a run when one is asked for, and else what the app prints, with Follow along with its runs. Where the
// serve does not know what apps print, the run is all.
func (o Options) Logs(ctx context.Context, f From) error {
	from, err := find(f.ServeYAML, f.Address, f.TokenFile)
	if err != nil {
		return err
	}
	if o.Run != "" || o.Commit != "" || !o.knowsApps(ctx, from) {
		return o.watch(ctx, from)
	}
	if err := o.appLog(ctx, from); !errors.Is(err, ErrNoApps) {
		return err
	}
	return o.watch(ctx, from)
}

// knowsApps is false when a serve says that it does not know what apps print. Until it answers it may.
func (o Options) knowsApps(ctx context.Context, from server) bool {
	ctx, cancel := context.WithTimeout(ctx, askUnderWay)
	defer cancel()
	err := from.appLog(ctx, o.Key, reconciler.AppLogQuestion{}, func(string) error { return nil })
	return !isUnknown(err)
}

// appLog shows what a serve knows that the app prints.
func (o Options) appLog(ctx context.Context, from server) error {
	if !o.Follow {
		s := newScreen(o)
		return o.printedAt(from)(ctx, reconciler.AppLogQuestion{Last: o.Last}, func(text string) error {
			s.take(api.Frame{Type: api.FrameLog, Lines: []string{text}})
			return nil
		})
	}
	return o.along(ctx, from, o.printedAt(from))
}

// LogsHere goes on showing what an app prints that runs on this machine, or in the cluster of the installation, along with its runs; where
// nobody knows what apps print, the run is all.
func (o Options) LogsHere(ctx context.Context, s *installation.Settings) error {
	apps, err := s.AppLogs()
	if err != nil {
		return o.watch(ctx, here(s))
	}
	return o.along(ctx, here(s), printedHere(apps, o.Key))
}
