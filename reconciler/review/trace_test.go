package review

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// history is a config repository of which only commits, what they change, the platform and the releases at the head are known.
type history struct {
	Config
	commits map[string]manifest.Commit
	changes map[string][]manifest.Change
	left    []manifest.Entry
	diffs   int
}

func (h *history) Commit(hash string) (manifest.Commit, error) { return h.commits[hash], nil }

func (h *history) Diff(_, to string) ([]manifest.Change, error) {
	h.diffs++
	return h.changes[to], nil
}

// Read returns a platform.yaml without keys.
func (h *history) Read(string, string) ([]byte, error) {
	return []byte("apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: platform}\nspec: {domain: apps.example.com, registry: {url: registry.example.com}}\n"), nil
}

func (h *history) List(string, string) ([]manifest.Entry, error) { return h.left, nil }

// add puts a commit on top of the branch.
func (h *history) add(author manifest.Signature, message string, changes ...manifest.Change) (hash string) {
	n := len(h.commits)
	hash = fmt.Sprint("commit-", n)
	c := manifest.Commit{Hash: hash, Author: author, Message: message}
	if n > 0 {
		c.Parents = []string{fmt.Sprint("commit-", n-1)}
	}
	h.commits[hash], h.changes[hash] = c, changes
	return hash
}

// Who took the releases of many projects back is found in one walk, however long ago it was.
func TestManyReleasesAreTakenBack(t *testing.T) {
	t.Parallel()
	const projects, later = 50, 500
	alice := manifest.Signature{Name: "alice", Email: "alice@example.com"}
	h := &history{commits: map[string]manifest.Commit{}, changes: map[string][]manifest.Change{}, left: []manifest.Entry{{Name: "v1.0.0.yaml"}}}
	h.add(alice, "Begin")
	cause := h.add(alice, "Scale all")
	want := map[manifest.Key]string{}
	var files []manifest.Change
	version := manifest.Version{Major: 1, Patch: 1}
	for i := range projects {
		key := manifest.Key{Workspace: "ws-1", Project: fmt.Sprintf("app-%d", i)}
		h.add(reconciler.Author(time.Time{}), fmt.Sprintf("Release\n\nWorkspace: ws-1\nProject: %s\nRelease: %s\nCaused-By: config %s\n", key.Project, version, cause))
		files = append(files, manifest.Change{Path: manifest.ReleaseFile(key, version), Before: "blob"})
		want[key] = ""
	}
	first := h.add(alice, "Take most back", files[1:]...)
	for range later {
		h.add(alice, "Something else", manifest.Change{Path: "README.md", Before: "a", After: "b"})
	}
	head := h.add(alice, "Take one back", files[0])
	for key := range want {
		want[key] = first
	}
	want[manifest.Key{Workspace: "ws-1", Project: "app-0"}] = head

	o := &outcomes{Options: Options{Config: h}}
	found, err := o.trace(t.Context(), head, []string{cause}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for key, by := range want {
		if m := found[key]; m.removedBy != by || m.newest || m.version != version {
			t.Errorf("%s is %+v, want one that was removed by %s", key, m, by)
		}
	}
	if h.diffs > len(h.commits) {
		t.Errorf("%d comparisons for %d commits", h.diffs, len(h.commits))
	}
}

// What people did to a project between two of its releases went along with the second, whatever it names as its cause; what was done to
// others, before, or by Plateform itself did not.
func TestWhatWentAlongWithARelease(t *testing.T) {
	t.Parallel()
	alice := manifest.Signature{Name: "alice", Email: "alice@example.com"}
	shop := manifest.Key{Workspace: "ws-1", Project: "shop"}
	edit := func(path string) manifest.Change { return manifest.Change{Path: path, Before: "a", After: "b"} }
	h := &history{commits: map[string]manifest.Commit{}, changes: map[string][]manifest.Change{}}
	release := func(project string, patch int) {
		version := manifest.Version{Major: 1, Patch: patch}
		h.add(reconciler.Author(time.Time{}), fmt.Sprintf("Release\n\nWorkspace: ws-1\nProject: %s\nRelease: %s\n", project, version))
	}
	h.add(alice, "Begin", edit(manifest.PlatformFile))
	h.add(alice, "Before", edit(manifest.ProjectFile(shop)))
	release("shop", 0)
	want := []string{h.add(alice, "Scale", edit(manifest.ProjectFile(shop)))}
	h.add(alice, "Scale another", edit(manifest.ProjectFile(manifest.Key{Workspace: "ws-1", Project: "blog"})))
	h.add(alice, "Move another workspace", edit(manifest.WorkspaceFile("ws-2")))
	release("blog", 7)
	want = append(want, h.add(alice, "Give it more", edit(manifest.WorkspaceFile("ws-1"))))
	h.add(reconciler.Author(time.Time{}), "Tidy", edit(manifest.ProjectFile(shop)))
	want = append(want, h.add(alice, "Move the platform", edit(manifest.PlatformFile)))
	release("shop", 1)
	h.add(alice, "Later", edit(manifest.ProjectFile(shop)))
	release("shop", 2)
	tip := h.add(alice, "Last", edit("README.md"))

	o := &outcomes{Options: Options{Config: h}}
	got, err := o.wentAlong(t.Context(), tip, []string{manifest.ReleaseFile(shop, manifest.Version{Major: 1, Patch: 1})})
	slices.Reverse(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v went along, want %v (%v)", got, want, err)
	}
}
