package loop

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/backlog"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/worker"
)

// patience is how many looks at a source may fail in a row before it is reported.
const patience = 3

// sources says which places are to be looked at, and takes in what was seen.
type sources struct {
	*world
	runs   *runs
	recall *recall
	worker *worker.Sources
	// watched maps what is looked at to the parts that come from there.
	watched map[worker.Watch]map[manifest.Key][]string
	// lost are the projects that cannot follow a source.
	lost backlog.Lost
}

func newSources(w *world, runs *runs, recall *recall, looks *worker.Sources) *sources {
	looks.DropAll()
	return &sources{world: w, runs: runs, recall: recall, worker: looks, watched: map[worker.Watch]map[manifest.Key][]string{}}
}

// observe takes in what was seen.
func (s *sources) observe() {
	for _, sighting := range s.worker.Take() {
		wanted := s.watched[sighting.Watch]
		for _, k := range slices.SortedFunc(maps.Keys(wanted), manifest.Key.Compare) {
			for _, part := range wanted[k] {
				s.see(s.projects.get(k), part, sighting)
			}
		}
	}
}

// see takes in one look at one source part.
func (s *sources) see(p *project, part string, sighting worker.Sighting) {
	if sighting.Err != nil {
		put(&p.sources.failures, part, sighting)
		s.projects.touch(p.key)
		return
	}
	if _, failed := p.sources.failures[part]; failed {
		delete(p.sources.failures, part)
		s.projects.touch(p.key)
	}
	s.moved(p, part, sighting)
	if slices.ContainsFunc(p.memory.Lost, func(l manifest.LostSource) bool { return l.Part == part }) {
		put(&p.sources.losses, part, p.sources.losses[part]+1)
		s.projects.touch(p.key)
	}
}

// remember takes into what is remembered which sources of a project cannot be followed, and says it once in the log.
func (s *sources) remember(p *project, v *config.View) {
	before := p.memory.Lost
	if len(before) == 0 && len(p.sources.failures) == 0 { // as nearly always
		s.lost.Keep(p.key, p.memory.Lost)
		return
	}
	p.memory = decision.SourcesLooked(p.memory, v, p.looks(), s.now())
	s.lost.Keep(p.key, p.memory.Lost)
	if reflect.DeepEqual(before, p.memory.Lost) {
		return
	}
	for _, l := range p.memory.Lost {
		if !slices.Contains(before, l) {
			s.options.Log.Warn("a source cannot be followed; what runs keeps running", "project", p.key.String(), "part", l.Part,
				"error", l.What, "next", reconciler.LostFix(l.Reason))
		}
	}
	for _, l := range before {
		if v.Present && !slices.ContainsFunc(p.memory.Lost, func(after manifest.LostSource) bool { return after.Part == l.Part }) {
			s.options.Log.Info("a source is followed again", "project", p.key.String(), "part", l.Part)
		}
	}
}

// looks are what the looks at the sources of a project have come to, by part.
func (p *project) looks() map[string]decision.Looks {
	looks := map[string]decision.Looks{}
	for part := range p.sources.tips {
		looks[part] = decision.Looks{Seen: true}
	}
	for part, failed := range p.sources.failures {
		looks[part] = decision.Looks{
			Failures: failed.Failures, Since: failed.Since, Reason: failed.Reason, Steady: failed.Steady, Losses: p.sources.losses[part],
		}
	}
	return looks
}

// watch says which places the sources of a project come from. Those that the platform does not allow are nobody's to name: the
// machines of the inside are behind them.
func (s *sources) watch(p *project, v *config.View) {
	var wanted map[worker.Watch][]string
	if v.Present && v.Parsed {
		for _, input := range manifest.SourceInputs(v.Spec) {
			if input.Reference == "" && !slices.Contains(v.Forbidden, input.Source.Repository) {
				w := worker.WatchOf(input)
				put(&wanted, w, append(wanted[w], input.Part))
			}
		}
	}
	for w := range p.sources.watches {
		if _, still := wanted[w]; !still {
			s.unwatch(p.key, w)
		}
	}
	for w, parts := range wanted {
		if slices.Equal(p.sources.watches[w], parts) {
			continue
		}
		if s.watched[w] == nil {
			s.watched[w] = map[manifest.Key][]string{}
		}
		s.watched[w][p.key] = parts
		for _, part := range parts { // where it was under other settings says nothing
			delete(p.sources.tips, part)
			delete(p.sources.before, part)
			delete(p.sources.failures, part)
		}
		s.worker.Add(w)
	}
	p.sources.watches = wanted
}

func (s *sources) unwatch(k manifest.Key, w worker.Watch) {
	delete(s.watched[w], k)
	if len(s.watched[w]) == 0 {
		delete(s.watched, w)
		s.worker.Drop(w)
	}
}

// lookAgain makes what is known of where sources are count no more where a retry was asked for: what was pushed just
// before is meant too. It comes after all commits that are new: what they roll back is held where it was known to be.
func (s *sources) lookAgain() {
	for k := range s.projects.dirty {
		p := s.projects.all[k]
		if p == nil || !p.sources.again {
			continue
		}
		p.sources.again = false
		for w, parts := range p.sources.watches {
			for _, part := range parts {
				if tip, seen := p.sources.tips[part]; seen {
					put(&p.sources.before, part, tip)
				}
				delete(p.sources.tips, part)
				delete(p.sources.failures, part)
			}
			s.worker.Renew(w)
		}
	}
}

// moved takes in where one source part of one project is now. A push to the app begins a run.
func (s *sources) moved(p *project, part string, sighting worker.Sighting) {
	tip := sighting.Tip
	last, seen := p.sources.tips[part]
	if seen && last == tip {
		return
	}
	view := s.view(p.key)
	before := p.before()
	retry := p.memory.Retry != ""
	base := p.base(view)
	old, _ := decision.HeadKeys(view, base, retry, p.sources.tips)
	put(&p.sources.tips, part, tip)
	keys, _ := decision.HeadKeys(view, base, retry, p.sources.tips)
	s.projects.touch(p.key)
	p.memory = decision.SourceMoved(before, view, p.sources.tips, part, p.seenEarlier(tip.Commit))
	if keys[part] == old[part] || keys[part] == "" || decision.HasHold(p.memory, part, keys[part]) || decision.IsRebuilt(p.memory, part, keys[part]) {
		return
	}
	if !seen && (old[part] == "" && base != nil || !s.isPush(p, before, part, keys[part])) {
		return
	}
	i := slices.IndexFunc(p.runs, func(r *run) bool { return r.Source == tip.Commit })
	if i >= 0 { // an earlier process has seen it
		p.runs[i].sourceKey = cmp.Or(p.runs[i].sourceKey, keys[part])
		return
	}
	cause := manifest.Cause{Kind: manifest.CauseSource, Commit: tip.Commit, Config: s.catalog.Commit, By: tip.By}
	s.runs.start(p, &run{Run: newRun(p.key, cause), pushed: pushed{keys[part], sighting.Repository}})
}

// isPush says that the first look at a source finds something that was pushed since somebody last looked. before is what was
// remembered until then.
func (s *sources) isPush(p *project, before decision.Before, part, key string) bool {
	view := s.view(p.key)
	commit := p.sources.tips[part].Commit
	remembered, known := decision.Remembered(before, view, part, commit)
	switch last, looked := p.sources.before[part]; {
	case view.Spec.Paused || len(view.Problems) > 0 || p.memory.Frozen != nil: // nothing comes of it
		return false
	case looked && last.Commit == commit: // a retry looks again at what was reported
		return false
	case s.recall.knows(p.key, part, key):
		return false
	case decision.BaseRelease(before, view) == nil: // the commit that says where it comes from has a run of its own
		return known && !remembered && !slices.ContainsFunc(p.runs, func(r *run) bool { return r.forSource })
	}
	return !remembered || !lastFailedWith(before.Run, commit)
}

// lastFailedWith says that the last run of a project failed with a commit of the app.
func lastFailedWith(run manifest.RunSpec, commit string) bool {
	return run.Last != nil && run.Last.Result == manifest.ResultFailed && run.Last.Source == commit
}

// unreadable says why the source of a part cannot be read; empty while it may only be a matter of time.
func (s *sources) unreadable(p *project, input manifest.SourceInput) manifest.Problems {
	if look := p.looks()[input.Part]; !look.Lost(s.now()) {
		return nil
	}
	failed := p.sources.failures[input.Part]
	fix := "it goes on by itself once it answers"
	if failed.Reason != manifest.LostHost {
		fix = reconciler.LostFix(failed.Reason) + "; it goes on by itself"
	}
	return manifest.Problems{{
		File: manifest.ProjectFile(p.key), Field: "spec.source", What: "the source cannot be read: " + failed.Err.Error(), Fix: fix,
	}}
}

// unreadableParts are the parts whose sources could not be read for a while.
func (p *project) unreadableParts() map[string]bool {
	unreadable := map[string]bool{}
	for part, sighting := range p.sources.failures {
		unreadable[part] = sighting.Failures >= patience
	}
	return unreadable
}
