package loop

import (
	"maps"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/backlog"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/secrets"
	"github.com/plateform/plateform/reconciler/worker"
)

// rollouts hands to the engine what GitOps shows, and follows what becomes of it.
type rollouts struct {
	*world
	runs *runs
	// worker is nil when nobody follows rollouts.
	worker *worker.Rollouts
	// wanted projects are to be handed to the engine once GitOps shows what they have to be.
	wanted map[manifest.Key]bool
	// failing are the projects of which a release was healthy, and is not any more.
	failing backlog.Failing
	// silence is why the engine does not answer; empty while it does.
	silence string
}

// want has a project handed to the engine.
func (ro *rollouts) want(k manifest.Key) {
	if ro.worker != nil {
		ro.wanted[k] = true
	}
}

// rollout is what is known of the rollout of one project.
type rollout struct {
	reconciler.Rollout
	since time.Time
	// was healthy once.
	was bool
	// late says that it failed for want of time; the engine goes on.
	late bool
	// told are the runs that were told that it failed: they are told, too, should it get healthy after all.
	told []*run
}

// observed is what decisions get to see; nil when nobody follows.
func (r rollout) observed() *reconciler.Rollout {
	if r.since.IsZero() {
		return nil
	}
	return &r.Rollout
}

// observe takes in how far the rollouts are.
func (ro *rollouts) observe() {
	if ro.worker == nil {
		return
	}
	news, err := ro.worker.Take()
	ro.noteSilence(err)
	for k, now := range news {
		p := ro.projects.get(k)
		if p.rollout.since.IsZero() || p.rollout.Release != now.Release {
			continue
		}
		if p.rollout.Phase != now.Phase || p.rollout.Cause != now.Cause {
			ro.announce(p, now)
		}
		if p.rollout.Phase == reconciler.PhaseHealthy { // it has its time anew
			p.rollout.since = ro.now()
		}
		if now.Reach != p.rollout.Reach && now.Phase == reconciler.PhaseHealthy {
			ro.options.Log.Info("whether it answers at its URL", "project", k.String(), "release", now.Release, "is", now.Reach.String())
		}
		p.rollout.Rollout, p.rollout.late = now, false
		ro.keepFailing(p)
		ro.recover(p)
		ro.projects.touch(k)
		if now.Drift != "" {
			ro.options.Log.Warn("somebody else changed what runs; it was put back", "project", k.String(), "what", now.Drift)
		}
	}
}

// recover has those told of a rollout that got healthy after all who were told that it had failed: an app that ended until its database was
// there, say, is started again by the cluster.
func (ro *rollouts) recover(p *project) {
	if p.rollout.Phase != reconciler.PhaseHealthy {
		return
	}
	for _, r := range p.rollout.told {
		r.Reopen()
		ro.runs.join(p, r)
	}
	p.rollout.told = nil
}

// announce emits what is new of a rollout.
func (ro *rollouts) announce(p *project, now reconciler.Rollout) {
	e := reconciler.Event{Kind: reconciler.EventRollout, Project: p.key, Release: now.Release, Rollout: &now}
	if release := ro.gitops.Project(p.key).Release(); release != nil {
		e.LiveURL = ro.runs.liveURL(p, release)
	}
	for _, r := range p.runs {
		if !r.silent {
			e.Runs = append(e.Runs, &r.Run)
		}
	}
	ro.runs.emit(e)
}

// noteSilence notes whether the engine answers. While it does not, no rollout fails for want of time: the time of those that
// are under way begins anew when it answers again.
func (ro *rollouts) noteSilence(err error) {
	silence := ""
	if err != nil {
		silence = "the engine does not answer: " + manifest.FirstLine(err.Error())
	}
	if silence == ro.silence {
		return
	}
	ro.silence = silence
	for k, p := range ro.projects.all {
		if p.rollout.since.IsZero() || p.rollout.Phase != reconciler.PhaseProgressing {
			continue
		}
		p.rollout.since = ro.now()
		ro.deadlines.Set(k, ro.now().Add(decision.RolloutLimit))
		ro.projects.touch(k)
	}
}

// hand tells the engine what has to run, now that GitOps shows it.
func (ro *rollouts) hand() {
	var targets []reconciler.Target
	for _, k := range slices.SortedFunc(maps.Keys(ro.wanted), manifest.Key.Compare) {
		if target, found := ro.target(k); found {
			targets = append(targets, target)
			delete(ro.wanted, k)
		}
	}
	if len(targets) > 0 {
		ro.worker.Want(ro.gitops.Head(), targets)
	}
}

// target is what has to run of a project.
func (ro *rollouts) target(k manifest.Key) (reconciler.Target, bool) {
	p, shown := ro.projects.get(k), ro.gitops.Project(k)
	target, runs := ro.shown(k)
	target.Owner, target.URL = p.memory.Owner, ro.liveURL(p, shown.Release())
	switch {
	case runs && shown.Shows():
		p.rollout = rollout{since: ro.now(), Rollout: reconciler.Rollout{
			Release: target.Release, Commit: ro.gitops.Head(), Phase: reconciler.PhaseProgressing,
		}}
		ro.keepFailing(p)
		ro.deadlines.Set(k, ro.now().Add(decision.RolloutLimit))
		return target, true
	case shown.Version().IsZero() && p.memory.Deleted != nil:
		p.rollout = rollout{}
		delete(ro.failing, k)
		return reconciler.Target{Key: k, Owner: p.memory.Owner, Remove: true, KeepData: p.memory.Deleted.DataKept}, true
	}
	return reconciler.Target{}, false
}

// keepFailing keeps account of a project that was healthy.
func (ro *rollouts) keepFailing(p *project) {
	ro.failing.Keep(p.key, p.rollout.Rollout, p.rollout.was, ro.now())
	p.rollout.was = p.rollout.was || p.rollout.Phase == reconciler.PhaseHealthy
}

// untold are the projects that fail, and have no run to tell it.
func (ro *rollouts) untold() (untold []manifest.Key) {
	for k := range ro.failing {
		if p := ro.projects.get(k); ro.failing.Has(k, p.rollout.Rollout) && !p.isTold() {
			untold = append(untold, k)
		}
	}
	slices.SortFunc(untold, manifest.Key.Compare)
	return untold
}

// shown is what GitOps has to show of a project: a release, or what is there and is left as it is.
func (ro *rollouts) shown(k manifest.Key) (reconciler.Target, bool) {
	if release := ro.gitops.Project(k).Release(); release != nil {
		return secrets.Complete(reconciler.Target{
			Key: k, Namespace: release.Spec.Platform.Namespace, Release: release.Metadata.Name, Chart: release.Spec.Chart, Values: []byte(release.Spec.Values),
		}, release), true
	}
	return ro.gitops.Shown(k, ro.releasesOf(k))
}

// releasesOf are the releases that GitOps may show of a project.
func (ro *rollouts) releasesOf(k manifest.Key) []*manifest.Release {
	p, v, version := ro.projects.get(k), ro.view(k), ro.gitops.Project(k).Version()
	releases := []*manifest.Release{v.Newest, p.kept}
	for _, file := range v.Releases {
		if file.Version != version {
			continue
		}
		release, _, err := ro.catalog.ReadRelease(ro.catalog.Commit, k, file, nil)
		if err == nil {
			releases = append(releases, release)
		}
	}
	return releases
}

// await has a project decided on again when its rollout has had its time; then it counts as failed.
func (ro *rollouts) await(p *project, until time.Time) {
	switch {
	case ro.silence != "":
		p.rollout.since = ro.now()
		ro.deadlines.Set(p.key, ro.now().Add(decision.RolloutLimit))
		return
	case ro.now().Before(until):
		ro.deadlines.Set(p.key, until)
		return
	}
	p.rollout.Phase, p.rollout.late = reconciler.PhaseFailed, true
	if p.rollout.Cause == "" {
		p.rollout.Cause = "it is not healthy yet"
	}
	p.rollout.Cause = "not healthy after " + decision.RolloutLimit.String() + ": " + p.rollout.Cause
	ro.keepFailing(p)
}

// again hands to the engine once more what it could not roll out: what it lacked may be there by now.
func (ro *rollouts) again(p *project) bool {
	ro.want(p.key)
	ro.hand()
	return p.rollout.Phase == reconciler.PhaseProgressing
}

// follow says how a run ends that is over as far as GitOps goes.
func (ro *rollouts) follow(p *project, r *run, report reconciler.Report) (reconciler.Report, bool) {
	if ro.worker == nil || p.rollout.since.IsZero() || p.rollout.Release != report.Release.Version {
		return report, ro.worker == nil
	}
	switch p.rollout.Phase {
	case reconciler.PhaseHealthy:
		report.Stage, report.Release.Reach = reconciler.StageDeployed, p.rollout.Reach
		return report, true
	case reconciler.PhaseFailed:
		if fails := ro.failing[p.key]; r.stopped && ro.failing.Has(p.key, p.rollout.Rollout) { // it goes on by itself
			report.Stage, report.Outcome, report.State, report.Waits = reconciler.StageFailed, reconciler.OutcomeFails, reconciler.StateFailure, true
			report.Detail, report.Since = fails.Cause, fails.Since
			return report, false
		}
		if r.awaits != p.rollout.Release && r.Cause.Kind == manifest.CauseRetry && ro.again(p) {
			r.awaits = p.rollout.Release
			break
		}
		if r.awaits != p.rollout.Release { // it came after the rollout had failed, and asked for nothing of it
			report.Stage, report.Outcome, report.State = reconciler.StageHeld, reconciler.OutcomeRolloutFailed, reconciler.StateSuccess
		} else {
			report.Stage, report.Outcome, report.State = reconciler.StageFailed, reconciler.OutcomeRolloutFailed, reconciler.StateFailure
		}
		if !slices.Contains(p.rollout.told, r) {
			p.rollout.told = append(p.rollout.told, r)
		}
		if p.rollout.Gone {
			report.Outcome = reconciler.OutcomeImageGone
		}
		if !p.rollout.late {
			report.Since = ro.now()
		}
		report.Detail, report.Problems, report.Build.LogTail = p.rollout.Cause, ro.catalog.Locate(p.key, p.rollout.Cause, p.rollout.Problems), p.rollout.Log
		return report, true
	}
	if ro.silence != "" {
		stage := reconciler.StageUpdatingGitOps
		if n := len(r.Stages); n > 0 && r.Stages[n-1].Stage == reconciler.StageSynced { // a run does not go back
			stage = reconciler.StageSynced
		}
		ro.runs.report(p, r, reconciler.Report{
			State: reconciler.StatePending, Stage: stage, Outcome: reconciler.OutcomeRetrying, Detail: ro.silence, Release: report.Release,
		})
		return report, false
	}
	ro.runs.report(p, r, reconciler.Report{
		State: reconciler.StatePending, Stage: reconciler.StageSynced, Outcome: reconciler.OutcomeRuns, Detail: p.rollout.Cause, Release: report.Release,
	})
	return report, false
}
