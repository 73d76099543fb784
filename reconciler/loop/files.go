package loop

import (
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// reportFiles tells on a config commit which of the files that it touched, or made wrong, cannot be used, or that it mended
// some. What is wrong in files of others is reported on the commits that broke them.
func (rs *runs) reportFiles(commit string, step config.Step) {
	switch {
	case len(step.Broken) > 0:
		rs.reportConfig(commit, reconciler.Report{
			State: reconciler.StateFailure, Stage: reconciler.StageFailed, Outcome: reconciler.OutcomeFilesBroken, Problems: step.Broken,
		})
	case step.Mended:
		rs.reportConfig(commit, reconciler.Report{
			State: reconciler.StateSuccess, Stage: reconciler.StageUpdatingGitOps, Outcome: reconciler.OutcomeFilesMended,
		})
	}
}

// reportTrouble tells on a config commit why nothing at all can be taken from it. The first such commit is to blame; those
// after it wait until somebody has mended it.
func (rs *runs) reportTrouble(commit string, err error, first bool) {
	report := reconciler.Report{
		State: reconciler.StateFailure, Stage: reconciler.StageFailed, Outcome: reconciler.OutcomeFilesBroken, Detail: err.Error(),
	}
	if !first {
		report.State, report.Stage, report.Outcome = reconciler.StatePending, reconciler.StageQueued, reconciler.OutcomeWaiting
		report.Detail = "a commit before it to be mended: " + manifest.FirstLine(err.Error())
	}
	rs.reportConfig(commit, report)
}

// reportConfig tells about the config repository itself. Commits of Plateform's own mend nothing of anybody's; whoever breaks
// something under its name is told.
func (rs *runs) reportConfig(commit string, report reconciler.Report) {
	c, err := rs.options.Config.Commit(commit)
	if err == nil && report.State != reconciler.StateFailure && reconciler.ByPlateform(c) && !reconciler.ForPeople(c) {
		return
	}
	report.Subject = reconciler.Subject{Commit: commit, Cause: manifest.CauseConfig}
	report.At = rs.now()
	rs.send(report)
	rs.emit(reconciler.Event{Kind: reconciler.EventReported, Report: &report})
}

// unreportedFiles is the oldest config commit on which its files may not have been reported; empty when all were.
func (rs *runs) unreportedFiles() string {
	rs.landed()
	if waiting := rs.unlanded[manifest.Key{}]; len(waiting) > 0 {
		return waiting[0].Commit
	}
	return ""
}
