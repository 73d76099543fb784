package loop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/backlog"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/gate"
	"github.com/plateform/plateform/reconciler/gitops"
	"github.com/plateform/plateform/reconciler/queue"
	"github.com/plateform/plateform/reconciler/worker"
)

// errReopen says that what is in memory is no base to go on from: both repositories are to be read again.
var errReopen = errors.New("both repositories are read again")

// world is what the owners share: the ports, and where the two repositories are.
type world struct {
	options *Options
	catalog *config.Catalog
	// head of the config repository. The catalog is there too, unless the head is unusable; then trouble says why.
	head    string
	trouble error
	gitops  *gitops.Tree

	projects  *projects
	deadlines queue.Deadlines[manifest.Key]
	gates     gates
}

func newWorld(o *Options, g gates) *world {
	return &world{
		options: o, gates: g, catalog: config.NewCatalog(o.Config, o.Charts), gitops: gitops.New(o.GitOps, o.Charts).DeployedBy(o.ArgoCD),
		projects: newProjects(), deadlines: queue.Deadlines[manifest.Key]{},
	}
}

// view is what the catalog says of a project; an empty view when it does not know it.
func (w *world) view(k manifest.Key) *config.View {
	if v := w.catalog.View(k); v != nil {
		return v
	}
	return &config.View{Key: k}
}

// now is the time in UTC.
func (w *world) now() time.Time { return w.options.Clock().UTC() }

// push moves the branch of one of the two repositories by the edits.
func (w *world) push(ctx context.Context, to reconciler.Repository, g *gate.Gate, base string, edits []manifest.Edit) ([]string, error) {
	begun := w.now()
	commits, err := to.Push(ctx, base, edits)
	w.options.Meter.Pushed(g.Repository, err)
	if err != nil {
		if ctx.Err() == nil && g.Failed(err, w.now(), w.options.Jitter) {
			w.options.Log.Error("a push does not get in; it is tried again", "repository", g.Repository, "error", g.Why())
		}
		g.Spare(w.now().Sub(begun), w.now())
		return nil, fmt.Errorf("pushing %s to the %s repository: %w", manifest.Count(len(edits), "commit"), g.Repository, err)
	}
	if g.Landed() {
		w.options.Log.Info("pushes get in again", "repository", g.Repository)
	}
	w.options.Log.Info("pushed", "repository", g.Repository, "commits", len(commits), "head", manifest.Short(commits[len(commits)-1]),
		"config", manifest.Short(w.catalog.Commit))
	return commits, nil
}

// session is all that the loop has in memory. It is made from the two repositories and can be made again from them at any
// time.
type session struct {
	*world
	runs     *runs
	sources  *sources
	builds   *builds
	presence *presence
	awaited  *awaited
	tags     *tags
	rollouts *rollouts
	follower *follower
	releases *releases
	writer   *writer
	recall   *recall
	// garbage is nil when nobody's images are removed; sweepDue says that they are to be.
	garbage  *worker.Garbage
	sweepDue bool
}

// newSession ties the owners together. Each knows what it needs and no more.
func newSession(r *Reconciler) *session {
	w := newWorld(&r.options, r.gates)
	s := &session{world: w, garbage: r.workers.Garbage, sweepDue: true}
	s.runs = &runs{world: w, outbox: r.workers.Outbox, observers: r.options.Observers, waiting: map[manifest.Key]bool{}, unlanded: map[manifest.Key][]numbered{}}
	s.recall = &recall{world: w, runs: s.runs, outbox: r.workers.Outbox}
	s.sources = newSources(w, s.runs, s.recall, r.workers.Sources)
	s.builds = &builds{world: w, runs: s.runs, recall: s.recall, worker: r.workers.Builds, building: map[manifest.Key]bool{}}
	r.workers.Images.DropAll()
	s.presence = &presence{world: w, worker: r.workers.Images}
	r.workers.References.Keep(nil)
	s.awaited = &awaited{world: w, recall: s.recall, worker: r.workers.References, of: map[manifest.Key]map[string]string{}}
	s.rollouts = &rollouts{world: w, runs: s.runs, worker: r.workers.Rollouts, wanted: map[manifest.Key]bool{}, failing: backlog.Failing{}}
	s.tags = &tags{world: w, worker: r.workers.Tags, of: map[manifest.Key]*releaseTags{}}
	s.follower = &follower{world: w, runs: s.runs, sources: s.sources, tags: s.tags}
	s.releases = &releases{world: w, runs: s.runs, builds: s.builds}
	s.writer = &writer{world: w, runs: s.runs, follower: s.follower, rollouts: s.rollouts}
	return s
}

// pass is one pass of the loop, as a list of steps.
func (s *session) pass(ctx context.Context, hint Hint) error {
	clear(s.projects.late)
	for _, g := range s.gates.both() {
		for _, k := range g.Begin(s.now()) {
			s.projects.touch(k)
		}
	}
	steps := []func(context.Context, Hint) error{
		s.observeConfig,
		s.observeGitOps,
		s.observeWorkers,
		s.decide,
		s.release,
		s.write,
	}
	for _, step := range steps {
		if err := step(ctx, hint); err != nil {
			return err
		}
	}
	s.conclude()
	s.sweep()
	return s.lateness()
}

// observeConfig takes in what is new in the config repository.
func (s *session) observeConfig(ctx context.Context, hint Hint) error {
	if hint.Everything {
		s.projects.touchAll()
		s.sweepDue = true
	}
	if !hint.Config {
		return nil
	}
	return s.follower.fetch(ctx)
}

// observeGitOps takes in what others did to the GitOps repository.
func (s *session) observeGitOps(ctx context.Context, hint Hint) error {
	if !hint.GitOps {
		return nil
	}
	return s.writer.fetch(ctx)
}

// observeWorkers takes in what the workers have found out, and whose time has come.
func (s *session) observeWorkers(context.Context, Hint) error {
	s.recall.observe()
	if s.recall.over {
		s.sources.observe()
	}
	s.builds.observe()
	s.presence.observe()
	s.awaited.observe()
	s.tags.observe()
	s.rollouts.observe()
	for _, k := range s.deadlines.Due(s.now()) {
		s.projects.touch(k)
	}
	return nil
}

// release makes the releases that are ready, and those that are ready after them.
func (s *session) release(ctx context.Context, hint Hint) error {
	if s.trouble != nil { // on top of a head that nobody can have meant nothing is released; it goes on once that is mended
		return nil
	}
	for range rounds {
		again, err := s.releases.push(ctx, s.follower)
		if err != nil {
			return err
		}
		if !again {
			return nil
		}
		if err := s.decide(ctx, hint); err != nil {
			return err
		}
	}
	return nil
}

// write brings GitOps to what the newest releases say.
func (s *session) write(ctx context.Context, _ Hint) error { return s.writer.push(ctx) }

// latenessError says that some projects could not be seen to the end of a pass. All others were.
type latenessError struct{ error }

func (e *latenessError) Unwrap() error { return e.error }

// lateness returns why some projects could not be seen to the end of this pass. They want another one.
func (s *session) lateness() error {
	var all error
	for _, k := range slices.SortedFunc(maps.Keys(s.projects.late), manifest.Key.Compare) {
		all = errors.Join(all, s.projects.late[k])
		s.projects.touch(k)
	}
	if all == nil {
		return nil
	}
	return &latenessError{all}
}

// wake is when the next thing is due that no worker tells of; zero for never.
func (s *session) wake() time.Time {
	next := s.deadlines.Next()
	for _, g := range s.gates.both() {
		if due := g.Due(); !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	if !s.recall.over && (next.IsZero() || s.recall.until.Before(next)) {
		return s.recall.until
	}
	return next
}

// backlog is what waits now.
func (s *session) backlog() backlog.Backlog {
	return backlog.Backlog{
		Queue: len(s.projects.dirty), Building: s.builds.count(), Oldest: s.runs.oldest(), Lost: s.sources.lost.Count(), LostProjects: s.sources.lost.First(),
		Failing: len(s.rollouts.failing), FailingProjects: s.rollouts.failing.First(),
	}
}
