package direct

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/health"
	"github.com/plateform/plateform/reconciler/live"
)

// settling is the time between two looks at what does not run yet, should the watches not tell.
const settling = 2 * time.Second

// observe says how what was applied does, and when to look again.
func (p *project) observe(ctx context.Context, w wanted) (again time.Duration) {
	v, err := p.judge(ctx)
	if err != nil {
		return p.trouble(w, err)
	}
	again = settling
	var reach reconciler.Reach
	if v.Phase == reconciler.PhaseHealthy {
		reach, v.Phase, again = p.live.Look(ctx, live.Question{Key: p.key, Namespace: w.Namespace, URL: w.URL, Release: w.Release})
		if v.Phase != reconciler.PhaseHealthy {
			v.Cause = cmp.Or(reach.Missing, "it runs; "+w.URL+" is asked")
		}
	}
	p.state.Conclude(w, func(r *reconciler.Rollout) {
		r.Reach = reach
		r.Phase, r.Cause, r.Gone, r.Log, r.Problems = v.Phase, line(v.Cause), v.Gone, v.Log, v.Problems()
		r.Lapsed = p.HasLapsed(w, v.Phase)
	})
	if v.Phase == reconciler.PhaseHealthy {
		p.Prove(w)
		if err := retire(ctx, p, w); err != nil {
			p.engine.options.Log.Warn("Secrets of releases before are still there", "project", p.key.String(), "error", err)
		}
	}
	return min(again, p.engine.options.Times.Drift)
}

// judge looks at all that a project is made of. The worst of it counts.
func (p *project) judge(ctx context.Context) (health.Verdict, error) {
	v := health.Verdict{Phase: reconciler.PhaseHealthy}
	for id := range p.applied.Objects {
		if isSecret(id.GroupKind) { // it is there once it was applied
			continue
		}
		o, err := p.seen(ctx, id)
		if err != nil {
			return v, err
		}
		if o == nil || o.GetGeneration() < p.generations[id] {
			one := health.Verdict{Phase: reconciler.PhaseProgressing, Cause: "waiting for the cluster to have " + strings.ToLower(id.GroupKind.Kind) + " " + id.Name}
			if one.Worse(v) {
				v = one
			}
			continue
		}
		one, err := p.looks.Look(ctx, o)
		if err != nil {
			return v, err
		}
		if one.Worse(v) {
			v = one
		}
	}
	return v, nil
}
