package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/robfig/cron/v3"
	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Options are what a Reconciler is made of. All are needed unless they say otherwise.
type Options struct {
	Config   reconciler.Repository
	GitOps   reconciler.Repository
	Sources  reconciler.Sources
	Builder  reconciler.Builder
	Registry reconciler.Registry
	Forge    reconciler.Forge
	Charts   reconciler.Charts
	// Signer signs release files; nil makes unsigned ones, which is fine only while platform.yaml names no key.
	Signer *manifest.SigningKey
	// Clock tells the time; reports and release files carry it.
	Clock func() time.Time
	Log   *slog.Logger
	// Meter takes figures; nil when nobody wants them.
	Meter Meter
	// Poll is how often repositories are looked at without a hint; 0 for never.
	Poll time.Duration
	// Resync is when everything is looked at again, whatever hints said; nil for never.
	Resync cron.Schedule
}

// Hint says that something may have changed. Facts are read again, so a hint that is lost, doubled or late changes
// nothing but how soon it is noticed.
type Hint struct {
	// Config and GitOps say which repository to fetch.
	Config bool
	GitOps bool
	// Source is the URL of a source repository to look at.
	Source string
	// Everything says to decide on every project again.
	Everything bool
}

// Reconciler is the loop: hints in, commits and reports out. One goroutine owns all of its state.
type Reconciler struct {
	Options
	lookout *lookout

	mu    sync.Mutex
	hint  Hint
	woken chan struct{}
	ready bool
	// backlog as of the newest turn of the loop.
	backlog Backlog

	state *state
	// reported counts the reports of this turn.
	reported int
}

// New checks the options and returns a Reconciler that does nothing until Run.
func New(o Options) (*Reconciler, error) {
	switch {
	case o.Config == nil || o.GitOps == nil:
		return nil, errors.New("a reconciler needs a config and a GitOps repository")
	case o.Sources == nil || o.Builder == nil || o.Registry == nil || o.Forge == nil || o.Charts == nil:
		return nil, errors.New("a reconciler needs sources, a builder, a registry, a forge and charts")
	case o.Clock == nil || o.Log == nil:
		return nil, errors.New("a reconciler needs a clock and a log")
	}
	if o.Meter == nil {
		o.Meter = unmetered{}
	}
	r := &Reconciler{Options: o, woken: make(chan struct{}, 1)}
	r.lookout = newLookout(o.Sources, o.Poll, o.Clock, func() { r.Hint(Hint{}) })
	return r, nil
}

// Hint says that something may have changed. It never blocks and may be called from anywhere.
func (r *Reconciler) Hint(h Hint) {
	if h.Source != "" {
		r.lookout.hint(h.Source)
	}
	r.mu.Lock()
	r.hint.Config = r.hint.Config || h.Config
	r.hint.GitOps = r.hint.GitOps || h.GitOps
	r.hint.Everything = r.hint.Everything || h.Everything
	r.mu.Unlock()
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Ready says that both repositories were read and every project was decided on at least once.
func (r *Reconciler) Ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ready
}

func (r *Reconciler) takeHint() Hint {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hint
	r.hint = Hint{}
	return h
}

// Run reconciles until the context ends, and returns when all it started has ended too.
func (r *Reconciler) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.lookout.run(ctx) })
	group.Go(func() error { return r.tick(ctx) })
	group.Go(func() error { return r.loop(ctx) })
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// tick turns time into hints.
func (r *Reconciler) tick(ctx context.Context) error {
	var poll, resync <-chan time.Time
	if r.Poll > 0 {
		ticker := time.NewTicker(r.Poll)
		defer ticker.Stop()
		poll = ticker.C
	}
	for {
		if r.Resync != nil && resync == nil {
			now := r.Clock()
			resync = time.After(r.Resync.Next(now).Sub(now))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll:
			r.Hint(Hint{Config: true, GitOps: true})
		case <-resync:
			resync = nil
			r.Hint(Hint{Config: true, GitOps: true, Everything: true})
		}
	}
}

// loop makes a pass for every hint. A pass that failed is made again after a while: nothing it had not finished is lost.
func (r *Reconciler) loop(ctx context.Context) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 200*time.Millisecond, 30*time.Second
	pending := Hint{Config: true, GitOps: true}
	told := ""
	for ctx.Err() == nil {
		err := r.turn(ctx, pending)
		var late *latenessError
		switch {
		case err == nil:
			wait.Reset()
			told = ""
			r.setReady()
			r.sleep(ctx, r.woken, nil)
			pending = r.takeHint()
		case errors.Is(err, manifest.ErrMoved):
			pending = Hint{Config: true, GitOps: true}
		case errors.As(err, &late): // the others go on: hints are heard
			delay := wait.NextBackOff()
			if told != err.Error() {
				told = err.Error()
				r.Log.Error("some projects are late; they are tried again", "error", err, "in", delay.Round(time.Millisecond).String())
			}
			r.setReady()
			r.sleep(ctx, r.woken, time.After(delay))
			pending = r.takeHint()
		default:
			delay := wait.NextBackOff()
			if ctx.Err() == nil {
				r.Log.Error("a pass failed; it is tried again", "error", err, "in", delay.Round(time.Millisecond).String())
			}
			r.sleep(ctx, nil, time.After(delay))
			pending = Hint{Config: true, GitOps: true}
		}
	}
	return ctx.Err()
}

// sleep waits for the context to end, for a hint or for a time, whichever comes first; nil for none.
func (r *Reconciler) sleep(ctx context.Context, woken <-chan struct{}, after <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-woken:
	case <-after:
	}
}

func (r *Reconciler) setReady() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready = true
}

// pass is one turn of the loop, as a list of steps. Reports go out last, and also when a step before failed: people hear
// how far things got.
func (r *Reconciler) pass(ctx context.Context, hint Hint) (err error) {
	if r.state == nil {
		s, err := r.open(ctx)
		if err != nil {
			return fmt.Errorf("starting: %w", err)
		}
		r.state = s
	}
	s := r.state
	clear(s.late)
	defer func() {
		if reportErr := s.report(ctx); err == nil {
			err = reportErr
		}
	}()
	steps := []func(context.Context, Hint) error{
		s.observeConfig,
		s.observeGitOps,
		s.observeSources,
		s.observeBuilds,
		s.measure,
		s.settle,
		s.release,
		s.writeGitOps,
	}
	for _, step := range steps {
		if err := step(ctx, hint); err != nil {
			return err
		}
	}
	s.conclude()
	return s.lateness()
}
