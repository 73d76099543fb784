package worker

import (
	"context"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// Tick is what is due.
type Tick struct {
	// Config and GitOps say which repository to fetch.
	Config, GitOps bool
	// Everything says to look at everything again.
	Everything bool
}

// TickOptions of Ticks.
type TickOptions struct {
	// Poll is how often both repositories are fetched without a hint; 0 for never.
	Poll time.Duration
	// Resync is when everything is looked at again; nil for never.
	Resync cron.Schedule
	Clock  func() time.Time
	Jitter func(time.Duration) time.Duration
	// Due takes what is due. It must not block.
	Due func(Tick)
}

// Ticks turns time into work: what hints do not tell, or never told, is found by looking. A repository of which hints
// come is looked at less often.
type Ticks struct {
	options TickOptions

	mu             sync.Mutex
	config, gitops polled
}

// polled is a repository: when the last hint about it came, and when it was last due.
type polled struct{ hinted, asked time.Time }

// NewTicks returns Ticks that do nothing until Run.
func NewTicks(o TickOptions) *Ticks { return &Ticks{options: o} }

// Hinted says about which repositories a hint came.
func (t *Ticks) Hinted(config, gitops bool) {
	now := t.options.Clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if config {
		t.config.hinted = now
	}
	if gitops {
		t.gitops.hinted = now
	}
}

// Run says what is due until the context ends.
func (t *Ticks) Run(ctx context.Context) error {
	o := t.options
	var poll, resync <-chan time.Time
	if o.Poll > 0 {
		ticker := time.NewTicker(o.Poll)
		defer ticker.Stop()
		poll = ticker.C
	}
	for {
		if o.Resync != nil && resync == nil {
			now := o.Clock()
			wait := o.Resync.Next(now).Sub(now)
			resync = time.After(wait + o.Jitter(wait/4))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll:
			if due := t.poll(); due != (Tick{}) {
				o.Due(due)
			}
		case <-resync:
			resync = nil
			o.Due(Tick{Config: true, GitOps: true, Everything: true})
		}
	}
}

// poll says which repositories are due.
func (t *Ticks) poll() Tick {
	now := t.options.Clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	return Tick{Config: t.config.due(now), GitOps: t.gitops.due(now)}
}

// due says that a repository is to be looked at, and counts it as looked at. Shortly after a hint that is so at each tick, as
// a server may tell of a push before it shows it to those who fetch.
func (p *polled) due(now time.Time) bool {
	hinted := now.Sub(p.hinted)
	if hinted >= hintsLead && hinted < hintsCount && now.Sub(p.asked) < slowestPoll {
		return false
	}
	p.asked = now
	return true
}
