package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Member is one project of a Fleet.
type Member interface {
	// State is what is wanted of it, and what is said.
	State() *State
	// Run takes turns until the context ends.
	Run(ctx context.Context)
}

// Watched is what a Fleet runs in, and what is seen of it.
type Watched interface {
	// Watch has it followed, from Start on, and changed called for each project that something changed of. It is called again after it
	// has failed.
	Watch(ctx context.Context, changed func(manifest.Key)) error
	// Start follows it until the context ends.
	Start(ctx context.Context) error
	// Synced waits until all that is there has been told.
	Synced(ctx context.Context) error
}

// FleetOptions are Options of a Fleet.
type FleetOptions struct {
	// Watched is what it runs in, and Absent says of an error why that cannot be watched yet.
	Watched Watched
	Absent  func(error) error
	// Join makes the member for a project that something is wanted of.
	Join func(manifest.Key) Member
	// Retry is the first wait until a failed Watch is tried again, doubled at each further one up to MaxRetry.
	Retry, MaxRetry time.Duration
	// Notify is called when there is something new to say.
	Notify func()
}

// Fleet are all projects of an engine: each is brought to what is wanted of it by a goroutine of its own. Want may be called before Run;
// nothing happens until then.
type Fleet struct {
	options FleetOptions
	news    chan struct{}

	mu      sync.Mutex
	members map[manifest.Key]*member
	// unreachable says why what it runs in could not be read yet.
	unreachable error
}

// member is a Member, and whether its goroutine was begun, which is for that of the fleet alone.
type member struct {
	Member
	begun bool
}

// NewFleet returns a fleet without members.
func NewFleet(o FleetOptions) *Fleet {
	return &Fleet{options: o, news: make(chan struct{}, 1), members: map[manifest.Key]*member{}}
}

// Want implements reconciler.Engine.
func (f *Fleet) Want(_ context.Context, commit string, targets []reconciler.Target) error {
	for _, t := range targets {
		f.want(Wanted{Target: t, Commit: commit})
	}
	select {
	case f.news <- struct{}{}:
	default:
	}
	return nil
}

// Rollouts implements reconciler.Engine.
func (f *Fleet) Rollouts(_ context.Context, keys []manifest.Key) (map[manifest.Key]reconciler.Rollout, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unreachable != nil {
		return nil, f.unreachable
	}
	rollouts := map[manifest.Key]reconciler.Rollout{}
	for _, k := range keys {
		if m := f.members[k]; m != nil {
			if rollout, there := m.State().Rollout(); there {
				rollouts[k] = rollout
			}
		}
	}
	return rollouts, nil
}

// NamespaceOf is where a project runs; empty when nothing of it is wanted.
func (f *Fleet) NamespaceOf(k manifest.Key) string {
	if m := f.member(k); m != nil {
		return m.State().Namespace()
	}
	return ""
}

func (f *Fleet) member(k manifest.Key) *member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.members[k]
}

// want hands a project what is wanted of it. The lock is held all the time: no project that is being forgotten gets anything.
func (f *Fleet) want(w Wanted) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.members[w.Key]
	if m == nil {
		m = &member{Member: f.options.Join(w.Key)}
		f.members[w.Key] = m
	}
	m.State().Want(w)
}

// Forget forgets a project that nothing is left of, unless something is wanted of it by now. It is called by its own goroutine, which
// ends then.
func (f *Fleet) Forget(k manifest.Key) (forgotten bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.members[k].State().Rollout(); there {
		return false
	}
	delete(f.members, k)
	return true
}

// changed wakes a project because something of it is not as it was.
func (f *Fleet) changed(k manifest.Key) {
	if m := f.member(k); m != nil {
		m.State().Wake()
	}
}

// Run brings about what is wanted until the context ends. What runs goes on then.
func (f *Fleet) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := f.connect(ctx); err != nil {
		return err
	}
	failed := make(chan error, 1)
	running.Go(func() { failed <- f.options.Watched.Start(ctx) })
	if err := f.options.Watched.Synced(ctx); err != nil {
		return err
	}
	f.reached(nil)
	for {
		f.mu.Lock()
		all := slices.Collect(maps.Values(f.members))
		f.mu.Unlock()
		for _, m := range all {
			if !m.begun {
				m.begun = true
				running.Go(func() { m.Run(ctx) })
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("watching the cluster: %w", err)
		case <-f.news:
		}
	}
}

// connect has what it runs in watched, as soon as it can be.
func (f *Fleet) connect(ctx context.Context) error {
	for wait := f.options.Retry; ; wait = min(2*wait, f.options.MaxRetry) {
		err := f.options.Watched.Watch(ctx, f.changed)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.reached(f.options.Absent(err))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// reached notes whether what it runs in can be read, and tells it when that is news.
func (f *Fleet) reached(err error) {
	f.mu.Lock()
	before := f.unreachable
	f.unreachable = err
	f.mu.Unlock()
	if (err == nil) != (before == nil) || err != nil && err.Error() != before.Error() {
		f.options.Notify()
	}
}
