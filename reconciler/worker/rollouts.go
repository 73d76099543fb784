package worker

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/queue"
)

// How rollouts are followed.
const (
	engineTimeout = time.Minute
	// pollRollouts is how often an engine is asked while something is under way, pollDrift when nothing is.
	pollRollouts = time.Second
	pollDrift    = time.Minute
	theEngine    = "engine"
)

// Rollouts hands to the engine what has to run, and follows how far it is.
type Rollouts struct {
	Common
	engine reconciler.Engine
	wants  Queue // one key
	states Queue // one key

	mu sync.Mutex
	// wanted is what was not handed to the engine yet, and commit the GitOps commit it belongs to.
	commit string
	wanted map[manifest.Key]reconciler.Target
	known  map[manifest.Key]reconciler.Rollout
	fresh  map[manifest.Key]bool
	err    error
}

// NewRollouts returns the worker.
func NewRollouts(engine reconciler.Engine, common Common) *Rollouts {
	r := &Rollouts{
		Common: common, engine: engine, wanted: map[manifest.Key]reconciler.Target{},
		known: map[manifest.Key]reconciler.Rollout{}, fresh: map[manifest.Key]bool{},
	}
	r.wants = common.Queue(queue.Options{Turn: r.hand, Timeout: engineTimeout, MaxBackoff: time.Minute})
	r.states = common.Queue(queue.Options{Turn: r.ask, Timeout: engineTimeout, MaxBackoff: time.Minute})
	return r
}

// Run works until the context ends.
func (r *Rollouts) Run(ctx context.Context) error { return runAll(ctx, r.wants.Run, r.states.Run) }

// Want says what has to run as of a GitOps commit. The newest call about a project counts.
func (r *Rollouts) Want(commit string, targets []reconciler.Target) {
	if len(targets) == 0 {
		return
	}
	r.mu.Lock()
	r.commit = commit
	for _, t := range targets {
		r.wanted[t.Key] = t
		r.known[t.Key] = reconciler.Rollout{Release: t.Release, Commit: commit, Phase: reconciler.PhaseProgressing}
		delete(r.fresh, t.Key)
	}
	r.mu.Unlock()
	r.wants.Add(theEngine)
}

// Hint has the engine asked now.
func (r *Rollouts) Hint() { r.states.Add(theEngine) }

// Take returns the projects whose rollout has news since it was last asked, in order, and why the engine does not answer.
func (r *Rollouts) Take() (news map[manifest.Key]reconciler.Rollout, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news = map[manifest.Key]reconciler.Rollout{}
	for k := range r.fresh {
		news[k] = r.known[k]
	}
	clear(r.fresh)
	return news, r.err
}

// hand is one turn at handing the engine what has to run.
func (r *Rollouts) hand(ctx context.Context, _ string) (again time.Duration, err error) {
	r.mu.Lock()
	handing, commit := maps.Clone(r.wanted), r.commit
	r.mu.Unlock()
	if len(handing) == 0 {
		return 0, nil
	}
	var targets []reconciler.Target
	for _, k := range slices.SortedFunc(maps.Keys(handing), manifest.Key.Compare) {
		targets = append(targets, handing[k])
	}
	err = r.engine.Want(ctx, commit, targets)
	r.note(err)
	if err != nil {
		return 0, fmt.Errorf("handing %d projects to the engine: %w", len(targets), err)
	}
	r.mu.Lock()
	for k, t := range handing { // what was wanted meanwhile is newer, and stays
		if now, waits := r.wanted[k]; waits && reflect.DeepEqual(now, t) {
			delete(r.wanted, k)
		}
	}
	rest := len(r.wanted) > 0
	r.mu.Unlock()
	r.states.Add(theEngine)
	if rest {
		again = time.Nanosecond
	}
	return again, nil
}

// note remembers whether the engine answers, and wakes the loop when that has changed.
func (r *Rollouts) note(err error) {
	r.mu.Lock()
	changed := (err == nil) != (r.err == nil)
	r.err = err
	r.mu.Unlock()
	if changed {
		r.Notify()
	}
}

// ask asks in one question how far all projects are.
func (r *Rollouts) ask(ctx context.Context, _ string) (again time.Duration, err error) {
	r.mu.Lock()
	keys := slices.SortedFunc(maps.Keys(r.known), manifest.Key.Compare)
	keys = slices.DeleteFunc(keys, func(k manifest.Key) bool { _, waits := r.wanted[k]; return waits })
	r.mu.Unlock()
	if len(keys) == 0 {
		return 0, nil
	}
	rollouts, err := r.engine.Rollouts(ctx, keys)
	r.note(err)
	if err != nil {
		return 0, fmt.Errorf("asking how far %d rollouts are: %w", len(keys), err)
	}
	news, progressing := r.take(keys, rollouts)
	if news {
		r.Notify()
	}
	if progressing {
		return pollRollouts + r.Jitter(pollRollouts/4), nil
	}
	return pollDrift + r.Jitter(pollDrift/4), nil
}

// take takes in what the engine said. An answer about another release than the one that is wanted is none.
func (r *Rollouts) take(keys []manifest.Key, rollouts map[manifest.Key]reconciler.Rollout) (news, progressing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		before := r.known[k]
		now, found := rollouts[k]
		_, waits := r.wanted[k]
		switch {
		case !waits && !found && before.Release == "": // it was to be removed, and is gone
			delete(r.known, k)
			continue
		case waits || !found || now.Release != before.Release:
			progressing = true
			continue
		}
		progressing = progressing || now.Phase == reconciler.PhaseProgressing || now.Phase == reconciler.PhaseUnknown
		if now.Phase != before.Phase || now.Cause != before.Cause || now.Reach != before.Reach || now.Drift != before.Drift {
			r.known[k], r.fresh[k] = now, true
			news = true
		}
	}
	return news, progressing
}
