package loop

import (
	"cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// history answers questions about commits of the config repository.
func (w *world) history() config.History { return config.History{Reader: w.options.Config} }

// together says which authored parts a commit changed together with a source since the release that runs. What this
// process did not see is read out of the history once.
func (w *world) together(p *project, v *config.View) (map[string]bool, error) {
	if p.together != nil {
		return p.together, nil
	}
	together := map[string]bool{}
	if base := p.base(v); base != nil {
		var failed error
		err := w.history().Edits(w.catalog.Commit, base.Spec.Cause.Config, p.key, func(commit string, before, after *manifest.Project) bool {
			if !decision.SourcesChanged(before.Spec, after.Spec) {
				return true
			}
			t, err := w.history().TransitionAt(w.options.Charts, commit, p.key)
			for _, part := range decision.Together(t) {
				together[part] = true
			}
			failed = err
			return err == nil
		})
		if err = cmp.Or(err, failed); err != nil {
			return nil, err
		}
	}
	p.together = together
	return together, nil
}

// asksForSource says that a config commit changed where the code of a project comes from. One that is gone with a history
// that was rewritten is not taken to have.
func (w *world) asksForSource(k manifest.Key, hash string) bool {
	commit, err := w.options.Config.Commit(hash)
	if err != nil {
		return false
	}
	if len(commit.Parents) == 0 {
		return true
	}
	after, err := w.history().Project(hash, k)
	if err != nil || after == nil {
		return false
	}
	before, err := w.history().Project(commit.Parents[0], k)
	return err == nil && (before == nil || decision.SourcesChanged(before.Spec, after.Spec))
}
