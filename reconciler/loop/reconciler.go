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
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/backlog"
	"github.com/plateform/plateform/reconciler/gate"
	"github.com/plateform/plateform/reconciler/gitops"
	"github.com/plateform/plateform/reconciler/worker"
)

// Options are what a Reconciler is made of. All are needed unless they say otherwise.
type Options struct {
	Ports
	// Signer signs release files, and the commits of GitOps that stand for a config commit; nil makes unsigned ones, which is
	// fine only while platform.yaml names no key.
	Signer *signing.Key
	// Secrets opens what was encrypted for the platform, to see that a release can; nil leaves that to the engine.
	Secrets secret.Opener
	// Clock tells the time; reports and release files carry it.
	Clock  func() time.Time
	Log    *slog.Logger
	ArgoCD *gitops.ArgoCD // deploys what is in GitOps; nil when somebody else does
	// Meter takes figures of the loop itself; nil when nobody wants them.
	Meter backlog.Meter
	// Observers take what happens to runs, as a log does.
	Observers []reconciler.Observer
	// LogURL is where the log of a run is shown; nil when that is where builds are.
	LogURL func(k manifest.Key, run string) string
	// Poll is how often repositories are looked at without a hint; 0 for never.
	Poll time.Duration
	// Resync is when everything is looked at again, whatever hints said; nil for never.
	Resync cron.Schedule
	// Queue makes the queues of the workers, and Jitter what spreads their work; those of package worker when nil.
	Queue  worker.NewQueue
	Jitter func(time.Duration) time.Duration
}

// Ports are what a Reconciler needs of the world.
type Ports struct {
	Config  reconciler.Repository
	GitOps  reconciler.Repository
	Sources reconciler.Sources
	// Builder is nil for an installation that builds nothing.
	Builder  reconciler.Builder
	Registry reconciler.Registry
	Forge    reconciler.Forge
	Charts   reconciler.Charts
	// Engine is nil when nobody follows what becomes of GitOps: a run then ends when GitOps shows it.
	Engine reconciler.Engine
	// Images is the registry whose images are removed when nobody needs them; nil when that is somebody else's affair.
	Images worker.ImageStore
}

// Hint says that something may have changed. Facts are read again, so a hint that is lost, doubled or late changes
// nothing but how soon it is noticed.
type Hint struct {
	// Config and GitOps say which repository to fetch.
	Config bool
	GitOps bool
	// Source is the URL of a source repository to look at, in any spelling; Sources has all of them looked at.
	Source  string
	Sources bool
	// Builds and Rollouts have the builder and the engine asked.
	Builds, Rollouts bool
	// Everything says to decide on every project again.
	Everything bool
}

// Reconciler is the loop and its workers: hints in, commits and reports out. One goroutine owns all of its memory.
type Reconciler struct {
	options Options
	workers worker.All
	ticks   *worker.Ticks

	mu    sync.Mutex
	hint  Hint
	woken chan struct{}
	ready bool
	// keptOut are the reasons why what is to be written does not get in, and passes whether passes fail, as of the newest.
	keptOut []string
	passes  gate.Passes
	// backlog as of the newest pass, and wake when the next deadline is, zero for none.
	backlog backlog.Backlog
	wake    time.Time

	gates   gates
	session *session
	// left are the runs of a session that was given up.
	left leftover
}

// New checks the options and returns a Reconciler that does nothing until Run.
func New(o Options) (*Reconciler, error) {
	switch {
	case o.Config == nil || o.GitOps == nil:
		return nil, errors.New("a reconciler needs a config and a GitOps repository")
	case o.Sources == nil || o.Registry == nil || o.Forge == nil || o.Charts == nil:
		return nil, errors.New("a reconciler needs sources, a registry, a forge and charts")
	case o.Clock == nil || o.Log == nil:
		return nil, errors.New("a reconciler needs a clock and a log")
	}
	if o.Meter == nil {
		o.Meter = backlog.Unmetered{}
	}
	if o.Queue == nil {
		o.Queue = worker.Keyed
	}
	if o.Jitter == nil {
		o.Jitter = worker.RandomJitter
	}
	r := &Reconciler{options: o, woken: make(chan struct{}, 1), gates: newGates()}
	r.workers = worker.NewAll(worker.Ports{
		Config: o.Config, GitOps: o.GitOps, Sources: o.Sources, Builder: o.Builder, Registry: o.Registry, Forge: o.Forge, Engine: o.Engine, Images: o.Images,
	}, o.Poll, o.Log, worker.Common{Queue: o.Queue, Clock: o.Clock, Jitter: o.Jitter, Notify: func() { r.Hint(Hint{}) }})
	r.ticks = worker.NewTicks(worker.TickOptions{Poll: o.Poll, Resync: o.Resync, Clock: o.Clock, Jitter: o.Jitter, Due: r.tick})
	return r, nil
}

// Hint says that something may have changed. It never blocks and may be called from anywhere. Where hints come, less is
// looked at without.
func (r *Reconciler) Hint(h Hint) {
	r.ticks.Hinted(h.Config, h.GitOps)
	r.take(h)
}

// tick takes what is due as a hint that nobody gave.
func (r *Reconciler) tick(t worker.Tick) {
	r.take(Hint{Config: t.Config, GitOps: t.GitOps, Everything: t.Everything})
}

// take passes a hint on, and wakes the loop unless it is about sources alone: their worker does, once it has news.
func (r *Reconciler) take(h Hint) {
	r.hintWorkers(h)
	if h != (Hint{}) && h == (Hint{Source: h.Source, Sources: h.Sources}) {
		return
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

// hintWorkers passes a hint on to whom it concerns.
func (r *Reconciler) hintWorkers(h Hint) {
	if h.Source != "" {
		r.workers.Sources.Hint(h.Source)
	}
	if h.Sources {
		r.workers.Sources.HintAll()
	}
	if h.Builds {
		r.workers.Builds.Hint()
	}
	if h.Rollouts && r.workers.Rollouts != nil {
		r.workers.Rollouts.Hint()
	}
}

// Backlog tells what waits, as of the newest pass. It may be called from anywhere.
func (r *Reconciler) Backlog() backlog.Backlog {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.backlog
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
	group.Go(func() error { return r.workers.Run(ctx) })
	group.Go(func() error { return r.ticks.Run(ctx) })
	group.Go(func() error { return r.loop(ctx) })
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// loop makes a pass for every hint. A pass that failed is made again after a while: nothing it had not finished is lost.
func (r *Reconciler) loop(ctx context.Context) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 200*time.Millisecond, 30*time.Second
	pending := Hint{Config: true, GitOps: true}
	logged := ""
	for ctx.Err() == nil {
		err := r.pass(ctx, pending)
		var late *latenessError
		switch {
		case err == nil:
			wait.Reset()
			logged = ""
			r.setReady()
			r.sleep(ctx, r.woken, r.untilWake())
			pending = r.takeHint()
		case errors.Is(err, manifest.ErrMoved):
			pending = Hint{Config: true, GitOps: true}
		case errors.As(err, &late): // the others go on, and so do hints
			delay := wait.NextBackOff()
			if logged != err.Error() {
				logged = err.Error()
				r.options.Log.Error("some projects are late; they are tried again", "error", err, "in", delay.Round(time.Millisecond).String())
			}
			r.setReady()
			r.sleep(ctx, r.woken, time.After(delay))
			pending = r.takeHint()
		default:
			delay := max(wait.NextBackOff(), reconciler.RetryAfter(err))
			if ctx.Err() == nil && logged != err.Error() {
				logged = err.Error()
				r.options.Log.Error("a pass failed; it is tried again", "error", err, "in", delay.Round(time.Millisecond).String())
			}
			r.sleep(ctx, nil, time.After(delay))
			pending = Hint{Config: true, GitOps: true}
		}
	}
	return ctx.Err()
}

// untilWake fires at the next deadline; nil when there is none.
func (r *Reconciler) untilWake() <-chan time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wake.IsZero() {
		return nil
	}
	return time.After(max(0, r.wake.Sub(r.options.Clock())))
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

// pass is one pass over what there is to do, and gives account of it.
func (r *Reconciler) pass(ctx context.Context, hint Hint) error {
	begun := r.options.Clock()
	err := r.passOnce(ctx, hint)
	r.account(err, begun)
	if r.session != nil && r.passes.Long() {
		r.session.tellFailing(r.passes.Why())
	}
	reports := 0
	if r.session != nil {
		reports = r.session.runs.takeCount()
	}
	r.options.Meter.Passed(backlog.Pass{Took: r.options.Clock().Sub(begun), Err: err, Reports: reports})
	return err
}

func (r *Reconciler) passOnce(ctx context.Context, hint Hint) error {
	if r.session == nil {
		s, err := open(ctx, r)
		if err != nil {
			return fmt.Errorf("starting: %w", err)
		}
		s.runs.takeOver(r.left)
		r.session, r.left = s, leftover{}
	}
	err := r.session.pass(ctx, hint)
	if errors.Is(err, errReopen) { // both repositories still have it all
		r.options.Log.Warn("both repositories are read again", "why", manifest.FirstLine(err.Error()))
		r.left = r.session.runs.leave()
		r.session = nil
		return manifest.ErrMoved
	}
	return err
}

// account keeps how a pass ended, what waits, and until when, for those who ask from other goroutines.
func (r *Reconciler) account(err error, begun time.Time) {
	var waits backlog.Backlog
	var wake time.Time
	if s := r.session; s != nil {
		waits, wake = s.backlog(), s.wake()
	}
	var keptOut []string
	for _, g := range r.gates.both() {
		if why := g.Why(); why != "" {
			keptOut = append(keptOut, why)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.backlog, r.wake, r.keptOut = waits, wake, keptOut
	var late *latenessError
	if errors.As(err, &late) {
		err = nil
	}
	r.passes.Note(err, begun, r.options.Clock())
}
