package reconciler

import (
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Outcome says what a report is about, beyond its state and stage.
type Outcome string

// The outcomes.
const (
	// OutcomeWaiting: it goes on by itself; Detail says what is waited for, if that is more than its turn.
	OutcomeWaiting Outcome = "waiting"
	// OutcomeBuildWaits: Build has not begun; Detail says what it waits for.
	OutcomeBuildWaits Outcome = "build waits"
	// OutcomeRetrying: something outside does not answer or refuses; Detail says what. It is tried again.
	OutcomeRetrying Outcome = "retrying"
	// OutcomePushRefused: a server refuses what Plateform pushes to one of its own repositories; Detail says which and why. It is
	// tried again.
	OutcomePushRefused Outcome = "push refused"
	// OutcomePushUnanswered: a server does not answer to what Plateform pushes, or is in trouble; Detail says which and how. It is
	// tried again.
	OutcomePushUnanswered Outcome = "push unanswered"
	// OutcomeBuilding: Build is under way; the stage says how far.
	OutcomeBuilding Outcome = "building"
	// OutcomeReleasing: Release is about to be committed.
	OutcomeReleasing Outcome = "releasing"
	// OutcomeRuns: Release is what has to run, and as much of it is done as the stage says.
	OutcomeRuns Outcome = "runs"
	// OutcomeUnchanged: the build came to the image of Release, which runs, so that there is nothing to release.
	OutcomeUnchanged Outcome = "unchanged"
	// OutcomeNothingRuns: all is as it has to be, and nothing runs.
	OutcomeNothingRuns Outcome = "nothing runs"
	// OutcomeRemoved: nothing of the project runs any more. OutcomeDataKept: likewise, and its volumes are still there.
	OutcomeRemoved  Outcome = "removed"
	OutcomeDataKept Outcome = "removed, data kept"
	// OutcomeBuildFailed: Build has no image, Detail says why.
	OutcomeBuildFailed Outcome = "build failed"
	// OutcomeImageRefused: an authored image cannot be used, Detail says why and where it is named. Build is the question for it.
	OutcomeImageRefused Outcome = "image refused"
	// OutcomeRolloutFailed: Release does not get healthy, Detail says why.
	OutcomeRolloutFailed Outcome = "rollout failed"
	// OutcomeFails: Release was healthy, and fails since Since; Detail says why.
	OutcomeFails Outcome = "fails"
	// OutcomeImageGone: Release does not run, as the registry does not have an image of it any more. Detail says which, and what to do.
	OutcomeImageGone Outcome = "image gone"
	// OutcomeRefused: Release must not be deployed now. OutcomeNotHonoured: its file is not what Plateform wrote.
	OutcomeRefused     Outcome = "refused"
	OutcomeNotHonoured Outcome = "not honoured"
	// OutcomeBlocked: Problems keep anything new from being released.
	OutcomeBlocked Outcome = "blocked"
	// OutcomeSourceLost: what Lost names is not followed, so that no push is released.
	OutcomeSourceLost Outcome = "source lost"
	// OutcomeHeld: what Holds name stays as it is. OutcomePaused: the project is paused.
	OutcomeHeld   Outcome = "held"
	OutcomePaused Outcome = "paused"
	// OutcomeFrozen: Release vanished with a history that was rewritten, and runs on until a retry.
	OutcomeFrozen Outcome = "frozen"
	// OutcomeSuperseded: SupersededBy takes its place.
	OutcomeSuperseded Outcome = "superseded"
	// OutcomeFilesBroken and OutcomeFilesMended are about files of the config repository: Problems are the commit's own.
	OutcomeFilesBroken Outcome = "files broken"
	OutcomeFilesMended Outcome = "files mended"
)

// Report is what people are to know about one commit of the config repository, as facts. The forge chooses the words and
// how long they are.
type Report struct {
	Subject
	State   State
	Stage   Stage
	Outcome Outcome
	Release ReleaseFacts
	Build   BuildFacts
	// LiveURL is where the project answers; empty when it has no host.
	LiveURL string
	// Detail in one line, without secrets.
	Detail string
	// Problems with file, line and column.
	Problems manifest.Problems
	// Holds that keep parts of the project as they are; with a build that failed, those on what waits because it came along.
	Holds []manifest.Hold
	// Lost are the sources that the project does not follow as things are.
	Lost []manifest.LostSource
	// SupersededBy is the commit that takes this one's place.
	SupersededBy string
	// Waits says of a failure that it goes on by itself once its cause is gone: it is not the last word.
	Waits bool
	// Since is when what it is about began; At is when it was so.
	Since, At time.Time
}

// Subject is whom a report is about.
type Subject struct {
	// Project; zero for the files of the config repository themselves.
	Project manifest.Key
	// Commit of the config repository that the report stands on.
	Commit string
	// Cause is what kind of thing asked.
	Cause manifest.CauseKind
	// Source is the app's commit, and SourceRepository the URL it is in, when a push to the app asked.
	Source           string
	SourceRepository string
	// Aside says that nobody waits for it: it stands on the commit of a release, and the same is said where somebody asked.
	Aside bool
}

// ReleaseFacts are what a report knows of a release.
type ReleaseFacts struct {
	// Version it is about, and the one before it that a rollback or failure goes back to; empty without one.
	Version string
	Before  string
	// GitOps is the commit of plateform-gitops that shows it.
	GitOps string
	// Reach says whether it answers at LiveURL, of one that is deployed.
	Reach Reach
	// TakenTags of the release are somebody else's: its images go without them.
	TakenTags []TagTakenError
	// Reused says that nothing was built for it, because the same source had been built in the workspace before.
	Reused bool
}

// BuildFacts are what a report knows of a build.
type BuildFacts struct {
	ID string
	// Also are the IDs of the builds that failed with it.
	Also []string
	// What it makes, in a few words.
	What string
	// URL of the build for people; empty when there is none.
	URL string
	// LogTail is the last lines of its log. It is for members of the project only, and never written where everybody who
	// reads the repository can read it.
	LogTail string
}

// Context is the name that commit statuses have for what the report is about.
func (r Report) Context() string {
	if r.Project == (manifest.Key{}) {
		return ConfigContext
	}
	return ContextOf(r.Project)
}

// Why says in one line what came out, for logs.
func (r Report) Why() string {
	words := string(r.Outcome)
	if r.Release.Version != "" {
		words = r.Release.Version + " " + words
	}
	detail := r.Detail
	switch {
	case detail != "":
	case len(r.Problems) > 0:
		detail = r.Problems[0].String()
	case len(r.Lost) > 0:
		detail = r.Lost[0].What
	}
	if detail != "" {
		words += ": " + detail
	}
	line, _, _ := strings.Cut(words, "\n")
	return line
}

// Terminal says that the report ends a run.
func (r Report) Terminal() bool { return r.State != StatePending && !r.Waits }

// Statement is a report in the words of a forge: what a commit says.
type Statement struct {
	// Context: plateform/<ws>/<project>, or plateform/config.
	Context string `json:"context"`
	State   State  `json:"state"`
	Stage   Stage  `json:"stage"`
	// Description in a line or a few.
	Description string `json:"description"`
	// URL to look at; empty when there is none.
	URL string `json:"url,omitempty"`
	// Source is the app's commit, for a run that a push to the app caused.
	Source string `json:"source,omitempty"`
	// Build is the ID of the build that failed, for a failure that is one of a build.
	Build string `json:"build,omitempty"`
	// AlsoFailed are the IDs of the builds that failed with it, between spaces.
	AlsoFailed string `json:"alsoFailed,omitempty"`
	// Unchanged are the IDs of the builds that came to what runs, between spaces, where there was nothing to release.
	Unchanged string `json:"unchanged,omitempty"`
	// Waits says of a failure that it goes on by itself: another word follows once its cause is gone.
	Waits bool `json:"waits,omitempty"`
	// Fails is a release that GitOps shows and that is not healthy.
	Fails string `json:"fails,omitempty"`
	// Idle says that it is no news of a stage, but why a build waits for its turn: it is not worth a request of its own.
	Idle bool `json:"idle,omitempty"`
	// At is when it was so.
	At time.Time `json:"at"`
}

// Idle says that the report is why a build has not begun, and no news beyond that.
func (r Report) Idle() bool { return r.Outcome == OutcomeBuildWaits }

// Terminal says that the statement ends a run.
func (s Statement) Terminal() bool { return s.State != StatePending && !s.Waits }

// FailedBuild is the ID of the build that failed, for a report of a failed build, or of an image that cannot be used; empty for any
// other report.
func (r Report) FailedBuild() string {
	if r.Outcome != OutcomeBuildFailed && r.Outcome != OutcomeImageRefused {
		return ""
	}
	return r.Build.ID
}

// FailedWithIt are the IDs of the builds that failed together with the one of FailedBuild, between spaces.
func (r Report) FailedWithIt() string {
	if r.FailedBuild() == "" {
		return ""
	}
	return strings.Join(r.Build.Also, " ")
}

// FailingRelease is the release, for a report that it is not healthy and will not be as it is; empty for any other report. One that
// has only had its time may get healthy yet: no Since is known of it.
func (r Report) FailingRelease() string {
	rollout := r.Outcome == OutcomeFails || r.Outcome == OutcomeRolloutFailed || r.Outcome == OutcomeImageGone
	if !rollout || r.State != StateFailure || r.Since.IsZero() {
		return ""
	}
	return r.Release.Version
}

// UnchangedBuilds are the IDs of the builds, for a report that they came to what runs; empty for any other report.
func (r Report) UnchangedBuilds() string {
	if r.Outcome != OutcomeUnchanged {
		return ""
	}
	return r.Build.ID
}

// ContextOf is the name of a project's reports.
func ContextOf(k manifest.Key) string { return "plateform/" + k.String() }

// RolloutFailed is how the report on a rollout that failed begins: status looks for it in the notes.
func RolloutFailed(version string) string { return rolloutOf + version + " failed: " }

const rolloutOf = "the rollout of "

// tellsOfAFailedRollout says that the statement is that a release was not brought to run.
func (s Statement) tellsOfAFailedRollout() bool {
	return s.Fails != "" || strings.HasPrefix(s.Description, rolloutOf)
}

// NothingNew is how the report begins on a release that cannot be made as things are: status looks for it in the notes.
const NothingNew = "nothing new is released: "

// KeyOfContext is the project that reports of a name are about; false when they are about none.
func KeyOfContext(context string) (manifest.Key, bool) {
	workspace, project, ok := strings.Cut(strings.TrimPrefix(context, "plateform/"), "/")
	return manifest.Key{Workspace: workspace, Project: project}, ok
}

// ConfigContext is the name of the reports about the config repository itself.
const ConfigContext = "plateform/config"
