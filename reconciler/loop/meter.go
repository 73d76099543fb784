package loop

import (
	"context"
	"fmt"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Meter takes the figures of what the loop does, as it does it. Only the loop calls it, and waits for it.
type Meter interface {
	// Passed takes one turn of the loop.
	Passed(Pass)
	// Pushed takes a push to the repository called config or gitops. The error is manifest.ErrMoved when it was refused
	// because somebody else had pushed.
	Pushed(repository string, err error)
	// Built takes a build that was asked for, and again once it is done.
	Built(request reconciler.BuildRequest, status reconciler.BuildStatus)
	// Ended takes the end of a run.
	Ended(RunEnd)
}

// Pass is one turn of the loop.
type Pass struct {
	Took time.Duration
	// Err says why it has to be made again; nil when it does not.
	Err error
	// Reports that were handed to the forge.
	Reports int
}

// RunEnd is the end of a run: somebody who asked has an answer.
type RunEnd struct {
	Cause manifest.CauseKind
	State reconciler.State
	Stage reconciler.Stage
	// Took is the time since the loop first saw the commit that asked.
	Took time.Duration
}

// Backlog is what waits.
type Backlog struct {
	// Queue counts the projects that want a decision.
	Queue int
	// Building counts the builds that were asked for and have not ended.
	Building int
	// Oldest is when the loop first saw the change that waits the longest for its end; zero when none does.
	Oldest time.Time
}

// unmetered is the Meter of those who count nothing.
type unmetered struct{}

func (unmetered) Passed(Pass)                                           {}
func (unmetered) Pushed(string, error)                                  {}
func (unmetered) Built(reconciler.BuildRequest, reconciler.BuildStatus) {}
func (unmetered) Ended(RunEnd)                                          {}

// Backlog tells what waits, as of the newest turn of the loop. It may be called from anywhere.
func (r *Reconciler) Backlog() Backlog {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.backlog
}

// turn makes a pass and gives account of it.
func (r *Reconciler) turn(ctx context.Context, hint Hint) error {
	begun := r.Clock()
	err := r.pass(ctx, hint)
	if r.state != nil {
		r.state.account()
	}
	r.Meter.Passed(Pass{Took: r.Clock().Sub(begun), Err: err, Reports: r.reported})
	r.reported = 0
	return err
}

// measure is a step that gives account of what waits before it is worked on.
func (s *state) measure(context.Context, Hint) error {
	s.account()
	return nil
}

// account keeps what waits for those who ask from other goroutines.
func (s *state) account() {
	b := Backlog{Queue: len(s.dirty)}
	for k := range s.building {
		for _, build := range s.projects[k].builds {
			if !build.Status.Done {
				b.Building++
			}
		}
	}
	for k := range s.asking {
		p := s.projects[k]
		if len(p.asks) == 0 {
			delete(s.asking, k)
		}
		for _, a := range p.asks {
			if !a.Old && (b.Oldest.IsZero() || a.since.Before(b.Oldest)) {
				b.Oldest = a.since
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlog = b
}

// push moves the branch of one of the two repositories by the edits.
func (s *state) push(ctx context.Context, to reconciler.Repository, name, base string, edits []manifest.Edit) ([]string, error) {
	commits, err := to.Push(ctx, base, edits)
	s.Meter.Pushed(name, err)
	if err != nil {
		return nil, fmt.Errorf("pushing %s to the %s repository: %w", manifest.Count(len(edits), "commit"), name, err)
	}
	s.Log.Info("pushed", "repository", name, "commits", len(commits), "head", manifest.Short(commits[len(commits)-1]), "config", manifest.Short(s.catalog.Commit))
	return commits, nil
}
