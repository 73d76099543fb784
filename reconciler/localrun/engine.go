package localrun

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localrun/program"
	"github.com/plateform/plateform/reconciler/localrun/router"
	"github.com/plateform/plateform/reconciler/localrun/shim"
)

// Images is where images come from.
type Images interface {
	// Pull returns an image by its digest. Its layers are fetched when they are read, as long as the context lasts.
	Pull(ctx context.Context, repository, digest string) (v1.Image, error)
	// Resolve finds the image that a reference means now.
	Resolve(ctx context.Context, reference string) (manifest.Image, error)
}

// Router is what sends requests to what runs.
type Router interface {
	// Set says what answers for a host from now on; requests under way go on where they began.
	Set(host string, s router.Site)
	// Remove says that nothing is known of a host any more.
	Remove(host string)
	// Drained waits until no request is under way at an address that no host has any more.
	Drained(ctx context.Context, address string) error
}

// Options of an Engine.
type Options struct {
	Images Images
	Router Router
	// Secrets opens what was encrypted for the platform; nil when there is no key for it.
	Secrets secret.Opener
	// Dir is the folder for all that the engine keeps.
	Dir string
	// Shim is the command that makes this binary a shim.
	Shim []string
	// Limits of an image that is unpacked, and ContainerLimit of one that a container tool takes in, in bytes when it is
	// unpacked; container.DefaultLimit when 0.
	Limits         program.Limits
	ContainerLimit int64
	// LogLimit of one file of what an app prints, in bytes; applog.DefaultLimit when 0.
	LogLimit int64
	Times    Times
	// Notify is called when a rollout has come to an end, or a process ends again and again.
	Notify func()
	Clock  func() time.Time
	Log    *slog.Logger
}

// Times are how long things may take. What is zero has the default that is named.
type Times struct {
	// Start is how long a process may take until it is ready; 3 min.
	Start time.Duration
	// Probe is how long the answer to one probe may take, 2 s, and Interval the time between two; 100 ms, as they cost nothing here.
	Probe, Interval time.Duration
	// Live is the time between two probes of a process that was ready; 10 s. Six in a row that fail end it.
	Live time.Duration
	// Drain is how long requests under way may take when their process is to end, 30 s, and Stop how long it may take
	// between SIGTERM and SIGKILL; 10 s.
	Drain, Stop time.Duration
	// Backoff is the first wait before a process that has ended is started again, 300 ms, doubled at each further one up to
	// MaxBackoff, 1 min. A process that ran as long as that has its backoff begin anew.
	Backoff, MaxBackoff time.Duration
}

func (t Times) withDefaults() Times {
	for field, value := range map[*time.Duration]time.Duration{
		&t.Start: 3 * time.Minute, &t.Probe: 2 * time.Second, &t.Interval: 100 * time.Millisecond, &t.Live: 10 * time.Second, &t.Drain: 30 * time.Second,
		&t.Stop: 10 * time.Second, &t.Backoff: 300 * time.Millisecond, &t.MaxBackoff: time.Minute,
	} {
		if *field == 0 {
			*field = value
		}
	}
	return t
}

// Engine runs what is wanted on this machine. Want may be called before Run; nothing happens until then.
type Engine struct {
	options Options
	hosts   *hosts
	inside  *inside
	tools   *tools
	news    chan struct{}

	mu       sync.Mutex
	projects map[manifest.Key]*project
}

var _ reconciler.Engine = (*Engine)(nil)

// New returns an engine. Nothing runs before Run.
func New(o Options) (*Engine, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("engine local runs programs for Linux, and this machine is %s (set engine: {kind: none} in serve.yaml)", runtime.GOOS)
	}
	if !filepath.IsAbs(o.Dir) {
		dir, err := filepath.Abs(o.Dir)
		if err != nil {
			return nil, fmt.Errorf("the folder of engine local: %w", err)
		}
		o.Dir = dir
	}
	o.Times = o.Times.withDefaults()
	within := newInside(router.New(router.Options{Log: o.Log, Clock: o.Clock}))
	return &Engine{options: o, hosts: newHosts(o.Router), inside: within, tools: &tools{}, news: make(chan struct{}, 1), projects: map[manifest.Key]*project{}}, nil
}

// Want implements reconciler.Engine.
func (e *Engine) Want(_ context.Context, commit string, targets []reconciler.Target) error {
	for _, t := range targets {
		e.project(t.Key).want(wanted{Target: t, Commit: commit})
	}
	e.wake()
	return nil
}

// Rollouts implements reconciler.Engine.
func (e *Engine) Rollouts(_ context.Context, keys []manifest.Key) (map[manifest.Key]reconciler.Rollout, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	rollouts := map[manifest.Key]reconciler.Rollout{}
	for _, k := range keys {
		if p := e.projects[k]; p != nil {
			if rollout, there := p.rollout(); there {
				rollouts[k] = rollout
			}
		}
	}
	return rollouts, nil
}

// project returns a project, which is made when it is new.
func (e *Engine) project(k manifest.Key) *project {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.projects[k]
	if p == nil {
		p = newProject(k, e)
		e.projects[k] = p
	}
	return p
}

func (e *Engine) wake() {
	select {
	case e.news <- struct{}{}:
	default: // it is to be woken already
	}
}

// Run runs all projects until the context ends; then it stops them, and waits until they have ended. First it ends what a
// process before this one left behind, and runs again what ran then.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.sweep(ctx); err != nil {
		return err
	}
	if err := e.sweepContainers(ctx); err != nil {
		e.options.Log.Warn("containers of an earlier serve may be left", "error", err)
	}
	if err := e.recall(); err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		if err := e.inside.run(ctx); err != nil {
			e.options.Log.Error("projects cannot reach each other", "error", err)
		}
	})
	begun := map[*project]bool{}
	for {
		e.mu.Lock()
		all := slices.Collect(maps.Values(e.projects))
		e.mu.Unlock()
		for _, p := range all {
			if !begun[p] {
				begun[p] = true
				running.Go(func() { p.run(ctx) })
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.news:
		}
	}
}

// sweep ends the processes that a killed serve left.
func (e *Engine) sweep(ctx context.Context) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	records, err := filepath.Glob(filepath.Join(e.options.Dir, "*", "*", processesDir, "*"))
	if err != nil {
		return fmt.Errorf("looking for processes that an earlier serve left: %w", err)
	}
	for _, record := range records {
		if err := shim.Sweep(ctx, record); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// recall has run what ran last, as long as nobody wants anything else.
func (e *Engine) recall() error {
	notes, err := filepath.Glob(filepath.Join(e.options.Dir, "*", "*", lastFile))
	if err != nil {
		return fmt.Errorf("looking for what ran last: %w", err)
	}
	for _, note := range notes {
		last, err := readLast(note)
		if err != nil {
			e.options.Log.Warn("what ran last cannot be read; it runs once the loop asks for it", "file", note, "error", err)
			continue
		}
		e.project(last.Key).recall(last)
	}
	return nil
}

// makeDirs makes the folders of a project. Programs look for their files below, as somebody else.
func makeDirs(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making a folder of engine local: %w", err)
		}
	}
	return nil
}
