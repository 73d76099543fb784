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
	// Leaving is how long the pods of the release before are waited for, which an ingress controller may still lead to; 10 s.
	Leaving time.Duration
	// Doubt is how long a project is waited for that cannot be asked from here; 10 s. It counts as healthy then, and that is said.
	Doubt time.Duration
}

func (p Pace) withDefaults() Pace {
	p.First, p.Last = cmp.Or(p.First, 500*time.Millisecond), cmp.Or(p.Last, 15*time.Second)
	p.Settled, p.Doubt = cmp.Or(p.Settled, 5*time.Minute), cmp.Or(p.Doubt, 10*time.Second)
	p.Leaving = cmp.Or(p.Leaving, 10*time.Second)
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

// Look says how a project is that is well as far as its pods go: healthy once it answers at its URL, or has no pod that could. A release that
// was live stays healthy; what is missing then is told. again is when to look once more, should Changed not be called before.
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
		leaving := f.Options.leaving(ctx, q)
		reach := f.Options.Ask(ctx, q)
		if f.take(ctx, q, reach, leaving) {
			f.Changed()
		}
	})
}

// take takes an answer, unless something else is asked by now. An ingress controller keeps connections to pods that are leaving, so while
// there are such an answer says nothing of the release.
func (f *Follower) take(ctx context.Context, q Question, reach reconciler.Reach, leaving bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil || q != f.about {
		return false
	}
	f.stop()
	pace := f.Pace.withDefaults()
	now := f.Clock()
	if reach.Live && leaving && !f.proven && now.Sub(f.since) < pace.Leaving {
		f.busy, f.reach, f.due = false, reconciler.Reach{Missing: "it answers; pods of the release before are still leaving"}, now.Add(pace.First)
		return true
	}
	wait := min(pace.First<<min(f.tries, 16), pace.Last)
	if reach.Live && reach.Missing == "" || reach.Asleep {
		wait = pace.Settled
	}
	f.tries++
	f.busy, f.reach, f.proven = false, reach, f.proven || reach.Live || reach.Asleep
	f.due = now.Add(wait)
	return true
}

// Wait waits for the question that is under way; its context has to have ended.
func (f *Follower) Wait() { f.asking.Wait() }
