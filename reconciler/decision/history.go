package decision

import (
	"cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// TogetherSince are the authored parts of a project that commits changed together with a source, from base, which is left out, up
// to head. base is the commit that the running release was made for.
func TogetherSince(h config.History, charts reconciler.Charts, head, base string, k manifest.Key) (map[string]bool, error) {
	together := map[string]bool{}
	var failed error
	err := h.Edits(head, base, k, func(commit string, before, after *manifest.Project) bool {
		if !SourcesChanged(before.Spec, after.Spec) {
			return true
		}
		t, err := h.TransitionAt(charts, commit, k)
		for _, part := range Together(t) {
			together[part] = true
		}
		failed = err
		return err == nil
	})
	if err = cmp.Or(err, failed); err != nil {
		return nil, err
	}
	return together, nil
}

// AsksForSource says that a config commit changed where the code of a project comes from. One that is gone with a history
// that was rewritten is not taken to have.
func AsksForSource(h config.History, hash string, k manifest.Key) bool {
	commit, err := h.Commit(hash)
	if err != nil {
		return false
	}
	if len(commit.Parents) == 0 {
		return true
	}
	after, err := h.Project(hash, k)
	if err != nil || after == nil {
		return false
	}
	before, err := h.Project(commit.Parents[0], k)
	return err == nil && (before == nil || SourcesChanged(before.Spec, after.Spec))
}
