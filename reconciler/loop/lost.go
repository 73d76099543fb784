package loop

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// maxLost is how many projects are named that do not follow a source.
const maxLost = 20

// LostProject is a project that does not follow some of its sources.
type LostProject struct {
	Key     manifest.Key
	Sources []manifest.LostSource
}

// keepLost keeps account of a project whose sources cannot be followed, or can.
func (s *sources) keepLost(p *project) {
	if before, was := s.lost[p.key]; was == (len(p.memory.Lost) > 0) && slices.Equal(before, p.memory.Lost) {
		return
	}
	s.lostNow = nil
	if delete(s.lost, p.key); len(p.memory.Lost) > 0 {
		s.lost[p.key] = p.memory.Lost
	}
}

// lostProjects are the first projects that do not follow a source.
func (s *sources) lostProjects() []LostProject {
	if s.lostNow == nil {
		s.lostNow = []LostProject{}
		keys := slices.SortedFunc(maps.Keys(s.lost), manifest.Key.Compare)
		for _, k := range keys[:min(len(keys), maxLost)] {
			s.lostNow = append(s.lostNow, LostProject{k, s.lost[k]})
		}
	}
	return s.lostNow
}

// notFollowed are the sources that a project does not follow as things are: those that are lost, and those whose host does not
// answer although it was asked a few times.
func (p *project) notFollowed(v *config.View) (lost []manifest.LostSource) {
	if len(p.memory.Lost) == 0 && len(p.sources.failures) == 0 || !v.Parsed || v.Spec.Paused {
		return nil
	}
	for _, input := range manifest.SourceInputs(v.Spec) {
		if input.Reference != "" || !decision.Followed(input) {
			continue
		}
		at := slices.IndexFunc(p.memory.Lost, func(l manifest.LostSource) bool { return l.Part == input.Part })
		switch failed := p.sources.failures[input.Part]; {
		case at >= 0:
			lost = append(lost, p.memory.Lost[at])
		case failed.Failures >= patience && failed.Reason == manifest.LostHost:
			lost = append(lost, manifest.LostSource{
				Part: input.Part, Reason: failed.Reason, What: reconciler.LostWhat(failed.Reason, input.Source), Since: failed.Since,
			})
		}
	}
	return lost
}

// stopped says that a project does not follow a source that somebody has to bring back.
func (p *project) stopped(v *config.View) bool {
	return slices.ContainsFunc(p.notFollowed(v), func(l manifest.LostSource) bool { return l.Reason != manifest.LostHost })
}

// tell has it told, on the commit that last edited a project, that it does not follow its source any more. That commit may have
// had its verdict long ago: its run goes on until the source is followed again.
func (s *sources) tell() {
	if !s.recall.over { // it may have been told before
		return
	}
	var untold []manifest.Key
	for k := range s.projects.dirty {
		p := s.projects.get(k)
		if len(p.memory.Lost) > 0 && !p.decided.unreadable && p.stopped(s.view(k)) && !slices.ContainsFunc(p.runs, func(r *run) bool { return r.stopped }) {
			untold = append(untold, k)
		}
	}
	if len(untold) == 0 {
		return
	}
	edits, err := s.history().LastEdits(s.catalog.Commit, untold)
	if err != nil {
		s.options.Log.Error("it cannot be told on a commit that a source is lost; status tells it", "error", err)
		return
	}
	for _, k := range untold {
		commit, found := edits[k]
		if !found {
			commit = s.catalog.Commit
		}
		cause := manifest.Cause{Kind: manifest.CauseConfig, Commit: commit, Config: commit}
		told := &run{Run: newRun(k, cause), repeated: true}
		told.stopped = s.runs.join(s.projects.get(k), told) == told // one that still goes on tells it in its verdict
	}
}
