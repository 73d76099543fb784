package reconciler

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Stage is how far a run is. Stages only go forward.
type Stage string

// The stages in their order; failed, superseded and held end a run without its being deployed.
const (
	StageQueued         Stage = "queued"
	StageBuilding       Stage = "building"
	StageScanning       Stage = "scanning"
	StagePushing        Stage = "pushing"
	StageUpdatingGitOps Stage = "updating GitOps"
	StageSynced         Stage = "synced"
	StageDeployed       Stage = "deployed"
	StageFailed         Stage = "failed"
	StageSuperseded     Stage = "superseded"
	StageHeld           Stage = "held"
)

// order of a stage among the others. One that this version does not know comes first, so that it blocks none.
func (s Stage) order() int {
	switch s {
	case StageQueued:
		return 1
	case StageBuilding:
		return 2
	case StageScanning:
		return 3
	case StagePushing:
		return 4
	case StageUpdatingGitOps:
		return 5
	case StageSynced:
		return 6
	case StageDeployed:
		return 7
	case StageFailed, StageSuperseded, StageHeld:
		return 8
	}
	return 0
}

// State of a report, as commit statuses know it.
type State string

// The states.
const (
	StatePending State = "pending"
	StateSuccess State = "success"
	StateFailure State = "failure"
)

// Run is one attempt to bring about what a commit asks of a project, from the commit being seen to its verdict.
type Run struct {
	// ID is derived from the project and the commits that asked, so it is the same whoever works on it.
	ID      string
	Project manifest.Key
	// Cause is who asked, with what; Source is the app's commit when a push to the app asked.
	Cause  manifest.Cause
	Source string
	// StartedAt is when the commit was seen.
	StartedAt time.Time
	// Stages that were entered, in order.
	Stages []StageEntry
	// Builds are the IDs of those that were started for it, or found.
	Builds []string
	// Release that answered it; empty when none has.
	Release string
	// Verdict ends it; nil while it goes on.
	Verdict *Verdict
}

// StageEntry says when a stage was entered.
type StageEntry struct {
	Stage Stage
	At    time.Time
}

// Verdict is how a run ended.
type Verdict struct {
	State   State
	Stage   Stage
	Outcome Outcome
	At      time.Time
}

// RunID is the ID of the run of a project that a cause began.
func RunID(k manifest.Key, cause manifest.Cause) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{k.String(), cause.Config, SourceOf(cause)}, "\n")))
	return hex.EncodeToString(sum[:6])
}

// SourceOf is the app's commit of a cause that is a push to the app; empty for any other cause.
func SourceOf(c manifest.Cause) string {
	if c.Kind == manifest.CauseSource {
		return c.Commit
	}
	return ""
}

// enter notes that the run has reached a stage; entering one again, or an earlier one, changes nothing.
func (r *Run) enter(stage Stage, at time.Time) {
	if n := len(r.Stages); n > 0 && r.Stages[n-1].Stage.order() >= stage.order() {
		return
	}
	r.Stages = append(r.Stages, StageEntry{stage, at})
}

// Reopen takes its failure back: it goes on, and ends once more.
func (r *Run) Reopen() {
	r.Verdict = nil
	r.Stages = slices.DeleteFunc(r.Stages, func(s StageEntry) bool { return s.Stage == StageFailed })
}

// Take brings the run to what a report about it says. After its end it does not change any more.
func (r *Run) Take(report Report) {
	if r.Verdict != nil || report.Waits {
		return
	}
	r.enter(report.Stage, report.At)
	if report.Terminal() {
		r.Verdict = &Verdict{State: report.State, Stage: report.Stage, Outcome: report.Outcome, At: report.At}
		r.Release = report.Release.Version
	}
}
