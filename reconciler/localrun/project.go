package localrun

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localrun/applog"
	"github.com/plateform/plateform/reconciler/localrun/router"
)

// wanted is a target, and the GitOps commit it was wanted with.
type wanted struct {
	reconciler.Target
	Commit string
}

func (w wanted) same(o wanted) bool {
	return w.Release == o.Release && w.Remove == o.Remove && w.KeepData == o.KeepData && w.Chart == o.Chart && bytes.Equal(w.Values, o.Values) &&
		w.Owner == o.Owner && slices.Equal(w.Secrets, o.Secrets) && slices.Equal(w.References, o.References)
}

// project is one project on this machine. Its goroutine (run) takes it to what is wanted newest.
type project struct {
	key       manifest.Key
	options   *Options
	images    *images
	secrets   secrets
	addresses addresses
	// news says that something else is wanted; ticks that a replica has changed.
	news, ticks chan struct{}
	// last is what ran before this process, until run begins.
	last *ran
	// retiring are replicas that end.
	retiring sync.WaitGroup

	mu     sync.Mutex
	target wanted
	status reconciler.Rollout
	// there is false when nothing of it is left.
	there bool
	log   *applog.Log
	deployment
}

// deployment is what a project has running: services, which answer with the live replicas.
type deployment struct {
	services []service
	live     []*replica
	// proven was healthy last.
	proven wanted
}

func newProject(k manifest.Key, e *Engine) *project {
	p := &project{
		key: k, options: &e.options, secrets: secrets{k, &e.options}, addresses: addresses{k, e.hosts, e.inside},
		news: make(chan struct{}, 1), ticks: make(chan struct{}, 1),
	}
	p.images = &images{key: k, options: &e.options, dirs: dirsOf(e.options.Dir, k), tools: e.tools, progress: p.progress}
	return p
}

// recall has what ran last run again when the project begins.
func (p *project) recall(last ran) { p.last, p.proven = &last, last.wanted }

// want takes the newest target. What is wanted already goes on as it is, unless it has failed.
func (p *project) want(w wanted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.target.same(w) && p.status.Phase != reconciler.PhaseFailed && p.status.Phase != reconciler.PhaseUnknown {
		p.target.Commit, p.status.Commit = w.Commit, w.Commit
		return
	}
	p.target, p.there = w, true
	p.status = reconciler.Rollout{Release: w.Release, Commit: w.Commit, Phase: reconciler.PhaseProgressing}
	signal(p.news)
}

// signal wakes whoever waits, once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// rollout is how far it is; there is false when nothing of it is left.
func (p *project) rollout() (rollout reconciler.Rollout, there bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rollout = p.status
	if rollout.Phase == reconciler.PhaseHealthy {
		p.degrade(&rollout)
	}
	return rollout, p.there
}

// crashLoop is how often in a row a process that was ready once has to end until it counts as failed. It is started again all
// the same.
const crashLoop = 5

// degrade says that a service of a release that was healthy does not answer any more.
func (p *project) degrade(rollout *reconciler.Rollout) {
	for _, s := range p.services {
		down := slices.DeleteFunc(slices.Clone(p.live), func(r *replica) bool { return r.service.name != s.name })
		if len(down) == 0 || slices.ContainsFunc(down, func(r *replica) bool { return p.well(r.look()) }) {
			continue
		}
		state := down[0].look()
		rollout.Phase, rollout.Cause = reconciler.PhaseProgressing, named(s, errors.New(state.why)).Error()
		if state.ends >= crashLoop {
			rollout.Phase, rollout.Lapsed, rollout.Log = reconciler.PhaseFailed, true, down[0].tail.Text()
			rollout.Cause = named(s, fmt.Errorf("%w, again and again", state.last)).Error()
		}
		return
	}
}

// well says that a replica answers. One that ended again and again has to do so for a while: else it would be well between any two
// of its ends.
func (p *project) well(s state) bool {
	return s.address != "" && (s.ends < crashLoop || p.options.Clock().Sub(s.up) > p.options.Times.MaxBackoff)
}

// run takes the project to what is wanted until the context ends, and then stops it.
func (p *project) run(ctx context.Context) {
	defer p.end()
	p.runLast(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.news:
		}
		p.mu.Lock()
		w := p.target
		p.mu.Unlock()
		rolling, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.roll(ctx, rolling, w)
		}()
		select {
		case <-done:
		case <-p.news: // it is for something else now
			signal(p.news)
			cancel()
			<-done
		}
		cancel()
	}
}

// end waits for what the end of the context ends.
func (p *project) end() {
	p.mu.Lock()
	live, log := p.live, p.log
	p.mu.Unlock()
	stopAll(live)
	p.retiring.Wait()
	if log != nil {
		if err := errors.Join(log.Err(), log.Close()); err != nil {
			p.options.Log.Warn("what an app printed is not all in its log", "project", p.key.String(), "error", err)
		}
	}
}

// roll takes the project to a target. What is started runs on as long as life lasts.
func (p *project) roll(life, ctx context.Context, w wanted) {
	var err error
	if w.Remove {
		err = p.remove(life, w)
	} else {
		err = p.rollTo(life, ctx, w)
	}
	p.conclude(ctx, w, err)
	p.route()
	p.options.Notify()
}

// conclude notes what became of a rollout, unless something else is wanted by now.
func (p *project) conclude(ctx context.Context, w wanted, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() != nil || !p.target.same(w) {
		return
	}
	var failed *rolloutError
	switch {
	case err == nil && w.Remove:
		p.there = false
	case err == nil:
		p.status.Phase, p.status.Cause, p.status.Log = reconciler.PhaseHealthy, "", ""
		p.proven = w
	default:
		var gone *goneError
		p.status.Phase, p.status.Cause, p.status.Gone = reconciler.PhaseFailed, err.Error(), errors.As(err, &gone)
		p.status.Lapsed = p.proven.same(w)
		if errors.As(err, &failed) {
			p.status.Log = failed.log
		}
		p.options.Log.Warn("a rollout failed", "project", p.key.String(), "rollout", w.Release, "error", err)
	}
}

// progress says what a rollout waits for.
func (p *project) progress(cause string) {
	p.mu.Lock()
	if p.status.Phase == reconciler.PhaseProgressing {
		p.status.Cause = cause
	}
	p.mu.Unlock()
	p.route()
}

// changed is called by replicas whose state has changed.
func (p *project) changed() {
	p.route()
	signal(p.ticks)
}

// route tells the router who answers now.
func (p *project) route() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.services {
		site := router.Site{Project: p.key, Service: s.name}
		for _, r := range p.live {
			if r.service.name != s.name {
				continue
			}
			state := r.look()
			if state.address != "" {
				site.Addresses = append(site.Addresses, state.address)
			}
			if site.Since.IsZero() || state.since.After(site.Since) {
				site.Since = state.since
			}
			site.Unavailable = cmp.Or(site.Unavailable, state.why)
		}
		if len(p.live) == 0 {
			site.Unavailable = p.idle()
		}
		site.Unavailable = cmp.Or(site.Unavailable, "none of it is to run (replicas: 0)")
		for _, at := range p.addresses.of(s) {
			at.hosts.set(at.host, p.key, site)
		}
	}
}

// idle says why nothing is live.
func (p *project) idle() string {
	switch p.status.Phase {
	case reconciler.PhaseProgressing:
		return p.status.Release + " is starting: " + cmp.Or(p.status.Cause, "it is next")
	case reconciler.PhaseFailed:
		return p.status.Release + " does not run: " + p.status.Cause
	}
	return ""
}

// remove stops the project and removes what is kept of it.
func (p *project) remove(ctx context.Context, w wanted) error {
	p.mu.Lock()
	live, services, log := p.live, p.services, p.log
	p.live, p.services, p.log = nil, nil, nil
	p.mu.Unlock()
	p.addresses.release(p.addresses.all(services))
	stopAll(live)
	p.retiring.Wait()
	if log != nil {
		_ = log.Close() // it is removed below
	}
	if err := p.images.removeOthers(ctx); err != nil {
		return err
	}
	if !w.KeepData {
		return p.images.removeData(ctx)
	}
	return removeAll(p.images.dirs.images, p.images.dirs.processes, p.images.dirs.last, p.images.dirs.log, applog.Previous(p.images.dirs.log))
}

// runLast runs again what ran before this process, as far as it is on the disk still.
func (p *project) runLast(ctx context.Context) {
	if p.last == nil {
		return
	}
	w := *p.last
	p.last = nil
	services, err := readServices(w.Target)
	if err == nil {
		err = p.openLog()
	}
	launchers := map[string]launcher{}
	for _, s := range services {
		if err == nil {
			launchers[s.name], err = p.images.onDisk(ctx, s)
		}
	}
	if err == nil {
		_, err = p.addresses.claim(services)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.options.Log.Warn("what ran last does not run again by itself", "project", p.key.String(), "error", err)
		}
		return
	}
	var live []*replica
	for _, s := range services {
		for n := range w.replicas(s) {
			live = append(live, p.newReplica(s, launchers[s.name], w.Release, n+1))
		}
	}
	p.mu.Lock()
	p.live, p.services = live, services
	p.mu.Unlock()
	for _, r := range live {
		r.start(ctx)
	}
}

// openLog opens the project's log, and makes its folders.
func (p *project) openLog() error {
	if err := makeDirs(p.images.dirs.images, p.images.dirs.processes); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log != nil {
		return nil
	}
	log, err := applog.Open(p.images.dirs.log, cmp.Or(p.options.LogLimit, applog.DefaultLimit), p.options.Clock)
	p.log = log
	return err
}

func removeAll(paths ...string) error {
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing what is kept of a project: %w", err)
		}
	}
	return nil
}

// stopAll stops replicas side by side.
func stopAll(replicas []*replica) {
	var stopping sync.WaitGroup
	for _, r := range replicas {
		stopping.Go(r.stop)
	}
	stopping.Wait()
}

// dirs are the folders of one project, and files in them.
type dirs struct {
	root, images, processes, last, log, data string
}

// Names in a project's folder.
const (
	imagesDir    = "images"
	processesDir = "processes"
	lastFile     = "last.json"
	logFile      = "log"
)

func dirsOf(dir string, k manifest.Key) dirs {
	root := filepath.Join(dir, k.Workspace, k.Project)
	return dirs{
		root: root, images: filepath.Join(root, imagesDir), processes: filepath.Join(root, processesDir),
		last: filepath.Join(root, lastFile), log: filepath.Join(root, logFile), data: filepath.Join(root, "data"),
	}
}

// image is the folder of an unpacked image.
func (d dirs) image(digest string) string {
	return filepath.Join(d.images, filepath.Base(digest))
}
