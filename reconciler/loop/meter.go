package loop

import (
	"time"
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
	// Oldest is when the loop first saw the change that waits the longest for its end; zero when none does.
	Oldest time.Time
}

// unmetered is the Meter of those who count nothing.
type unmetered struct{}

func (unmetered) Passed(Pass)          {}
func (unmetered) Pushed(string, error) {}
