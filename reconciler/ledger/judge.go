package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// judgement is what a project is judged by, besides what its status says already.
type judgement struct {
	run         manifest.RunSpec // what is remembered; nothing when GitOps says nothing
	refused     []string         // why newer releases are not honoured
	gitopsKnown bool
	// blocking are the problems of the files that keep anything new from being released.
	blocking manifest.Problems
	// silent is how long there was no news of what is under way.
	silent time.Duration
	// advice is the newest report says to do; empty when nobody has to do anything.
	advice string
	// failure says in a line why a commit of the app did not build; empty when that is not known.
	failure func(key manifest.Key, source string) string
}

// patience is how long what is under way may give no news before somebody should look.
const patience = 5 * time.Minute

// judge finds the word for how a project is, the reasons, and what to do.
func (p *Project) judge(j judgement) {
	spec := j.run
	p.State = p.atRest(j.gitopsKnown)
	switch {
	case p.State == StatePending && j.advice != "":
		p.say("", j.advice)
	case p.State == StatePending && j.silent > patience:
		p.say("there was no news of it for "+Age(j.silent), "wait, or look at the log of serve; plateform doctor tells what serve lacks")
	}
	p.judgeRollbacks()
	for _, why := range j.refused {
		p.set(StateRefused, why, "bring the file back as it was, or delete it")
	}
	p.judgeFailures(spec, j.failure)
	p.judgeWaiting()
	p.judgeFiles(j.blocking)
	p.judgeSources(spec.Lost)
	if spec.Frozen != nil {
		p.set(StateFrozen, fmt.Sprintf("the history of the config repository was rewritten and %s vanished with it (commit %.10s)",
			spec.Frozen.Release, spec.Frozen.Commit),
			fmt.Sprintf("look at the newest release file, then run: plateform retry %s", p.Key))
	}
	if spec.Kept != nil {
		p.say(fmt.Sprintf("%s keeps running although its release file is gone or not honoured any more (commit %.10s still has it)",
			spec.Kept.Release, spec.Kept.Commit))
	}
	if p.Paused {
		p.say("paused: true in project.yaml keeps new releases back", "nothing, if that is meant; else remove paused from "+manifest.ProjectFile(p.Key))
	}
}

// atRest is the state as far as the two repositories agree or not.
func (p *Project) atRest(gitopsKnown bool) State {
	switch {
	case p.Stage != "":
		return StatePending
	case p.Release == nil:
		return StateNew
	case !gitopsKnown:
		return StateReleased
	case p.Release.Version != p.Runs:
		return StatePending
	}
	return StateRunning
}

// judgeRollbacks explains what a rollback keeps from being released. One rollback can hold several parts.
func (p *Project) judgeRollbacks() {
	type rollback struct{ release, commit string }
	var rollbacks []rollback
	parts, ends := map[rollback][]string{}, map[rollback][]string{}
	for _, h := range p.Holds {
		if h.Reason != manifest.HeldRollback {
			continue
		}
		r := rollback{h.Release, h.Commit}
		if !slices.Contains(rollbacks, r) {
			rollbacks = append(rollbacks, r)
		}
		parts[r] = append(parts[r], heldPart(h))
		ends[r] = append(ends[r], partNoun(h.Part))
	}
	for _, r := range rollbacks {
		by := ""
		if r.commit != "" {
			by = fmt.Sprintf(" by commit %.10s", r.commit)
		}
		p.set(StateHeld, fmt.Sprintf("%s kept back, because %s was rolled back%s", strings.Join(parts[r], ", "), r.release, by),
			fmt.Sprintf("nothing, if that is meant; what ends it: %s, or: plateform retry %s", strings.Join(slices.Compact(ends[r]), ", "), p.Key))
	}
}

// judgeFailures explains what did not build, and how the last run failed when that was something else.
func (p *Project) judgeFailures(spec manifest.RunSpec, failure func(manifest.Key, string) string) {
	next := "push a fix, or run: plateform retry " + p.Key.String()
	log := "see its log: plateform logs " + p.Key.String() + " --build"
	last := spec.Last
	if last != nil && (last.Result != manifest.ResultFailed || spec.Retry != "" || mendedByWhatRuns(spec)) {
		last = nil
	}
	for _, h := range p.Holds {
		if h.Reason != manifest.HeldFailed {
			continue
		}
		why := failure(p.Key, h.Source)
		if spec.Last != nil && spec.Last.Result == manifest.ResultFailed && spec.Last.Source == h.Source && spec.Retry == "" {
			why, last = spec.Last.Error, nil
		}
		if why = ofService(h.Part, why); why != "" {
			why = ": " + why
		}
		if h.Source == "" { // an image that somebody named: nothing was built
			p.set(StateFailed, "the image of "+heldPart(h)+" cannot be used, and is not tried again by itself"+why,
				"name another image, or put this one there and run: plateform retry "+p.Key.String())
			continue
		}
		p.set(StateFailed, heldPart(h)+" did not build, and is not tried again by itself"+why, next, log)
	}
	if last != nil {
		todo := []string{next}
		if last.BuildID != "" {
			todo = append(todo, log)
		}
		p.set(StateFailed, "the last run failed: "+last.Error, todo...)
	}
}

// mendedByWhatRuns says that a push after the one of the last run came to the image that runs, as one that takes a mistake back
// does: no release and so no run was made of it.
func mendedByWhatRuns(spec manifest.RunSpec) bool {
	return spec.Last.Source != "" && slices.ContainsFunc(spec.Rebuilt, func(r manifest.Rebuilt) bool { return r.Source != "" && r.Source != spec.Last.Source })
}

// ofService is what is said of one service in a line that may speak of several.
func ofService(part, why string) string {
	_, service, several := strings.Cut(part, "/")
	if !several {
		return why
	}
	for _, said := range strings.Split(why, "; ") {
		if own, ok := strings.CutPrefix(said, service+": "); ok {
			return own
		}
	}
	return why
}

// judgeWaiting explains what waits because it came with the commit whose build of something else failed.
func (p *Project) judgeWaiting() {
	for _, h := range p.Holds {
		if h.Reason != manifest.HeldWaiting {
			continue
		}
		with := slices.IndexFunc(p.Holds, func(o manifest.Hold) bool { return o.Reason == manifest.HeldFailed && o.Key == h.WaitsFor })
		what, next := "what", "with the next push to the app"
		if with >= 0 {
			what = p.Holds[with].Part + ", which"
		}
		if !strings.HasPrefix(h.Part, manifest.PartSource) {
			next = "once that is mended or taken back"
		}
		p.say(fmt.Sprintf("%s waits: it came with %s did not build, and goes out %s", heldPart(h), what, next))
	}
}

// maxProblems is how many problems of files are told of one project. More are of no help; plateform validate has all.
const maxProblems = 3

// judgeFiles explains what is wrong with the files of a project, or with those it depends on.
func (p *Project) judgeFiles(problems manifest.Problems) {
	const next = "mend it and push (plateform validate lists every problem)"
	for i, problem := range problems {
		if i == maxProblems {
			p.say(fmt.Sprintf("and %d more problems", len(problems)-i))
			return
		}
		p.set(StateFailed, reconciler.NothingNew+problem.String(), next)
	}
}

// judgeSources tells which sources are not followed. One whose host does not answer is only asked again.
func (p *Project) judgeSources(lost []manifest.LostSource) {
	for _, l := range lost {
		what := "the source"
		if _, service, several := strings.Cut(l.Part, "/"); several {
			what += " of " + service
		}
		why := fmt.Sprintf("%s cannot be read since %s: %s", what, rfc3339(l.Since), l.What)
		if p.Runs != "" {
			why += "; " + p.Runs + " keeps running, and no push is deployed"
		}
		if l.Reason == manifest.LostHost {
			p.say(why, reconciler.LostFix(l.Reason))
			continue
		}
		p.set(StateFailed, why, reconciler.LostFix(l.Reason)+"; it goes on by itself")
	}
}

// heldPart names a part that is held: what people changed, and of a source its commit of the app.
func heldPart(h manifest.Hold) string {
	switch {
	case h.Source != "" && strings.HasPrefix(h.Part, manifest.PartSource):
		return fmt.Sprintf("%s at commit %.10s", h.Part, h.Source)
	case h.Part == manifest.PartProject:
		return "the change of project.yaml"
	}
	return h.Part
}

// partNoun is what people change when they change a part.
func partNoun(part string) string {
	switch {
	case strings.HasPrefix(part, manifest.PartSource):
		return "a push to the app"
	case part == manifest.PartProject:
		return "a change of project.yaml"
	}
	return "a change of platform.yaml or workspace.yaml"
}

// set gives the project a state with its reason. A later state is the graver one.
func (p *Project) set(state State, why string, next ...string) {
	p.State = state
	p.say(why, next...)
}

// say adds a reason, which is empty when only what to do is to be said, and what to do about it.
func (p *Project) say(why string, next ...string) {
	p.Reasons = append(p.Reasons, Reason{Why: why, Next: next})
	if why != "" {
		p.Why = append(p.Why, why)
	}
	for _, advice := range next {
		if !slices.Contains(p.Next, advice) {
			p.Next = append(p.Next, advice)
		}
	}
}
