package loop

import (
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// conclude ends the runs that are over, now that GitOps shows what it has to, and puts what is decided aside.
func (s *session) conclude() {
	s.sources.tell()
	for _, k := range s.projects.dirtyKeys() {
		s.concludeProject(s.projects.get(k))
	}
	if failing := s.rollouts.untold(); s.recall.over { // else it may have been told before
		s.runs.stop(failing)
		for _, k := range failing {
			s.concludeProject(s.projects.get(k))
		}
	}
	clear(s.projects.dirty)
}

func (s *session) concludeProject(p *project) {
	view := s.view(p.key)
	running := p.running(view)
	s.runs.end(p, func(r *run) (reconciler.Report, bool) {
		report, over := s.verdict(p, view, running, r)
		if over && report.State == reconciler.StateSuccess && view.Present {
			report.Lost = p.notFollowed(view)
		}
		if over && r.replayed && p.decided.rest != nil && p.decided.rest.Reason == decision.UpToDate {
			report.Outcome = "" // nobody has been waiting
		}
		return report, over
	})
	for _, r := range p.runs {
		if r.number == 0 && !r.replayed && !r.repeated && !r.waits && !p.decided.asking {
			s.runs.report(p, r, reconciler.Report{
				State: reconciler.StatePending, Stage: reconciler.StageQueued, Outcome: reconciler.OutcomeWaiting, Detail: "what is under way",
			})
		}
	}
	if len(p.sources.earlier) > 0 && p.decided.rest != nil && !p.guesses(view) && s.recall.over {
		p.sources.earlier = nil
	}
}

// verdict is what one run comes to, if it is over.
func (s *session) verdict(p *project, v *config.View, running *manifest.Release, r *run) (reconciler.Report, bool) {
	rest := p.decided.rest
	rollback := r.Cause.Kind == manifest.CauseRollback
	switch {
	case p.decided.asking:
		return reconciler.Report{}, false
	case r.stopped && p.stopped(v) && !p.decided.unreadable:
		report := failed(reconciler.OutcomeSourceLost, nil, running)
		report.Lost, report.Waits = p.notFollowed(v), true
		return report, false
	case r.stopped && s.rollouts.failing.Has(p.key, p.rollout.Rollout):
		return s.deployed(p, running, r)
	case r.waits && p.awaitsImage(v):
		return reconciler.Report{}, false
	case len(p.decided.refused) > 0 && rollback:
		return failed(reconciler.OutcomeRefused, p.decided.refused, running), true
	case len(v.Refused) > 0 && rollback:
		return failed(reconciler.OutcomeNotHonoured, v.Refused, running), true
	case running != nil && r.sourceKey != "" && v.Present && slices.Contains(slices.Collect(maps.Values(running.Spec.Parts)), r.sourceKey) && !decision.Building(p.builds, r.Source):
		report, over := s.deployed(p, running, r)
		report.Holds = decision.StayBehind(p.before(), v, p.sources.tips)
		return report, over
	case rest == nil:
		return reconciler.Report{}, false
	case (rest.Reason == decision.UpToDate || rest.Reason == decision.Held) && !rollback && !r.silent && p.guesses(v):
		return reconciler.Report{}, false // a build that an earlier process began may still be wanted
	}
	switch rest.Reason {
	case decision.UpToDate:
		return s.deployed(p, running, r)
	case decision.Held:
		return s.heldVerdict(p, running, r)
	case decision.ImageGone:
		if r.silent {
			return s.deployed(p, running, r)
		}
		return failed(reconciler.OutcomeBlocked, rest.Problems, running), true
	case decision.Paused:
		return held(reconciler.OutcomePaused, running), true
	case decision.Frozen:
		report := failed(reconciler.OutcomeFrozen, nil, running)
		report.Release.Version = p.memory.Frozen.Release
		return report, true
	case decision.Removed:
		outcome := reconciler.OutcomeRemoved
		if p.memory.Deleted != nil && p.memory.Deleted.DataKept {
			outcome = reconciler.OutcomeDataKept
		}
		return reconciler.Report{State: reconciler.StateSuccess, Stage: reconciler.StageUpdatingGitOps, Outcome: outcome}, true
	}
	return s.blockedVerdict(p, v, rest.Problems, r)
}

func failed(outcome reconciler.Outcome, problems manifest.Problems, running *manifest.Release) reconciler.Report {
	return reconciler.Report{
		State: reconciler.StateFailure, Stage: reconciler.StageFailed, Outcome: outcome, Problems: problems,
		Release: reconciler.ReleaseFacts{Before: nameOf(running)},
	}
}

func held(outcome reconciler.Outcome, running *manifest.Release) reconciler.Report {
	return reconciler.Report{
		State: reconciler.StateSuccess, Stage: reconciler.StageHeld, Outcome: outcome, Release: reconciler.ReleaseFacts{Before: nameOf(running)},
	}
}

func superseded(by string) reconciler.Report {
	return reconciler.Report{
		State: reconciler.StateSuccess, Stage: reconciler.StageSuperseded, Outcome: reconciler.OutcomeSuperseded, SupersededBy: by,
	}
}

// deployed says what runs now: the run is over once that is so. A commit that asked for nothing does not answer for a
// rollout that others began.
func (s *session) deployed(p *project, running *manifest.Release, r *run) (reconciler.Report, bool) {
	report := reconciler.Report{
		State: reconciler.StateSuccess, Stage: reconciler.StageUpdatingGitOps, Outcome: reconciler.OutcomeRuns, LiveURL: s.liveURL(p, running),
		Release: reconciler.ReleaseFacts{Version: nameOf(running), GitOps: s.gitops.Head()},
	}
	report.Release.Reused = r.Cause.Kind != manifest.CauseRollback && running.Reused()
	if problems := p.decided.refused; len(problems) > 0 { // what GitOps shows is another one
		report = held(reconciler.OutcomeRefused, running)
		report.Problems = problems
		return report, true
	}
	if p.unchanged(running, r) {
		report.Outcome, report.Build.ID = reconciler.OutcomeUnchanged, p.rebuiltIDs()
	} else if r.Source != "" && !madeFrom(running, r) { // the branch is somewhere else by now
		return superseded(newestSource(running)), true
	}
	if running == nil {
		report.Outcome, report.Release = reconciler.OutcomeNothingRuns, reconciler.ReleaseFacts{}
		return report, true
	}
	report, over := s.rollouts.follow(p, r, report)
	if !over || r.Cause.Kind == manifest.CauseRollback && !r.silent {
		return report, over
	}
	report.Release.TakenTags, over = s.tags.word(p.key, nameOf(running))
	return report, over
}

// unchanged says that what a run asked for was built, and came to the image that runs.
func (p *project) unchanged(running *manifest.Release, r *run) bool {
	return running != nil && slices.ContainsFunc(p.memory.Rebuilt, func(rebuilt manifest.Rebuilt) bool {
		if r.Source == "" {
			return r.forSource && running.Spec.Cause.Config != r.Cause.Config
		}
		return rebuilt.Key == r.sourceKey || rebuilt.Source == r.Source
	})
}

// rebuiltIDs are the IDs of the builds that came to what runs.
func (p *project) rebuiltIDs() string {
	var ids []string
	for _, rebuilt := range p.memory.Rebuilt {
		ids = append(ids, decision.BuildID(p.key, rebuilt.Part, rebuilt.Key))
	}
	return strings.Join(ids, " ")
}

// madeFrom says that a release has the code of the push that a run is for.
func madeFrom(running *manifest.Release, r *run) bool {
	if running == nil {
		return false
	}
	return slices.Contains(slices.Collect(maps.Values(running.Spec.Parts)), r.sourceKey) ||
		slices.ContainsFunc(running.Spec.Images, func(image manifest.Image) bool { return image.Commit == r.Source })
}

// newestSource is a commit of the app that a release was made from; empty when it has none.
func newestSource(running *manifest.Release) string {
	if running == nil {
		return ""
	}
	for _, image := range running.Spec.Images {
		if image.Commit != "" {
			return image.Commit
		}
	}
	return ""
}

// heldVerdict tells a push that its code is held, and everybody else what runs; also a push whose code runs, when it is something else
// that is held.
func (s *session) heldVerdict(p *project, running *manifest.Release, r *run) (reconciler.Report, bool) {
	if r.Source != "" && madeFrom(running, r) || r.Cause.Kind == manifest.CauseRollback || running != nil && r.Source == "" && !r.forSource || p.unchanged(running, r) {
		report, over := s.deployed(p, running, r)
		report.Holds = decision.KeptBack(p.memory, p.sources.tips)
		return report, over
	}
	report := held(reconciler.OutcomeHeld, running)
	report.Holds = decision.KeptBack(p.memory, p.sources.tips)
	return report, true
}

// blockedVerdict is red on the commits whose own files keep the project from being released. Others asked for something
// that stays as it is until somebody mends what they did not break; and a rollback needs nothing new.
func (s *session) blockedVerdict(p *project, v *config.View, problems manifest.Problems, r *run) (reconciler.Report, bool) {
	own := r.ownProblems(problems)
	switch {
	case p.decided.unreadable && r.Cause.Kind != manifest.CauseRollback && !r.silent: // it goes on by itself
		report := failed(reconciler.OutcomeBlocked, problems, v.Newest)
		report.Waits = true
		return report, false
	case r.Cause.Kind == manifest.CauseRetry:
		return failed(reconciler.OutcomeBlocked, problems, v.Newest), true
	case len(own) > 0:
		return failed(reconciler.OutcomeBlocked, own, v.Newest), true
	case r.Cause.Kind == manifest.CauseRollback && v.Newest != nil:
		return s.deployed(p, v.Newest, r)
	}
	if breaker := p.brokenSince(r, problems); breaker != nil {
		return superseded(breaker.Cause.Config), true
	}
	report := held(reconciler.OutcomeBlocked, v.Newest)
	report.Problems = problems
	return report, true
}

// ownProblems are those of a project's problems that the run's commit made or left in the files it touched.
func (r *run) ownProblems(problems manifest.Problems) manifest.Problems {
	return slices.DeleteFunc(slices.Clone(problems), func(problem manifest.Problem) bool { return !slices.Contains(r.own, problem) })
}

// brokenSince is the run of a later commit that made one of the problems: what was asked for before was without it, and
// only came too late. It is nil when there is none.
func (p *project) brokenSince(r *run, problems manifest.Problems) *run {
	at := slices.Index(p.runs, r)
	for _, later := range p.runs[at+1:] {
		if len(later.ownProblems(problems)) > 0 {
			return later
		}
	}
	return nil
}

// liveURL is where the project answers; empty when it has no host.
func (w *world) liveURL(p *project, running *manifest.Release) string {
	if running == nil || w.catalog.Platform == nil {
		return ""
	}
	hosts := manifest.HostsOf(p.key, running.Spec.Project, w.catalog.Platform.Spec.Domain)
	if len(hosts) == 0 {
		return ""
	}
	return running.Spec.Platform.Ingress.URL(hosts[0])
}
