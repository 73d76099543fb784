package loop

import (
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// history answers questions about commits of the config repository.
func (w *world) history() config.History { return config.History{Reader: w.options.Config} }

// together says which authored parts a commit changed together with a source since the release that runs. What this
// process did not see is read out of the history once.
func (w *world) together(p *project, v *config.View) (map[string]bool, error) {
	base := p.base(v)
	switch {
	case p.together != nil:
		return p.together, nil
	case base == nil:
		p.together = map[string]bool{}
		return p.together, nil
	}
	var err error // with which it stays nil, and is asked for again
	p.together, err = decision.TogetherSince(w.history(), w.options.Charts, w.catalog.Commit, base.Spec.Cause.Config, p.key)
	return p.together, err
}

// asksForSource says that a config commit changed where the code of a project comes from.
func (w *world) asksForSource(k manifest.Key, hash string) bool {
	return decision.AsksForSource(w.history(), hash, k)
}
