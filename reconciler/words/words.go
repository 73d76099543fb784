// Package words puts reports into words, the same ones for every forge: what is going on, where, and what to do next. How
// much of them a forge shows is its own affair.
package words

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// urlOf is the page to look at: the build while it runs and when it failed, the project once all is well.
func urlOf(r reconciler.Report) string {
	switch {
	case r.Outcome == reconciler.OutcomeBuilding || r.Outcome == reconciler.OutcomeBuildFailed:
		return r.Build.URL
	case r.State == reconciler.StateSuccess && r.Outcome != reconciler.OutcomeSuperseded:
		return r.LiveURL
	}
	return ""
}

// Of says what is going on, where, and what to do next.
func Of(r reconciler.Report) string {
	switch r.Outcome {
	case reconciler.OutcomeWaiting, reconciler.OutcomeBuildWaits, reconciler.OutcomeRetrying, reconciler.OutcomePushRefused, reconciler.OutcomePushUnanswered, reconciler.OutcomeBuilding, reconciler.OutcomeReleasing:
		return underWay(r)
	case reconciler.OutcomeRuns, reconciler.OutcomeUnchanged, reconciler.OutcomeNothingRuns, reconciler.OutcomeRemoved, reconciler.OutcomeDataKept:
		return asItHasToBe(r)
	case reconciler.OutcomeBuildFailed, reconciler.OutcomeImageRefused, reconciler.OutcomeRolloutFailed, reconciler.OutcomeImageGone, reconciler.OutcomeFails:
		return failed(r)
	case reconciler.OutcomeRefused, reconciler.OutcomeNotHonoured, reconciler.OutcomeBlocked, reconciler.OutcomeFrozen, reconciler.OutcomeSourceLost:
		return stopped(r)
	case reconciler.OutcomeHeld, reconciler.OutcomePaused, reconciler.OutcomeSuperseded:
		return setAside(r)
	case reconciler.OutcomeFilesBroken, reconciler.OutcomeFilesMended:
		return files(r)
	}
	return r.Detail
}

// underWay describes what is not over yet.
func underWay(r reconciler.Report) string {
	switch r.Outcome {
	case reconciler.OutcomeRetrying:
		return "trying again: " + manifest.FirstLine(r.Detail) + "\nwait, or mend what it says; it goes on by itself"
	case reconciler.OutcomePushUnanswered:
		return "trying again: " + manifest.FirstLine(r.Detail) +
			"\nsee that the server is well and can be reached from where serve runs (plateform doctor asks it); it goes on by itself"
	case reconciler.OutcomePushRefused:
		return "waiting: " + manifest.FirstLine(r.Detail) +
			"\nlet Plateform's account push there (rules of the branch, hooks, signatures, quota); it goes on by itself"
	case reconciler.OutcomeBuilding:
		return fmt.Sprintf("%s %s", r.Stage, r.Build.What)
	case reconciler.OutcomeReleasing:
		return "releasing " + r.Release.Version
	}
	if r.Detail != "" {
		return "waiting for " + r.Detail
	}
	return string(r.Stage)
}

// asItHasToBe describes what went well, and what is held beside it.
func asItHasToBe(r reconciler.Report) string {
	held := ""
	if len(r.Holds) > 0 {
		held = "; " + heldWords(r.Project, r.Holds)
	}
	held += notFollowed(r)
	switch {
	case r.Outcome == reconciler.OutcomeRemoved:
		return "removed"
	case r.Outcome == reconciler.OutcomeDataKept:
		return "removed; its data is kept"
	case r.Outcome == reconciler.OutcomeRuns:
		return howFar(r) + reused(r) + held + takenTags(r.Release.TakenTags)
	case r.Outcome == reconciler.OutcomeUnchanged:
		return "nothing new to release: the build came to the image that runs, " + r.Release.Version + held + takenTags(r.Release.TakenTags)
	case held != "":
		return "nothing runs" + held
	}
	return "nothing to run"
}

// notFollowed says which sources are not followed beside what went well.
func notFollowed(r reconciler.Report) string {
	if len(r.Lost) == 0 {
		return ""
	}
	return "; " + reconciler.LostWords(r.Lost)
}

// takenTags says which tags a release goes without, one a line.
func takenTags(taken []reconciler.TagTakenError) (lines string) {
	for i := range taken {
		lines += "\n" + taken[i].Error()
	}
	return lines
}

// howFar says where a release has got to.
func howFar(r reconciler.Report) string {
	version := r.Release.Version
	switch {
	case r.Stage == reconciler.StageDeployed && r.Release.Reach == (reconciler.Reach{Live: true}):
		return version + " is live"
	case r.Stage == reconciler.StageDeployed && r.Release.Reach != (reconciler.Reach{}):
		return version + " runs; " + r.Release.Reach.String()
	case r.Stage == reconciler.StageDeployed:
		return version + " runs"
	case r.Stage == reconciler.StageSynced && r.Detail != "":
		return fmt.Sprintf("rolling out %s: %s", version, r.Detail)
	case r.Stage == reconciler.StageSynced:
		return "rolling out " + version
	case r.Release.GitOps == "":
		return version + " is in plateform-gitops"
	}
	return fmt.Sprintf("%s is in plateform-gitops at %s", version, manifest.Short(r.Release.GitOps))
}

// reused says that nothing was built. Whose image it was is for those who may read release files.
func reused(r reconciler.Report) string {
	if !r.Release.Reused {
		return ""
	}
	return " (its image is reused: this source was built before)"
}

// failed describes what was tried and did not work out.
func failed(r reconciler.Report) string {
	r.Detail = manifest.FirstLine(r.Detail)
	if r.Outcome == reconciler.OutcomeBuildFailed {
		return "build failed: " + r.Detail + comesLater(r.Holds) + fmt.Sprintf("\nits log: `plateform logs %s --build`", r.Project)
	}
	if r.Outcome == reconciler.OutcomeImageRefused {
		return r.Detail + "\nit is asked for again by itself" + comesLater(r.Holds) + keepsRunning(r.Release.Before)
	}
	if r.Outcome == reconciler.OutcomeFails {
		return fmt.Sprintf("%s fails since %s: %s\nmend that, or run `plateform rollback %s`; it is told here once it is well again",
			r.Release.Version, r.Since.UTC().Format("2006-01-02 15:04 UTC"), r.Detail, r.Project)
	}
	words := reconciler.RolloutFailed(r.Release.Version) + why(r)
	if r.Outcome == reconciler.OutcomeImageGone { // nothing of the source is to be mended
		return words
	}
	words += "\nmend it and push"
	if r.Release.Before != "" {
		words += fmt.Sprintf(", or run `plateform rollback %s` to go back to %s", r.Project, r.Release.Before)
	}
	return words
}

// comesLater says what goes out with the next commit, because it came along with what did not build.
func comesLater(waiting []manifest.Hold) string {
	var parts []string
	for _, h := range waiting {
		parts = append(parts, h.Part)
	}
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return "\n" + parts[0] + " came along and waits: it goes out with the next commit that builds"
	}
	return "\n" + strings.Join(parts, ", ") + " came along and wait: they go out with the next commit that builds"
}

// stopped describes what must not or cannot be done as things are.
func stopped(r reconciler.Report) string {
	switch r.Outcome {
	case reconciler.OutcomeRefused:
		return "not deployed: " + why(r)
	case reconciler.OutcomeSourceLost:
		return "no push is released: " + reconciler.LostWords(r.Lost) + keepsRunning(r.Release.Before)
	case reconciler.OutcomeNotHonoured:
		return "not honoured: " + why(r) + keepsRunning(r.Release.Before)
	case reconciler.OutcomeFrozen:
		return fmt.Sprintf("the config history was rewritten and release %s vanished; what runs stays (run `plateform retry %s` to go on from what is there)",
			r.Release.Version, r.Project)
	}
	running := r.Release.Before
	if running == "" { // no new release is made, so the one it is about is the one that is there
		running = r.Release.Version
	}
	return reconciler.NothingNew + why(r) + keepsRunning(running)
}

// setAside describes what is not gone on with, and how to change that.
func setAside(r reconciler.Report) string {
	switch r.Outcome {
	case reconciler.OutcomePaused:
		return "held: the project is paused (remove `paused: true` to go on)"
	case reconciler.OutcomeSuperseded:
		return "superseded by " + manifest.Short(r.SupersededBy)
	}
	return "held: " + heldWords(r.Project, r.Holds) + notFollowed(r)
}

// files describes the files of a config commit.
func files(r reconciler.Report) string {
	if r.Outcome == reconciler.OutcomeFilesMended {
		return "every file can be used again"
	}
	return why(r)
}

// heldWords say what is held and how to go on.
func heldWords(k manifest.Key, holds []manifest.Hold) string {
	var held []string
	because := map[string][]string{}
	for _, hold := range holds {
		what := hold.Part
		if hold.Source != "" {
			what += " " + manifest.Short(hold.Source)
		}
		if because[what] == nil {
			held = append(held, what)
		}
		switch hold.Reason {
		case manifest.HeldRollback:
			because[what] = append(because[what], hold.Release+" was rolled back")
		case manifest.HeldWaiting:
			because[what] = append(because[what], "it came with "+failedPart(holds, hold.WaitsFor)+", whose build failed")
		default:
			because[what] = append(because[what], failedWords(hold))
		}
	}
	var words []string
	for _, what := range held {
		words = append(words, fmt.Sprintf("%s is held because %s", what, strings.Join(because[what], " and ")))
	}
	return strings.Join(words, ", ") + fmt.Sprintf(" (change it, or run `plateform retry %s`)", k)
}

// failedWords say what failed: an image that somebody named has no commit, and was not built.
func failedWords(h manifest.Hold) string {
	if h.Source == "" && strings.HasPrefix(h.Part, manifest.PartSource) {
		return "its image cannot be used"
	}
	return "its build failed"
}

// failedPart names what something waits for.
func failedPart(holds []manifest.Hold, key string) string {
	i := slices.IndexFunc(holds, func(h manifest.Hold) bool { return h.Key == key && h.Reason == manifest.HeldFailed })
	if i < 0 {
		return "something"
	}
	return holds[i].Part
}

func keepsRunning(version string) string {
	if version == "" {
		return ""
	}
	return "\n" + version + " keeps running"
}

// why are the problems, one a line with its place in a file, or else the detail.
func why(r reconciler.Report) string {
	if len(r.Problems) > 0 {
		return r.Problems.Error()
	}
	return r.Detail
}
