package loop

import (
	"maps"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
)

// recordWritten remembers the run that brings new values to GitOps.
func (rs *runs) recordWritten(p *project) {
	shown := rs.gitops.Project(p.key)
	release := shown.Release()
	if release == nil || shown.Tampered() {
		return
	}
	answered := slices.DeleteFunc(slices.Clone(p.runs), func(r *run) bool { // a push whose code this is not
		return r.stopped || r.waits || r.sourceKey != "" && !slices.Contains(slices.Collect(maps.Values(release.Spec.Parts)), r.sourceKey)
	})
	for _, r := range answered {
		r.awaits = release.Metadata.Name
	}
	cause := release.Spec.Cause
	waiting := func(r *run) bool { return !r.silent && !r.replayed && !r.waits }
	if slices.ContainsFunc(p.runs, waiting) && !slices.ContainsFunc(answered, waiting) {
		cause.Config = "" // it is not to be reported again
	}
	result := manifest.ResultDeployed
	if rs.options.Engine != nil {
		result = manifest.ResultWritten
	}
	rs.record(p, manifest.LastRun{Result: result, Release: release.Metadata.Name, Cause: cause, Build: release.Spec.Build}, answered)
}

// record remembers a run that ended. The newest that it answers is its cause.
func (rs *runs) record(p *project, last manifest.LastRun, answered []*run) {
	for _, r := range slices.Backward(answered) {
		switch {
		case r.silent || r.replayed:
		case last.ID == "":
			last.ID, last.Cause = r.ID, r.Cause
			if r.Source != "" {
				last.Source = r.Source
			}
		default:
			last.Also = append(last.Also, r.Cause)
		}
	}
	if last.ID == "" {
		last.ID = reconciler.RunID(p.key, last.Cause)
	}
	p.memory = decision.Ended(p.memory, last, rs.now())
}

// repeat tells of the newest runs again: an earlier process may have ended between their commit and their report. The
// forge leaves out what was said.
func (rs *runs) repeat() {
	var newest time.Time
	for _, p := range rs.projects.all {
		if last := p.memory.Last; last != nil && last.EndedAt.After(newest) {
			newest = last.EndedAt
		}
	}
	for _, k := range rs.projects.keys() {
		p := rs.projects.get(k)
		last := p.memory.Last
		if last == nil || last.EndedAt.Before(newest.Add(-recent)) {
			continue
		}
		for _, cause := range append([]manifest.Cause{last.Cause}, last.Also...) {
			if known(cause) { // else it is a build that nobody was waiting for any more, or was made up
				rs.repeatOne(p, cause, *last)
			}
		}
	}
}

// known says that somebody can be told on the commits of a cause. What is remembered of it may have come from a release
// file that was written by hand.
func known(cause manifest.Cause) bool {
	source := reconciler.SourceOf(cause)
	return manifest.IsCommit(cause.Config) && (source == "" || manifest.IsCommit(source))
}

func (rs *runs) repeatOne(p *project, cause manifest.Cause, last manifest.LastRun) {
	r := &run{Run: newRun(p.key, cause), repeated: last.Result != manifest.ResultWritten, earlier: earlier{again: true}}
	switch last.Result {
	case manifest.ResultWritten: // how the rollout ended is seen, and reported then
		r.awaits = last.Release
		rs.start(p, r)
	case manifest.ResultDeployed:
		running := p.running(rs.view(p.key))
		if len(p.memory.Lost) > 0 { // it may have been told since that it has come to a stop
			rs.join(p, r)
			return
		}
		rs.report(p, r, reconciler.Report{
			State: reconciler.StateSuccess, Stage: reconciler.StageUpdatingGitOps, Outcome: reconciler.OutcomeRuns,
			Release: reconciler.ReleaseFacts{
				Version: last.Release, GitOps: rs.gitops.Head(),
				Reused: cause.Kind != manifest.CauseRollback && last.Release == nameOf(running) && running.Reused(),
			},
			LiveURL: rs.liveURL(p, running),
		})
	case manifest.ResultFailed:
		report := reconciler.Report{
			State: reconciler.StateFailure, Stage: reconciler.StageFailed, Outcome: reconciler.OutcomeBuildFailed, Detail: last.Error,
		}
		for part, reference := range decision.RefusedImages(p.memory, rs.view(p.key)) {
			if h := decision.FailedHold(p.memory, part); decision.BuildID(p.key, part, h.Key) == last.BuildID {
				rs.join(p, r)
				report = rs.imageRefused(p.key, reference, last.Error)
				report.Release.Before = nameOf(p.running(rs.view(p.key)))
			}
		}
		report.Build, report.Holds = reconciler.BuildFacts{ID: last.BuildID, URL: urlOfBuild(last.Build)}, decision.WaitingWith(p.memory, last.Source)
		rs.report(p, r, report)
	}
}

func urlOfBuild(build *manifest.BuildRecord) string {
	if build == nil {
		return ""
	}
	return build.URL
}
