// Package backlog is what is counted of the loop: how its passes go, what waits, and which projects are not well.
package backlog

import (
	"maps"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Meter takes the figures of what the loop itself does, as it does it. Only the loop calls it, and waits for it. What
// happens to runs are events, for Observers.
type Meter interface {
	// Passed takes one pass of the loop.
	Passed(Pass)
	// Pushed takes a push to the repository called config or gitops. The error is manifest.ErrMoved when it was refused
	// because somebody else had pushed.
	Pushed(repository string, err error)
}

// Pass is one pass of the loop.
type Pass struct {
	Took time.Duration
	// Err says why it has to be made again; nil when it does not.
	Err error
	// Reports that were handed to the outbox.
	Reports int
}

// Backlog is what waits.
type Backlog struct {
	// Queue counts the projects that want a decision.
	Queue int
	// Building counts the builds that were asked for and have not ended.
	Building int
	// Lost counts the projects that cannot follow one of their sources.
	Lost int
	// LostProjects are the first of them, by name.
	LostProjects []LostProject
	// Failing counts the projects of which a release was healthy, and is not any more. FailingProjects are the first of them, by name.
	Failing         int
	FailingProjects []FailingProject
	// Oldest is when the loop first saw the change that waits the longest for its end; zero when none does.
	Oldest time.Time
}

// Unmetered is the Meter of those who count nothing.
type Unmetered struct{}

// Passed implements Meter.
func (Unmetered) Passed(Pass) {}

// Pushed implements Meter.
func (Unmetered) Pushed(string, error) {}

// named is how many projects are named of those that are not well.
const named = 20

// LostProject is a project that does not follow some of its sources.
type LostProject struct {
	Key     manifest.Key
	Sources []manifest.LostSource
}

// Lost are the projects that do not follow some of their sources. The zero Lost has none.
type Lost struct {
	sources map[manifest.Key][]manifest.LostSource
	// first is what First says; nil when it has to be made anew.
	first []LostProject
}

// Keep keeps account of the sources that a project does not follow; none when it follows all.
func (l *Lost) Keep(k manifest.Key, sources []manifest.LostSource) {
	if before, was := l.sources[k]; was == (len(sources) > 0) && slices.Equal(before, sources) {
		return
	}
	l.first = nil
	if l.sources == nil {
		l.sources = map[manifest.Key][]manifest.LostSource{}
	}
	if delete(l.sources, k); len(sources) > 0 {
		l.sources[k] = sources
	}
}

// Count is how many they are.
func (l *Lost) Count() int { return len(l.sources) }

// First are the first of them, by name.
func (l *Lost) First() []LostProject {
	if l.first == nil {
		l.first = []LostProject{}
		for _, k := range first(l.sources) {
			l.first = append(l.first, LostProject{k, l.sources[k]})
		}
	}
	return l.first
}

// first are the first projects of some, by name.
func first[V any](of map[manifest.Key]V) []manifest.Key {
	keys := slices.SortedFunc(maps.Keys(of), manifest.Key.Compare)
	return keys[:min(len(keys), named)]
}

// FailingProject is a project of which a release was healthy, and is not any more.
type FailingProject struct {
	Key     manifest.Key
	Release string
	Since   time.Time
	// Cause as it was first known: that it is started again in so many seconds is no news.
	Cause string
}

// Failing are the projects of which a release was healthy, and is not any more.
type Failing map[manifest.Key]FailingProject

// Keep keeps account of how the rollout of a project is: it fails although it was healthy or its image is gone, or it is well.
func (f Failing) Keep(k manifest.Key, is reconciler.Rollout, was bool, now time.Time) {
	switch before := f[k]; {
	case is.Phase != reconciler.PhaseFailed:
		if is.Phase == reconciler.PhaseHealthy || is.Release != before.Release {
			delete(f, k)
		}
	case before.Release != is.Release && (was || is.Lapsed || is.Gone):
		f[k] = FailingProject{Key: k, Release: is.Release, Since: now, Cause: is.Cause}
	}
}

// Has says that a rollout of a project is one that fails although it was healthy.
func (f Failing) Has(k manifest.Key, is reconciler.Rollout) bool {
	return is.Phase == reconciler.PhaseFailed && f[k].Release == is.Release
}

// First are the first of them, by name.
func (f Failing) First() (failing []FailingProject) {
	for _, k := range first(f) {
		failing = append(failing, f[k])
	}
	return failing
}
