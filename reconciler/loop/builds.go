package loop

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/worker"
)

// builds has images made for projects, and takes in what became of them.
type builds struct {
	*world
	runs   *runs
	recall *recall
	worker *worker.Builds
	// building projects have builds that were asked for.
	building map[manifest.Key]bool
}

// observe takes in how far the builds are.
func (b *builds) observe() {
	for _, news := range b.worker.Take() {
		p := b.projects.all[news.Request.Key]
		if p == nil {
			continue
		}
		for _, part := range slices.Sorted(maps.Keys(p.builds)) {
			if build := p.builds[part]; build.Request.ID == news.Request.ID && !build.Status.Done {
				b.take(p, build, news)
			}
		}
	}
}

func (b *builds) take(p *project, build decision.Build, news worker.BuildNews) {
	if news.Err != nil {
		stage := reconciler.StageQueued
		if entered := news.Status.Stages; len(entered) > 0 { // what is told never goes back to an earlier stage
			stage = entered[len(entered)-1]
		}
		b.runs.retrying(p, stage, news.Err)
		return
	}
	before := build.Status
	build.Status = news.Status
	p.builds[build.Part] = build
	b.projects.touch(p.key)
	for _, stage := range news.Status.Stages[min(len(before.Stages), len(news.Status.Stages)):] {
		b.runs.reportAll(p, reconciler.Report{Stage: stage, Outcome: reconciler.OutcomeBuilding, Build: factsOf(build)})
	}
	if waits := news.Status.Queued; waits != "" && waits != before.Queued && !news.Status.Done && len(news.Status.Stages) == 0 {
		b.runs.reportAll(p, reconciler.Report{Stage: reconciler.StageQueued, Outcome: reconciler.OutcomeBuildWaits, Build: factsOf(build), Detail: waits})
	}
	if news.Status.Done {
		b.runs.emitAll(p, reconciler.Event{Kind: reconciler.EventBuildEnded, Build: &build.Request, Status: &news.Status})
	}
}

// factsOf is what reports know of a build.
func factsOf(build decision.Build) reconciler.BuildFacts {
	facts := reconciler.BuildFacts{ID: build.Request.ID, What: build.Request.What(), URL: build.Status.URL}
	if build.Status.Failure != nil {
		facts.LogTail = build.Status.Failure.Log
	}
	return facts
}

// start has a build made. It waits until it is known which builds an earlier process reported as failed.
func (b *builds) start(p *project, v *config.View, build decision.Build) {
	if !b.recall.over && build.Request.Reference == "" {
		b.recall.waiting[p.key] = true
		b.runs.queued(p)
		return
	}
	if !b.recall.unchanged[build.Request.ID] { // it was told to whoever asked; this finds the image
		b.runs.ensure(p, v)
	}
	if old, found := p.builds[build.Part]; found && old.Request.ID != build.Request.ID {
		b.worker.Forget(old.Request.ID)
	}
	build.Request.Siblings = decision.Siblings(b.catalog, build.Request)
	put(&p.builds, build.Part, build)
	b.building[p.key] = true
	for _, r := range p.runs {
		r.Builds = append(r.Builds, build.Request.ID)
	}
	b.worker.Want(build.Request)
	b.runs.queued(p)
	b.runs.emitAll(p, reconciler.Event{Kind: reconciler.EventBuildStarted, Build: &build.Request})
}

// cancel stops a build that nobody wants any more.
func (b *builds) cancel(p *project, a decision.CancelBuild) {
	b.worker.Stop(a.Build.Request.ID)
	b.drop(p, a.Build.Part)
	stopped := reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Canceled: true}}
	b.runs.emitAll(p, reconciler.Event{
		Kind: reconciler.EventBuildEnded, Build: &a.Build.Request, Status: &stopped, Superseded: a.Superseded,
	})
	if !a.Superseded || len(p.runs) < 2 {
		return
	}
	newest := p.runs[len(p.runs)-1]
	b.runs.end(p, func(r *run) (reconciler.Report, bool) {
		return superseded(newest.Cause.Commit), r != newest && !r.silent && (r.Source != "" || r.forSource)
	})
}

// forget ends the interest in the build of a part.
func (b *builds) forget(p *project, part string) {
	if build, found := p.builds[part]; found {
		b.worker.Forget(build.Request.ID)
	}
	b.drop(p, part)
}

func (b *builds) drop(p *project, part string) {
	delete(p.builds, part)
	if len(p.builds) == 0 {
		delete(b.building, p.key)
	}
}

// fail remembers that a build failed and tells those who asked for it. What can go without the build is not over yet.
func (b *builds) fail(p *project, a decision.Fail) {
	view := b.view(p.key)
	if !a.Known {
		a.Build.Status.Failure = a.Named(p.builds)
	}
	with := a.FailedWith(p.builds, p.key)
	for _, part := range a.Over(p.builds) {
		b.forget(p, part)
	}
	if !a.Known {
		b.runs.ensure(p, view)
	}
	p.memory = decision.BuildFailed(p.before(), view, p.sources.tips, a, b.catalog.Commit)
	var theirs []*run
	for _, r := range p.runs {
		if !r.silent && (r.forSource && r.Source == "" && len(a.Holds) > 0 ||
			r.Source != "" && (r.Source == a.Build.Request.Commit || r.sourceKey == a.Build.SourceKey)) {
			theirs = append(theirs, r)
		}
	}
	if !a.Known || len(theirs) > 0 || p.memory.Last == nil {
		b.record(p, a.Build, theirs)
	}
	report := b.failure(p, a)
	report.Build.Also = with
	b.runs.end(p, func(r *run) (reconciler.Report, bool) {
		if !slices.Contains(theirs, r) {
			return reconciler.Report{}, false
		}
		return report, !report.Waits
	})
}

// unchanged remembers builds that came to the images that run.
func (b *builds) unchanged(p *project, a decision.Unchanged) {
	for _, rebuilt := range a.Rebuilt {
		b.forget(p, rebuilt.Part)
	}
	p.memory = decision.Rebuilt(p.memory, a.Rebuilt)
}

// failure is what those are told who asked for an image that there is not. One that was named is asked for again.
func (b *builds) failure(p *project, a decision.Fail) reconciler.Report {
	request, summary := a.Build.Request, a.Build.Status.Failure.Summary
	report := reconciler.Report{State: reconciler.StateFailure, Stage: reconciler.StageFailed, Outcome: reconciler.OutcomeBuildFailed, Detail: summary}
	if request.Reference != "" && !a.Known { // what is known was told in other words
		report = b.imageRefused(p.key, request.Reference, summary)
	}
	report.Build, report.Holds = factsOf(a.Build), decision.WaitingWith(p.memory, request.Commit)
	report.Release.Before = nameOf(p.running(b.view(p.key)))
	return report
}

// nameOf is the version of a release; empty for nil.
func nameOf(r *manifest.Release) string {
	if r == nil {
		return ""
	}
	return r.Metadata.Name
}

// record remembers a build that failed and who asked for it.
func (b *builds) record(p *project, build decision.Build, theirs []*run) {
	status := build.Status
	b.runs.record(p, manifest.LastRun{
		Result: manifest.ResultFailed, Source: build.Request.Commit, Error: status.Failure.Summary, BuildID: build.Request.ID,
		Build: &manifest.BuildRecord{URL: status.URL, Seconds: status.Seconds, Scan: status.Scan},
	}, theirs)
}

// count is how many builds were asked for and have not ended.
func (b *builds) count() (n int) {
	for k := range b.building {
		for _, build := range b.projects.get(k).builds {
			if !build.Status.Done {
				n++
			}
		}
	}
	return n
}
