package loop

import (
	"cmp"
	"errors"
	"slices"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/gate"
)

// Ready says that both repositories were read, every project was decided on at least once, and what is to be written gets
// in.
func (r *Reconciler) Ready() bool { return len(r.Unready()) == 0 }

// Unready says why it is not ready, in a line each; nothing when it is. It may be called from anywhere.
func (r *Reconciler) Unready() (reasons []string) {
	r.mu.Lock()
	ready, failing := r.ready, r.passes
	reasons = slices.Clone(r.keptOut)
	r.mu.Unlock()
	switch {
	case !ready && failing.Why() != "":
		return append(reasons, "the repositories have not been read yet: "+failing.Why())
	case !ready:
		return append(reasons, "the repositories have not been read yet")
	case failing.Long():
		reasons = append(reasons, failing.Why())
	}
	if err := r.workers.Outbox.Trouble(); err != nil {
		reasons = append(reasons, "people are not told how far their changes are: "+whyNotTold(err))
	}
	return reasons
}

// tellFailing tells those who wait for a decision why there is none.
func (s *session) tellFailing(why string) {
	for _, k := range s.projects.dirtyKeys() {
		for _, r := range s.projects.get(k).runs {
			if !r.replayed && !r.waits {
				s.runs.report(s.projects.get(k), r, reconciler.Report{
					State: reconciler.StatePending, Stage: cmp.Or(r.last.Stage, reconciler.StageQueued), Outcome: reconciler.OutcomeRetrying, Detail: why,
				})
			}
		}
	}
}

// whyNotTold says why reports do not get to the forge.
func whyNotTold(err error) string {
	var refusal reconciler.Refusal
	if errors.As(err, &refusal) {
		return "the server refuses Plateform's push: " + gate.Short(refusal.Refusal())
	}
	return gate.Short(err.Error())
}

// gates are those of the two repositories. They outlive a session: what keeps pushes out is not mended by reading again.
type gates struct{ config, gitops *gate.Gate }

func newGates() gates {
	return gates{gate.New("config", "platform-config"), gate.New("gitops", "plateform-gitops")}
}

// both are the gates in a fixed order.
func (gs gates) both() []*gate.Gate { return []*gate.Gate{gs.config, gs.gitops} }

// stuck tells the runs of a project why they wait at a gate, without leaving the stage that they were told of.
func (rs *runs) stuck(p *project, g *gate.Gate) {
	for _, r := range p.runs {
		if r.replayed || r.waits {
			continue
		}
		report := g.Report()
		report.State, report.Stage = reconciler.StatePending, cmp.Or(r.last.Stage, reconciler.StageQueued)
		if p.decided.rest != nil || p.decided.draft != nil {
			report.Stage = reconciler.StageUpdatingGitOps
		}
		rs.report(p, r, report)
	}
}
