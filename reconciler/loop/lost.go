package loop

import (
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

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
		if len(p.memory.Lost) > 0 && !p.decided.unreadable && p.stopped(s.view(k)) && !p.isTold() {
			untold = append(untold, k)
		}
	}
	s.runs.stop(untold)
}

// isTold says that a run is open that tells how the project has come to a stop.
func (p *project) isTold() bool {
	return slices.ContainsFunc(p.runs, func(r *run) bool { return r.stopped })
}

// stop opens runs of projects again that have come to a stop, on the commits that last edited them.
func (rs *runs) stop(keys []manifest.Key) {
	if len(keys) == 0 {
		return
	}
	edits, err := rs.history().LastEdits(rs.catalog.Commit, keys)
	if err != nil {
		rs.options.Log.Error("it cannot be told on a commit that a project has come to a stop; /readyz tells it", "error", err)
		return
	}
	for _, k := range keys {
		commit, found := edits[k]
		if !found {
			commit = rs.catalog.Commit
		}
		cause := manifest.Cause{Kind: manifest.CauseConfig, Commit: commit, Config: commit}
		told := &run{Run: newRun(k, cause), repeated: true}
		told.stopped = rs.join(rs.projects.get(k), told) == told // one that still goes on tells it in its verdict
	}
}
