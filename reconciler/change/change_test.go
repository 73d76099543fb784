package change_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/change"
	"github.com/plateform/plateform/reconciler/config"
)

var shop = manifest.Key{Workspace: "ws-1", Project: "shop"}

// tree is one commit of a config repository: content by path.
type tree map[string]string

func (t tree) Commit(string) (manifest.Commit, error) {
	return manifest.Commit{}, errors.New("not asked")
}

func (t tree) Diff(string, string) ([]manifest.Change, error) { return nil, errors.New("not asked") }

func (t tree) Read(_, path string) ([]byte, error) {
	if content, there := t[path]; there {
		return []byte(content), nil
	}
	return nil, fs.ErrNotExist
}

func (t tree) List(_, dir string) ([]manifest.Entry, error) {
	dirs := map[string]bool{}
	for path := range t {
		if below, ok := strings.CutPrefix(path, dir+"/"); ok {
			name, _, deeper := strings.Cut(below, "/")
			dirs[name] = deeper
		}
	}
	var entries []manifest.Entry
	for name, dir := range dirs {
		entries = append(entries, manifest.Entry{Name: name, Dir: dir})
	}
	slices.SortFunc(entries, func(a, b manifest.Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

var _ reconciler.Reader = tree{}

const platform = `apiVersion: plateform.dev/v1
kind: Platform
metadata: {name: acme}
spec:
  domain: apps.example.com
  registry: {url: registry.example.com}
`

// newTree has a project with some releases.
func newTree(t *testing.T, versions ...string) tree {
	t.Helper()
	files := tree{
		manifest.PlatformFile:           platform,
		manifest.WorkspaceFile("ws-1"):  "apiVersion: plateform.dev/v1\nkind: Workspace\nmetadata: {name: ws-1}\nspec:\n  owner: {github: alice, id: 1}\n",
		manifest.ProjectFile(shop):      "it is not looked at\n",
		"workspaces/ws-1/projects/a/no": "",
	}
	for _, name := range versions {
		v, err := manifest.ParseVersion(name)
		if err != nil {
			t.Fatal(err)
		}
		project := manifest.ProjectSpec{Type: manifest.Monolithic, Image: "nginx"}
		release := &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, name)}
		release.Spec.Project, release.Spec.Parts = project, manifest.Parts{manifest.PartProject: manifest.ProjectKey(project)}
		release.Spec.Values = "release: " + manifest.Document(name) + "\n"
		data, err := manifest.EncodeRelease(release, shop, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		files[manifest.ReleaseFile(shop, v)] = string(data)
	}
	return files
}

func TestRollbackIsAnEdit(t *testing.T) {
	files := newTree(t, "v1.0.0", "v1.0.9", "v1.0.10", "v1.0.11")
	r, err := change.PlanRollback(files, "c0ffee", shop, manifest.Version{Major: 1, Patch: 9})
	if err != nil {
		t.Fatal(err)
	}
	want := manifest.Edit{
		Message: "Roll back ws-1/shop to v1.0.9\n\nWithdraws v1.0.11, v1.0.10.\n",
		Files: map[string][]byte{
			"workspaces/ws-1/projects/shop/releases/v1.0.11.yaml": nil, "workspaces/ws-1/projects/shop/releases/v1.0.10.yaml": nil,
		},
	}
	if diff := cmp.Diff(want, r.Edit()); diff != "" {
		t.Errorf("the edit (-want +got):\n%s", diff)
	}
	if got := fmt.Sprintf("%s %s %s%s", r.From(), r.To, r.Release.Metadata.Name, r.Doubt); got != "v1.0.11 v1.0.9 v1.0.9" {
		t.Errorf("got %q", got)
	}
}

func TestRollbackWithoutAVersionGoesBackOne(t *testing.T) {
	r, err := change.PlanRollback(newTree(t, "v1.0.9", "v1.0.10", "v1.0.11"), "c0ffee", shop, manifest.Version{})
	if err != nil {
		t.Fatal(err)
	}
	if r.To != (manifest.Version{Major: 1, Patch: 10}) || len(r.Withdrawn) != 1 {
		t.Errorf("goes back to %s and withdraws %v", r.To, r.Withdrawn)
	}
}

// TestRollbackPastABrokenFile: whatever else is broken, one can go back.
func TestRollbackPastABrokenFile(t *testing.T) {
	files := newTree(t, "v1.0.0", "v1.0.1")
	files[manifest.PlatformFile] = "spec: ["
	r, err := change.PlanRollback(files, "c0ffee", shop, manifest.Version{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Doubt, "signatures are not checked, because of platform.yaml:") {
		t.Errorf("doubt: %q", r.Doubt)
	}
}

func TestWhatCannotBeDoneIsRefused(t *testing.T) {
	edited := newTree(t, "v1.0.0", "v1.0.1")
	edited[manifest.ReleaseFile(shop, manifest.Version{Major: 1})] += "\n"
	tests := []struct {
		name  string
		files tree
		to    manifest.Version
		want  string
	}{
		{"nothing to go back from", newTree(t), manifest.Version{}, "ws-1/shop has no release yet"},
		{"nothing to go back to", newTree(t, "v1.0.0"), manifest.Version{}, "v1.0.0 is the only release of ws-1/shop"},
		{"already there", newTree(t, "v1.0.0"), manifest.Version{Major: 1}, "v1.0.0 is the newest release of ws-1/shop already"},
		{"no such release", newTree(t, "v1.0.0"), manifest.Version{Minor: 9}, "ws-1/shop has no release v0.9.0 (there are: v1.0.0)"},
		{"an edited release", edited, manifest.Version{}, "is not honoured"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := change.PlanRollback(tt.files, "c0ffee", shop, tt.to)
			if refusal := new(config.Refusal); !errors.As(err, &refusal) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want the refusal %q", err, tt.want)
			}
		})
	}
}

func TestRetryIsAnEmptyCommitWithATrailer(t *testing.T) {
	edit, err := change.Retry(newTree(t), "c0ffee", shop)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(manifest.Edit{Message: "Retry ws-1/shop\n\nPlateform-Retry: ws-1/shop\n"}, edit); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = change.Retry(newTree(t), "c0ffee", manifest.Key{Workspace: "ws-1", Project: "shopp"})
	if err == nil || err.Error() != "there is no project ws-1/shopp at c0ffee (the workspace has: a, shop)" {
		t.Errorf("a project that is not there: %v", err)
	}
	if _, err := change.Retry(tree{}, "c0ffee", shop); !errors.Is(err, config.ErrNoConfig) {
		t.Errorf("another repository: %v", err)
	}
}
