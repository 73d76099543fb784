package reconciler

import (
	"time"

	"github.com/plateform/plateform/manifest"
)

// EventKind says what happened.
type EventKind string

// What can happen to a run.
const (
	// EventStarted: a commit that asks for something was seen.
	EventStarted EventKind = "started"
	// EventBuildStarted: a build was asked for, new or found.
	EventBuildStarted EventKind = "build started"
	// EventBuildEnded: a build has an image, failed, or was stopped. One whose failure is temporary has not ended, as it is
	// started again.
	EventBuildEnded EventKind = "build ended"
	// EventReleased: the release file is in the config repository.
	EventReleased EventKind = "released"
	// EventReleaseRefused: the release that is due cannot be made.
	EventReleaseRefused EventKind = "release refused"
	// EventWritten: the values are in the GitOps repository.
	EventWritten EventKind = "written"
	// EventRollout: the engine says something new of what has to run: it is under way, is well, or fails.
	EventRollout EventKind = "rollout"
	// EventReported: there is a report about the run; when it is terminal the run has ended.
	EventReported EventKind = "reported"
)

// Event is one thing that happened. It is given out once. What it points to must not be changed, and may change later.
type Event struct {
	Kind    EventKind
	At      time.Time
	Project manifest.Key
	// Runs that it happened to; none when nobody waits any more, or for reports about the config repository itself. For a
	// rollout they are those that wait for it.
	Runs []*Run
	// Build and Status are set for builds.
	Build  *BuildRequest
	Status *BuildStatus
	// Superseded says that a build was stopped because a newer one takes its place.
	Superseded bool
	// Release that was made or written, and the commit that has it.
	Release string
	Commit  string
	// Rollout is set for EventRollout, and LiveURL is where the project answers then; empty when it has no host.
	Rollout *Rollout
	LiveURL string
	// Error says why the release was refused.
	Error string
	// Report is set for EventReported.
	Report *Report
	// Replayed says that the commit is an old one, read again out of the history.
	Replayed bool
	// Recalled says that an earlier process began the run, and may have reported the same of it.
	Recalled bool
}

// Observer takes events: a log, metrics, a stream.
type Observer interface {
	// Observe takes one event. It must not block, and must not keep what the event points to.
	Observe(e Event)
}
