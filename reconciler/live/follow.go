package live

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/plateform/plateform/reconciler"
)

// Pace says how often a project is asked. What is zero has the default that is named.
type Pace struct {
	// First is the wait after an answer that was none, 500 ms, doubled at each further one up to Last, 15 s.
	First, Last time.Duration
	// Settled is the time between two looks at a project that answers and lacks nothing; 5 min. While it lacks something it is Last.
	Settled time.Duration
	// Doubt is how long a project is waited for that cannot be asked from here; 10 s. It counts as healthy then, and that is said.
	Doubt time.Duration
}

func (p Pace) withDefaults() Pace {
	p.First, p.Last = cmp.Or(p.First, 500*time.Millisecond), cmp.Or(p.Last, 15*time.Second)
	p.Settled, p.Doubt = cmp.Or(p.Settled, 5*time.Minute), cmp.Or(p.Doubt, 10*time.Second)
	return p
}

// Follower asks one project again and again, beside whoever wants to know.
type Follower struct {
	Options Options
	Pace    Pace
	Clock   func() time.Time
	// Changed is called when there is something new to say.
	Changed func()

	asking sync.WaitGroup

	mu sync.Mutex
	// about is what is asked, and since when; reach is the last answer.
	about Question
	since time.Time
	reach reconciler.Reach
	// proven says that it counted as healthy.
	proven bool
	busy   bool
	tries  int
	due    time.Time
	stop   context.CancelFunc
}

// Look says how a project is that is well as far as its pods go: healthy once it answers at its URL. A project that was live stays
// healthy; what is missing then is told. again is when to look once more, should Changed not be called before.
func (f *Follower) Look(ctx context.Context, q Question) (reach reconciler.Reach, phase reconciler.Phase, again time.Duration) {
	pace, now := f.Pace.withDefaults(), f.Clock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if q.URL == "" {
		f.forget()
		return reconciler.Reach{}, reconciler.PhaseHealthy, pace.Settled
	}
	if q != f.about {
		f.forget()
		f.about, f.since, f.due = q, now, now
	}
	if !f.busy && !now.Before(f.due) {
		f.begin(ctx)
	}
	phase = reconciler.PhaseProgressing
	if f.proven || f.reach.Unasked && now.Sub(f.since) >= pace.Doubt {
		phase, f.proven = reconciler.PhaseHealthy, true
	}
	if again = f.due.Sub(now); f.busy || again <= 0 {
		again = pace.Last
	}
	return f.reach, phase, again
}

// forget begins anew. An answer that is under way is not taken. The caller holds the lock.
func (f *Follower) forget() {
	if f.stop != nil {
		f.stop()
	}
	f.about, f.reach, f.proven, f.busy, f.tries, f.stop = Question{}, reconciler.Reach{}, false, false, 0, nil
}

// begin asks once. The caller holds the lock.
func (f *Follower) begin(ctx context.Context) {
	ctx, f.stop = context.WithCancel(ctx)
	f.busy = true
	q := f.about
	f.asking.Go(func() {
		reach := f.Options.Ask(ctx, q)
		if f.take(ctx, q, reach) {
			f.Changed()
		}
	})
}

// take takes an answer, unless something else is asked by now.
func (f *Follower) take(ctx context.Context, q Question, reach reconciler.Reach) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil || q != f.about {
		return false
	}
	f.stop()
	pace := f.Pace.withDefaults()
	wait := min(pace.First<<min(f.tries, 16), pace.Last)
	if reach.Live && reach.Missing == "" {
		wait = pace.Settled
	}
	f.tries++
	f.busy, f.reach, f.proven = false, reach, f.proven || reach.Live
	f.due = f.Clock().Add(wait)
	return true
}

// Wait waits for the question that is under way; its context has to have ended.
func (f *Follower) Wait() { f.asking.Wait() }
