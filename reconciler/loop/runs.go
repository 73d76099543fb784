package loop

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/worker"
)

// run is a run as the loop follows it.
type run struct {
	reconciler.Run
	pushed
	// forSource says that a config commit asks for an image: it changed where the code comes from or how it is built.
	forSource bool
	// asks is what the commit asks for besides a rollback; empty when that is all, and for a retry.
	asks manifest.CauseKind
	// of silent runs only the end is reported: nobody watches a release commit on its way.
	silent bool
	earlier
	// repeated runs ended in an earlier process, and are only reported again.
	repeated bool
	// waits says that it was told a failure that goes on by itself. A stopped run was over, until a source that it asked for
	// could not be followed any more, or what runs was not healthy any more.
	waits, stopped bool
	// own are the problems that the commit itself made or left in the files it touched.
	own manifest.Problems
	// awaits is the release whose rollout the run waits for.
	awaits string
	// number of its first report in the outbox; 0 while there is none. recalled runs were reported by an earlier process.
	number   int
	recalled bool
	// last is what was last reported of it.
	last reconciler.Report
}

// earlier says what a run has to do with earlier processes.
type earlier struct {
	// replayed runs were read out of the history again and have not been reported yet. That nothing had to be done is not
	// reported for them.
	replayed bool
	// again says that an earlier process began the run, and may have told people the same.
	again bool
}

// pushed is what is known of a push to the app: the key of the part that it is for, and the URL it was pushed to.
type pushed struct{ sourceKey, repository string }

// newRun is a run of a project that a cause begins.
func newRun(k manifest.Key, cause manifest.Cause) reconciler.Run {
	return reconciler.Run{ID: reconciler.RunID(k, cause), Project: k, Cause: cause, Source: reconciler.SourceOf(cause)}
}

// runs owns the runs of all projects: it starts them, reports on them, and ends them. All that happens to one goes out as
// events.
type runs struct {
	*world
	outbox    *worker.Outbox
	observers []reconciler.Observer
	// waiting projects have a run that goes on, or had until lately.
	waiting map[manifest.Key]bool
	// unlanded are reports that were handed to the outbox, with their numbers, by project; those about the config repository
	// itself are under no key. sweptTo is what had landed when they were last gone through.
	unlanded map[manifest.Key][]numbered
	sweptTo  int
	// reported counts the reports of this pass.
	reported int
}

// numbered is a report with its number in the outbox.
type numbered struct {
	reconciler.Report
	number int
}

// emit tells everybody who wants to know that something happened.
func (rs *runs) emit(e reconciler.Event) {
	e.At = rs.now()
	for _, o := range rs.observers {
		o.Observe(e)
	}
}

// emitAll tells of something that happened to all runs of a project that are not silent.
func (rs *runs) emitAll(p *project, e reconciler.Event) {
	e.Project = p.key
	for _, r := range p.runs {
		if !r.silent {
			e.Runs = append(e.Runs, &r.Run)
		}
	}
	if release := rs.gitops.Project(p.key).Release(); len(e.Runs) == 0 && release != nil { // an earlier process answered them
		finished := newRun(p.key, release.Spec.Cause)
		e.Runs = []*reconciler.Run{&finished}
	}
	rs.emit(e)
}

// start starts a run unless the same one goes on, and returns the one that does.
func (rs *runs) start(p *project, r *run) *run {
	open := rs.join(p, r)
	if open == r && !r.silent {
		rs.emit(reconciler.Event{Kind: reconciler.EventStarted, Project: p.key, Runs: []*reconciler.Run{&r.Run}, Replayed: r.replayed, Recalled: r.again})
	}
	return open
}

// join goes on with a run unless the same one goes on already, and returns the one that does.
func (rs *runs) join(p *project, r *run) *run {
	for _, open := range p.runs {
		if open.Cause.Config == r.Cause.Config && open.Source == r.Source {
			open.own = append(open.own, r.own...)
			open.forSource = open.forSource || r.forSource
			return open
		}
	}
	if r.StartedAt.IsZero() {
		r.StartedAt = rs.now()
	}
	p.runs = append(p.runs, r)
	rs.waiting[p.key] = true
	return r
}

// startAgain starts the runs that an earlier process may not have reported. The forge leaves out what was said.
func (rs *runs) startAgain(p *project) {
	for _, cause := range p.memory.Asked {
		if known(cause) {
			rs.start(p, &run{Run: newRun(p.key, cause), forSource: rs.askedForSource(p.key, cause), earlier: earlier{again: true}})
		}
	}
}

// askedForSource says that a run that an earlier process began asks for an image.
func (rs *runs) askedForSource(k manifest.Key, cause manifest.Cause) bool {
	return cause.Kind == manifest.CauseRetry || cause.Kind == manifest.CauseConfig && rs.asksForSource(k, cause.Config)
}

// leftover is what a session knew that no repository does: runs that were reported, or are about to be.
type leftover struct {
	runs     []*run
	unlanded map[manifest.Key][]numbered
}

// leave returns the runs that go on, for the session that comes after.
func (rs *runs) leave() leftover {
	l := leftover{unlanded: rs.unlanded}
	for _, k := range rs.projects.keys() {
		for _, r := range rs.projects.get(k).runs {
			if !r.silent && !r.replayed {
				l.runs = append(l.runs, r)
			}
		}
	}
	return l
}

// takeOver goes on with the runs of the session before.
func (rs *runs) takeOver(l leftover) {
	for k, earlier := range l.unlanded {
		rs.unlanded[k] = append(earlier, rs.unlanded[k]...)
	}
	for _, r := range l.runs {
		p := rs.projects.get(r.Project)
		rs.projects.touch(r.Project)
		if open := rs.join(p, r); open != r {
			open.replayed, open.again = false, r.again
			open.recalled = open.recalled || r.recalled
			open.waits, open.stopped, open.last = open.waits || r.waits, open.stopped || r.stopped, r.last
			if open.number == 0 || r.number != 0 && r.number < open.number {
				open.number = r.number
			}
		}
	}
}

// report tells how far a run is.
func (rs *runs) report(p *project, r *run, report reconciler.Report) {
	if r.silent && !report.Terminal() {
		return
	}
	r.again = r.again || r.replayed
	r.replayed = false
	report.Subject = reconciler.Subject{
		Project: p.key, Commit: r.Cause.Config, Cause: r.Cause.Kind, Source: r.Source, SourceRepository: r.repository, Aside: r.silent,
	}
	if rs.options.LogURL != nil && report.Build.ID != "" {
		report.Build.URL = rs.options.LogURL(p.key, r.ID)
	}
	if reflect.DeepEqual(r.last, report) { // it is still waiting for the same
		return
	}
	r.last, r.waits = report, report.Waits
	report.At = rs.now()
	if r.StartedAt.IsZero() {
		r.StartedAt = report.At
	}
	r.Take(report)
	number := rs.send(report)
	if r.number == 0 {
		r.number = number
	}
	e := reconciler.Event{Kind: reconciler.EventReported, Project: p.key, Report: &report, Recalled: r.again}
	if !r.silent && !r.repeated {
		e.Runs = []*reconciler.Run{&r.Run}
	}
	rs.emit(e)
}

// send hands a report to the outbox.
func (rs *runs) send(report reconciler.Report) (number int) {
	number = rs.outbox.Add(report)
	rs.unlanded[report.Project] = append(rs.unlanded[report.Project], numbered{report, number})
	rs.reported++
	return number
}

// takeCount returns how many reports there were since it was last asked.
func (rs *runs) takeCount() int {
	n := rs.reported
	rs.reported = 0
	return n
}

// reportAll tells how far all runs of a project are.
func (rs *runs) reportAll(p *project, report reconciler.Report) {
	report.State = reconciler.StatePending
	waits := len(p.memory.Lost) > 0 || p.awaitsImage(rs.view(p.key))
	for _, r := range p.runs {
		if !r.waits || !waits { // else it goes on waiting for its source or image
			rs.report(p, r, report)
		}
	}
}

// queued tells that all runs of a project wait for their turn.
func (rs *runs) queued(p *project) {
	rs.reportAll(p, reconciler.Report{Stage: reconciler.StageQueued, Outcome: reconciler.OutcomeWaiting})
}

// retrying tells all runs of a project why they wait.
func (rs *runs) retrying(p *project, stage reconciler.Stage, err error) {
	rs.reportAll(p, reconciler.Report{Stage: stage, Outcome: reconciler.OutcomeRetrying, Detail: manifest.FirstLine(err.Error())})
}

// end ends the runs that the function gives a verdict; one without an outcome ends without a word. A failure that goes on by
// itself is told, and the run is not over.
func (rs *runs) end(p *project, verdict func(*run) (report reconciler.Report, over bool)) {
	var open []*run
	for _, r := range p.runs {
		report, over := verdict(r)
		if (over || report.Waits) && report.Outcome != "" {
			rs.report(p, r, report)
		}
		if !over {
			open = append(open, r)
		}
	}
	p.runs = open
}

// ensure makes sure that a run goes on for what is about to be done: after a restart nobody may be left who asked, but the
// commit is still there.
func (rs *runs) ensure(p *project, v *config.View) *run {
	for _, r := range slices.Backward(p.runs) {
		if !r.silent && !r.stopped {
			return r
		}
	}
	cause := manifest.Cause{Kind: manifest.CauseConfig, Commit: rs.catalog.Commit, Config: rs.catalog.Commit}
	r := &run{}
	base := p.base(v)
	keys, _ := decision.HeadKeys(v, base, false, p.sources.tips)
	for _, input := range manifest.SourceInputs(v.Spec) {
		tip, seen := p.sources.tips[input.Part]
		if decision.IsHeld(p.memory, input.Part, keys[input.Part], p.sources.tips) {
			continue
		}
		if seen && base != nil && keys[input.Part] != base.Spec.Parts[input.Part] && keys[manifest.PartProject] == base.Spec.Parts[manifest.PartProject] {
			cause.Kind, cause.Commit, cause.By = manifest.CauseSource, tip.Commit, tip.By
			r.sourceKey, r.repository = keys[input.Part], input.Source.Repository
		}
	}
	if cause.Kind != manifest.CauseSource {
		cause.Commit = rs.history().LastEdit(rs.catalog.Commit, p.key)
		cause.Config = cause.Commit
		r.forSource = rs.asksForSource(p.key, cause.Config) // else it is not to blame for a build
	}
	r.Run = newRun(p.key, cause)
	return rs.start(p, r)
}

// landed forgets the reports that people have seen, and returns the number of the newest of them.
func (rs *runs) landed() int {
	landed := rs.outbox.Landed()
	if landed == rs.sweptTo {
		return landed
	}
	rs.sweptTo = landed
	for k, waiting := range rs.unlanded {
		rs.unlanded[k] = slices.DeleteFunc(waiting, func(n numbered) bool { return n.number <= landed })
		if len(rs.unlanded[k]) == 0 {
			delete(rs.unlanded, k)
		}
	}
	return landed
}

// seen says that somebody was told of a run, so that nobody has to be told again of its beginning.
func (r *run) seen(landed int) bool { return r.recalled || r.number > 0 && r.number <= landed }

// unreported are the causes of runs that were not reported, nor are remembered as those a run was for. GitOps
// is about to stand for the commits they asked with: should this process end before it has reported them, the next one does.
func (rs *runs) unreported(p *project) []manifest.Cause {
	landed := rs.landed()
	var unreported []manifest.Cause
	add := func(c manifest.Cause) {
		same := func(o manifest.Cause) bool {
			return o.Config == c.Config && reconciler.SourceOf(o) == reconciler.SourceOf(c)
		}
		if last := p.memory.Last; last != nil && (same(last.Cause) || slices.ContainsFunc(last.Also, same)) ||
			slices.ContainsFunc(unreported, same) {
			return
		}
		unreported = append(unreported, c)
	}
	for _, r := range p.runs {
		if !r.silent && !r.replayed && !r.stopped && !r.seen(landed) {
			add(r.Cause)
		}
	}
	for _, n := range rs.unlanded[p.key] {
		if !n.Terminal() {
			continue
		}
		c := manifest.Cause{Kind: manifest.CauseConfig, Commit: n.Commit, Config: n.Commit}
		if n.Source != "" {
			c.Kind, c.Commit = manifest.CauseSource, n.Source
		}
		add(c)
	}
	return unreported
}

// unreportedKeys are the projects with runs that may not have been reported, sorted.
func (rs *runs) unreportedKeys() []manifest.Key {
	landed := rs.landed()
	keys := map[manifest.Key]bool{}
	for k := range rs.waiting {
		p := rs.projects.all[k]
		if len(p.runs) == 0 {
			delete(rs.waiting, k)
		}
		if slices.ContainsFunc(p.runs, func(r *run) bool { return !r.seen(landed) }) {
			keys[k] = true
		}
	}
	for k := range rs.unlanded {
		if k != (manifest.Key{}) && rs.projects.all[k] != nil {
			keys[k] = true
		}
	}
	return slices.SortedFunc(maps.Keys(keys), manifest.Key.Compare)
}

// oldest is when the loop first saw the change that waits the longest for its end; zero when none does. What waits for people
// to mend a source does not count.
func (rs *runs) oldest() (oldest time.Time) {
	for k := range rs.waiting {
		p := rs.projects.all[k]
		if len(p.runs) == 0 {
			delete(rs.waiting, k)
		}
		for _, r := range p.runs {
			if !r.replayed && !r.waits && (oldest.IsZero() || r.StartedAt.Before(oldest)) {
				oldest = r.StartedAt
			}
		}
	}
	return oldest
}
