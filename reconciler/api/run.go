package api

import (
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Run is a run as people are told of it.
type Run struct {
	// ID is derived from the project and the commits that asked, so that it is the same after a restart.
	ID        string `json:"id"`
	Workspace string `json:"workspace"`
	Project   string `json:"project"`
	// Cause is who asked, with what.
	Cause manifest.Cause `json:"cause"`
	// StartedAt is when this process saw the commit.
	StartedAt time.Time `json:"startedAt"`
	// Stages that were entered, in order; the last one is how far it is.
	Stages []Stage `json:"stages"`
	// State is pending until the run has ended.
	State reconciler.State `json:"state"`
	// Text says in a few words how things are.
	Text string `json:"text,omitempty"`
	// Builds that were started for it, or found.
	Builds []Build `json:"builds"`
	// Release that it made or brought, and LiveURL where the project answers.
	Release string `json:"release,omitempty"`
	LiveURL string `json:"liveURL,omitempty"`
	// EndedAt is when it ended; nil while it goes on.
	EndedAt *time.Time `json:"endedAt,omitempty"`
}

// Stage says when a stage was entered.
type Stage struct {
	Stage reconciler.Stage `json:"stage"`
	At    time.Time        `json:"at"`
}

// Build is one of a run.
type Build struct {
	ID string `json:"id"`
	// Image is the name of the image that it makes: app, or the name of a service.
	Image string `json:"image"`
	// What it makes, in a few words.
	What string `json:"what,omitempty"`
	// URL of the build at who builds it; empty when it has none.
	URL string `json:"url,omitempty"`
	// NoLog says that nothing is built: an image that is there is looked up.
	NoLog bool `json:"noLog,omitempty"`
}

// Ended says that nothing more comes of the run.
func (r Run) Ended() bool { return r.EndedAt != nil }

// Stage is how far the run is.
func (r Run) Stage() reconciler.Stage {
	if len(r.Stages) == 0 {
		return reconciler.StageQueued
	}
	return r.Stages[len(r.Stages)-1].Stage
}

func (r Run) clone() Run {
	r.Stages, r.Builds = slices.Clone(r.Stages), slices.Clone(r.Builds)
	return r
}

// FrameType says what a frame is.
type FrameType string

// The types of frames.
const (
	// FrameRun: Run is how a run is now. It comes first, and whenever something of it is new.
	FrameRun FrameType = "run"
	// FrameStage: the run has entered Stage.
	FrameStage FrameType = "stage"
	// FrameLog: Lines of the log of Build.
	FrameLog FrameType = "log"
	// FrameAnew: the log of Build begins anew, as it is made again.
	FrameAnew FrameType = "anew"
	// FrameNote: Text is to be known of the stream itself: a log that cannot be read now, say.
	FrameNote FrameType = "note"
	// FrameEnd: Run has ended, and everything was said.
	FrameEnd FrameType = "end"
	// FrameBye: the stream ends before the run, for the reason in Text; Again says to come back with the offset.
	FrameBye FrameType = "bye"
	// FrameAlive: nothing happened, and the stream is still there.
	FrameAlive FrameType = "alive"
)

// Frame is one message of a stream.
type Frame struct {
	Type FrameType `json:"type"`
	// Offset behind this frame: a stream that is asked for from there goes on with what comes next.
	Offset string `json:"offset,omitempty"`
	Run    *Run   `json:"run,omitempty"`
	Stage  *Stage `json:"stage,omitempty"`
	// Build is the ID of the build, and Image what it makes.
	Build string   `json:"build,omitempty"`
	Image string   `json:"image,omitempty"`
	Lines []string `json:"lines,omitempty"`
	Text  string   `json:"text,omitempty"`
	Again bool     `json:"again,omitempty"`
}
