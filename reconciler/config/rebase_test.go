package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/test/gitserver"
)

// A history that was rewritten is taken up where both have their last commit in common; one that has none is its head alone.
func TestRebase(t *testing.T) {
	w := newWorld(t)
	common := w.repo.Head("main")
	blog := key("ws-1/blog")
	w.commit(map[string]string{manifest.ProjectFile(blog): project(blog, "")})
	w.repo.Git("update-ref", "refs/heads/main", common)
	var rewritten []string
	for _, spec := range []string{", replicas: 2", ", replicas: 3"} {
		rewritten = append(rewritten, w.repo.Commit(gitserver.Change{
			Message: "Another way", Files: map[string]string{manifest.ProjectFile(key("ws-1/shop")): project(key("ws-1/shop"), spec)},
		}))
	}
	catalog, base, commits := config.Rebase(w.catalog, rewritten[1])
	if diff := cmp.Diff(rewritten, commits); diff != "" || base != common || catalog.Commit != common {
		t.Errorf("taken up at %s (catalog %s), want %s; commits (-want +got):\n%s", base, catalog.Commit, common, diff)
	}
	if w.catalog.View(blog) == nil || catalog.View(blog) != nil {
		t.Error("the new catalog knows what the old one does, or the old one does not any more")
	}
	tree := w.repo.Git("rev-parse", rewritten[1]+"^{tree}")
	root := w.repo.Git("commit-tree", "-m", "Begin anew", tree)
	catalog, base, commits = config.Rebase(w.catalog, root)
	if diff := cmp.Diff([]string{root}, commits); diff != "" || base != "" || catalog.Commit != "" {
		t.Errorf("unrelated, taken up at %q (catalog %q); commits (-want +got):\n%s", base, catalog.Commit, diff)
	}
}

// What one commit did is told wherever the catalog has been; of the first commit, and of one that is gone, it cannot be.
func TestStepOf(t *testing.T) {
	w := newWorld(t)
	first := w.repo.Head("main")
	blog := key("ws-1/blog")
	w.commit(map[string]string{manifest.ProjectFile(blog): project(blog, "")})
	added := w.repo.Head("main")
	w.commit(map[string]string{manifest.ProjectFile(blog): ""})
	for commit, want := range map[string][]manifest.Key{added: {blog}, first: nil, "1111111111111111111111111111111111111111": nil} {
		step, err := w.catalog.StepOf(commit)
		var changed []manifest.Key
		for _, transition := range step.Projects {
			changed = append(changed, transition.Key)
		}
		if diff := cmp.Diff(want, changed); err != nil || diff != "" {
			t.Errorf("%.10s: %v, projects (-want +got):\n%s", commit, err, diff)
		}
	}
}
