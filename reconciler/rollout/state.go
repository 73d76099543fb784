package rollout

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/plateform/plateform/reconciler"
)

// Wanted is a target, and the GitOps commit it was wanted with.
type Wanted struct {
	reconciler.Target
	Commit string
}

// Same says that what is wanted is what was wanted before. The commit is none of it: plateform-gitops moves with every project.
func (w Wanted) Same(o Wanted) bool {
	return w.Release == o.Release && w.Namespace == o.Namespace && w.Remove == o.Remove && w.KeepData == o.KeepData && w.Chart == o.Chart &&
		w.URL == o.URL && bytes.Equal(w.Values, o.Values) && w.Owner == o.Owner && slices.Equal(w.Secrets, o.Secrets)
}

// Options of a State.
type Options struct {
	// Notify is called when there is something new to say of the rollout.
	Notify func()
	Clock  func() time.Time
	Log    *slog.Logger
}

// State is what is wanted of one project, and how far that is. It is safe for use by several goroutines.
type State struct {
	options Options
	// news says that something else is wanted, or that something changed in the cluster.
	news chan struct{}

	mu     sync.Mutex
	target Wanted
	status reconciler.Rollout
	// fresh says that the target was wanted since it was last taken, and retry that it had failed then.
	fresh, retry bool
	// there is false when nothing of it is left.
	there bool
}

// New returns the state of a project that nothing is wanted of yet.
func New(o Options) *State { return &State{options: o, news: make(chan struct{}, 1)} }

// Want takes the newest target. What is wanted already goes on as it is, unless it has failed.
func (s *State) Want(w Wanted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	same, failed := s.target.Same(w), s.status.Phase == reconciler.PhaseFailed
	if same && !failed && s.status.Phase != reconciler.PhaseUnknown {
		s.target.Commit, s.status.Commit = w.Commit, w.Commit
		return
	}
	s.retry = failed && same
	s.target, s.there, s.fresh = w, true, true
	s.status = reconciler.Rollout{Release: w.Release, Commit: w.Commit, Phase: reconciler.PhaseProgressing}
	s.Wake()
}

// Wake has the project take a turn soon.
func (s *State) Wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// Rollout is how far it is; there is false when nothing of it is left.
func (s *State) Rollout() (rollout reconciler.Rollout, there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status, s.there
}

// Namespace is where it runs; empty when nothing of it is wanted.
func (s *State) Namespace() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.there {
		return ""
	}
	return s.target.Namespace
}

// Turn is what a turn is about.
type Turn struct {
	Wanted
	// Fresh says that it was wanted since the turn before, and Retry that it had failed then.
	Fresh, Retry bool
	// There is false when nothing of the project is left.
	There bool
}

// Take begins a turn.
func (s *State) Take() Turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	turn := Turn{Wanted: s.target, Fresh: s.fresh, Retry: s.retry, There: s.there}
	s.fresh, s.retry = false, false
	return turn
}

// Conclude changes what is said of the rollout, unless something else is wanted by now.
func (s *State) Conclude(w Wanted, change func(*reconciler.Rollout)) {
	s.conclude(w, func() { change(&s.status) })
}

// Gone says that nothing of the project is left, unless something else is wanted by now.
func (s *State) Gone(w Wanted) { s.conclude(w, func() { s.there = false }) }

func (s *State) conclude(w Wanted, change func()) {
	s.mu.Lock()
	before, was := s.status, s.there
	if s.target.Same(w) && !s.fresh {
		change()
	}
	changed := was != s.there || before.Phase != s.status.Phase || before.Cause != s.status.Cause || before.Reach != s.status.Reach || before.Drift != s.status.Drift
	after := s.status
	s.mu.Unlock()
	if !changed {
		return
	}
	if after.Phase == reconciler.PhaseFailed && before.Phase != after.Phase {
		s.options.Log.Warn("a rollout failed", "project", w.Key.String(), "rollout", w.Release, "error", after.Cause)
	}
	s.options.Notify()
}

// Turner is a project as its engine has it. Both methods are called by Run alone, one after the other.
type Turner interface {
	// Turn brings the project nearer to what is wanted, once, and says when to come again if nothing tells of it before.
	Turn(ctx context.Context) (again time.Duration)
	// Refused says that what is wanted was not taken in the turn before.
	Refused() bool
}

// Run takes turns until the context ends. What is not taken is tried again after its wait, whatever happens meanwhile, unless
// something else is wanted.
func (s *State) Run(ctx context.Context, p Turner) {
	due := s.options.Clock()
	for {
		timer := time.NewTimer(due.Sub(s.options.Clock()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.news:
			timer.Stop()
			if p.Refused() && !s.isFresh() {
				continue
			}
		case <-timer.C:
		}
		due = s.options.Clock().Add(p.Turn(ctx))
	}
}

// isFresh says that something else is wanted than was tried.
func (s *State) isFresh() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fresh
}
