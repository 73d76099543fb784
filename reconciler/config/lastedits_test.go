package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// The newest edits of several projects are found in one walk, as they are one by one; one that never was has none.
func TestLastEdits(t *testing.T) {
	w := newWorld(t)
	shop, blog, never := key("ws-1/shop"), key("ws-1/blog"), key("ws-1/never")
	first := w.repo.Head("main")
	w.commit(map[string]string{manifest.ProjectFile(blog): project(blog, "")})
	w.commit(map[string]string{manifest.ProjectFile(blog): project(blog, ", replicas: 2")})
	edited := w.repo.Head("main")
	w.commit(map[string]string{manifest.WorkspaceFile("ws-1"): workspace("ws-1", 7, ", quota: {projects: 9}")})
	head := w.repo.Head("main")
	reader, err := gitstore.OpenLocal(t.Context(), w.repo.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	history := config.History{Reader: reader}
	edits, err := history.LastEdits(head, []manifest.Key{shop, blog, never})
	if diff := cmp.Diff(map[manifest.Key]string{shop: first, blog: edited}, edits); err != nil || diff != "" {
		t.Errorf("%v, newest edits (-want +got):\n%s", err, diff)
	}
	for k, commit := range edits {
		if alone := history.LastEdit(head, k); alone != commit {
			t.Errorf("%s was last edited at %s, in one walk with others at %s", k, alone, commit)
		}
	}
}
