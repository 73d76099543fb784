package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/logline"
)

// Bounds of what is read of what people were told.
const (
	// toldTimeout is how long it may take, and toldAgain after how long it is read again after an error.
	toldTimeout, toldAgain = 5 * time.Second, 30 * time.Second
)

// past are the runs that ended before this process began. What people were told of them is read once: what comes later the Recorder knows.
type past struct {
	options *Options

	mu    sync.Mutex
	read  bool
	again time.Time
	told  map[string][]Run
}

// runs are those of a project that Git knows of.
func (p *past) runs(ctx context.Context, key manifest.Key) ([]Run, error) {
	runs, err := p.options.History.runs(key)
	if err != nil {
		return nil, err
	}
	for _, run := range p.toldOf(ctx, key) {
		i := slices.IndexFunc(runs, func(r Run) bool { return r.ID == run.ID })
		if i < 0 {
			runs = append(runs, run)
			continue
		}
		of := &runs[i] // a file says what it made, but not how it went
		of.StartedAt, of.EndedAt, of.Stages, of.State, of.Text, of.LiveURL = run.StartedAt, run.EndedAt, run.Stages, run.State, run.Text, run.LiveURL
	}
	return runs, nil
}

// toldOf are the runs of a project that people were told of. When that cannot be found out, there are none.
func (p *past) toldOf(ctx context.Context, key manifest.Key) []Run {
	o := p.options
	head := o.Access.Head()
	if o.History.Told == nil || head == "" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := o.Times.Now(); !p.read && !now.Before(p.again) {
		ctx, cancel := context.WithTimeout(ctx, toldTimeout)
		defer cancel()
		said, err := o.History.Told(ctx, head)
		if err != nil {
			o.Log.Warn("what people were told of earlier runs cannot be read", "error", err)
			p.again = now.Add(toldAgain)
			return nil
		}
		p.told, p.read = runsOf(said, o.Access.Config), true
	}
	return p.told[reconciler.ContextOf(key)]
}

// runsOf are the runs that have ended, of each context as many as are kept.
func runsOf(said []reconciler.Recalled, config reconciler.Reader) map[string][]Run {
	type thread struct{ commit, context, source string }
	all := map[thread]*Run{}
	var order []thread
	for _, s := range said { // the newest commit last
		key, ok := reconciler.KeyOfContext(s.Context)
		if !ok || s.Waits {
			continue
		}
		t := thread{s.Commit, s.Context, s.Source}
		if all[t] == nil {
			cause := manifest.Cause{Kind: manifest.CauseSource, Commit: s.Source, Config: s.Commit}
			if s.Source == "" {
				cause, ok = causeOf(config, s.Commit)
			}
			if !ok {
				continue
			}
			run := ended(key, cause, reconciler.StatePending)
			run.StartedAt = s.At
			all[t], order = &run, append(order, t)
		}
		all[t].told(s.Statement)
	}
	kept := map[string][]Run{}
	for _, t := range slices.Backward(order) {
		if run := all[t]; run.Ended() && len(kept[t.context]) < maxRuns {
			kept[t.context] = append(kept[t.context], *run)
		}
	}
	return kept
}

// causeOf is what a config commit asked for, as far as the commit itself says so; false when it is a release, which asks for nothing.
func causeOf(config reconciler.Reader, hash string) (manifest.Cause, bool) {
	commit, err := config.Commit(hash)
	if err != nil || reconciler.ByPlateform(commit) && !reconciler.ForPeople(commit) {
		return manifest.Cause{}, false
	}
	cause := manifest.Cause{Kind: manifest.CauseConfig, Commit: hash, Config: hash, By: commit.Author.Name}
	if slices.ContainsFunc(manifest.Trailers(commit.Message), func(t manifest.Trailer) bool { return t.Key == manifest.TrailerRetry }) {
		cause.Kind = manifest.CauseRetry
	}
	return cause, true
}

// told takes in what people were told of the run, up to its end.
func (r *Run) told(s reconciler.Statement) {
	if r.Ended() {
		return
	}
	if n := len(r.Stages); n == 0 || r.Stages[n-1].Stage != s.Stage {
		r.Stages = append(r.Stages, Stage{Stage: s.Stage, At: s.At})
	}
	r.Text = logline.Cut(s.Description, maxText)
	if !s.Terminal() {
		return
	}
	at := s.At
	r.State, r.EndedAt = s.State, &at
	if s.Build != "" {
		r.Builds = append(r.Builds, Build{ID: s.Build, Image: manifest.AppImage})
	}
	if s.State == reconciler.StateSuccess {
		r.LiveURL = s.URL
	}
}
