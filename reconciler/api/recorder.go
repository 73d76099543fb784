package api

import (
	"container/list"
	"slices"
	"sync"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/logline"
	"github.com/plateform/plateform/reconciler/words"
)

// Bounds of what is remembered of runs.
const (
	// maxRuns is how many runs of a project are kept, and shown.
	maxRuns = 60
	// maxInAll is how many are kept of all projects.
	maxInAll = 10_000
	// maxBuilds is how many builds of a run are kept, maxText how much is said of it.
	maxBuilds, maxText = 64, 2 << 10
)

// Recorder keeps the recent runs in bounded memory. It is a reconciler.Observer, and safe for use by several goroutines.
type Recorder struct {
	mu       sync.Mutex
	projects map[manifest.Key][]*record // the newest last
	// order are all runs, the one that was changed last at the end.
	order *list.List
	// version counts the changes.
	version uint64
	// watchers are told of the changes of a project.
	watchers map[manifest.Key]map[chan struct{}]bool
}

// record is what is remembered of a run. The lock of the Recorder guards it.
type record struct {
	run     Run
	key     manifest.Key
	version uint64
	// read again out of the history, it may be nothing that anybody waits for.
	doubtful bool
	place    *list.Element
}

// NewRecorder returns a Recorder that knows of no run.
func NewRecorder() *Recorder {
	return &Recorder{projects: map[manifest.Key][]*record{}, order: list.New(), watchers: map[manifest.Key]map[chan struct{}]bool{}}
}

// Observe implements reconciler.Observer.
func (r *Recorder) Observe(e reconciler.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range e.Runs {
		if known := r.known(e, run); known != nil {
			known.take(e, run)
			r.changed(known)
		}
	}
}

// known is what is remembered of the run of an event; nil when the event is of no interest.
func (r *Recorder) known(e reconciler.Event, run *reconciler.Run) *record {
	for _, known := range r.projects[run.Project] {
		if known.run.ID == run.ID {
			later := e.Kind == reconciler.EventReported && run.Verdict != nil && known.run.EndedAt != nil && run.Verdict.At.After(*known.run.EndedAt)
			if known.run.Ended() && e.Kind != reconciler.EventStarted && !later {
				return nil // what becomes of its release later is no part of it, unless it was said to have failed
			}
			return known
		}
	}
	if e.Kind == reconciler.EventRollout || e.Kind == reconciler.EventWritten {
		return nil // an earlier process answered the run
	}
	known := &record{key: run.Project, run: Run{
		ID: run.ID, Workspace: run.Project.Workspace, Project: run.Project.Project, Cause: run.Cause, StartedAt: run.StartedAt,
		State: reconciler.StatePending, Stages: []Stage{}, Builds: []Build{},
	}}
	known.place = r.order.PushBack(known)
	r.projects[run.Project] = append(r.projects[run.Project], known)
	r.bound(run.Project)
	return known
}

// take brings the record to what an event says.
func (k *record) take(e reconciler.Event, run *reconciler.Run) {
	k.doubtful = e.Kind == reconciler.EventStarted && e.Replayed
	switch e.Kind {
	case reconciler.EventStarted:
		k.run.Cause, k.run.StartedAt, k.run.EndedAt, k.run.State = run.Cause, run.StartedAt, nil, reconciler.StatePending
		if k.run.Stages = []Stage{}; !run.StartedAt.IsZero() {
			k.run.Stages = append(k.run.Stages, Stage{Stage: reconciler.StageQueued, At: run.StartedAt})
		}
	case reconciler.EventBuildStarted:
		k.build(Build{ID: e.Build.ID, Image: e.Build.Image, What: e.Build.What(), NoLog: e.Build.Reference != ""})
	case reconciler.EventBuildEnded:
		k.build(Build{ID: e.Build.ID, Image: e.Build.Image, What: e.Build.What(), URL: e.Status.URL, NoLog: e.Build.Reference != ""})
	case reconciler.EventReleased, reconciler.EventWritten:
		k.run.Release = e.Release
	case reconciler.EventReported:
		k.reported(*e.Report, run)
	}
}

// build notes a build.
func (k *record) build(b Build) {
	for i, known := range k.run.Builds {
		if known.ID == b.ID {
			k.run.Builds[i] = b
			return
		}
	}
	if len(k.run.Builds) < maxBuilds {
		k.run.Builds = append(k.run.Builds, b)
	}
}

// reported takes in how far the run is.
func (k *record) reported(report reconciler.Report, run *reconciler.Run) {
	k.run.Stages = k.run.Stages[:0:0]
	if len(run.Stages) > 0 && run.Stages[0].Stage != reconciler.StageQueued && !run.StartedAt.IsZero() {
		k.run.Stages = append(k.run.Stages, Stage{Stage: reconciler.StageQueued, At: run.StartedAt}) // it is so until something else is said
	}
	for _, s := range run.Stages {
		k.run.Stages = append(k.run.Stages, Stage{Stage: s.Stage, At: s.At})
	}
	k.run.Text = logline.Cut(words.Statement(report).Description, maxText)
	if report.LiveURL != "" {
		k.run.LiveURL = report.LiveURL
	}
	if report.Release.Version != "" {
		k.run.Release = report.Release.Version
	}
	if v := run.Verdict; v != nil {
		at := v.At
		k.run.State, k.run.EndedAt = v.State, &at
	}
}

// changed tells whoever watches the project.
func (r *Recorder) changed(k *record) {
	r.version++
	k.version = r.version
	r.order.MoveToBack(k.place)
	for watcher := range r.watchers[k.key] {
		wake(watcher)
	}
}

// wake tells a goroutine to look again, unless it was told already.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// bound forgets what there is no room for: of a project what has ended first.
func (r *Recorder) bound(key manifest.Key) {
	all := r.projects[key]
	if len(all) > maxRuns {
		over := slices.IndexFunc(all[:len(all)-1], func(k *record) bool { return k.run.Ended() || k.doubtful })
		r.forget(all[max(over, 0)])
	}
	if r.order.Len() > maxInAll {
		if oldest, ok := r.order.Front().Value.(*record); ok {
			r.forget(oldest)
		}
	}
}

func (r *Recorder) forget(k *record) {
	r.order.Remove(k.place)
	rest := slices.DeleteFunc(r.projects[k.key], func(other *record) bool { return other == k })
	if r.projects[k.key] = rest; len(rest) == 0 {
		delete(r.projects, k.key)
	}
}

// watch has a channel told of each change of a project until done is called.
func (r *Recorder) watch(key manifest.Key, c chan struct{}) (done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watchers[key] == nil {
		r.watchers[key] = map[chan struct{}]bool{}
	}
	r.watchers[key][c] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if delete(r.watchers[key], c); len(r.watchers[key]) == 0 {
			delete(r.watchers, key)
		}
	}
}

// since are the runs of a project that changed after a version, the one that began last at the end, and the version they are at.
func (r *Recorder) since(key manifest.Key, version uint64) ([]Run, uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var runs []Run
	for _, k := range r.projects[key] {
		if k.version > version && !k.doubtful {
			runs = append(runs, k.run.clone())
		}
	}
	return runs, r.version
}

// run is one run of a project, and the version it is at.
func (r *Recorder) run(key manifest.Key, id string) (Run, uint64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.projects[key] {
		if k.run.ID == id {
			return k.run.clone(), k.version, true
		}
	}
	return Run{}, 0, false
}
