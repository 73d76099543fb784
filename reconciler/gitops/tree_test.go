package gitops_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/gitops"
	"github.com/plateform/plateform/reconciler/namespace"
	"github.com/plateform/plateform/test/gitserver"
)

// world is a config and a GitOps repository, and the tree that is to be written into the latter.
type world struct {
	*testing.T
	config, gitops *gitserver.Repo
	wanted         gitops.Wanted
	tree           *gitops.Tree
	runs           map[manifest.Key]manifest.RunSpec
}

// noCharts has no files of any chart.
type noCharts struct{}

func (noCharts) Chart(t manifest.ProjectType, _ string) (manifest.Chart, error) {
	return manifest.Chart{Name: string(t), Version: "1.0.0", Digest: "sha256:" + strings.Repeat("c", 64)}, nil
}

func (noCharts) Files(manifest.Chart) (map[string][]byte, error) { return nil, nil }

func workspace(name, more string) string {
	return fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Workspace\nmetadata: {name: %s}\nspec: {owner: {github: alice, id: 7}%s}\n", name, more)
}

// newWorld has the workspaces ws-1 and ws-2 in its config repository, and nothing in GitOps.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, config: gitserver.CreateBare(t, t.TempDir()), gitops: gitserver.CreateBare(t, t.TempDir()), runs: map[manifest.Key]manifest.RunSpec{}}
	w.tree = gitops.New(w.open(w.gitops), noCharts{})
	w.wanted = gitops.Wanted{
		Catalog: config.NewCatalog(w.open(w.config), noCharts{}), Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Run: func(k manifest.Key) manifest.RunSpec { return w.runs[k] },
	}
	w.commit(map[string]string{
		manifest.PlatformFile:          "apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\nspec: {domain: apps.example.com, registry: {url: registry.example.com}}\n",
		manifest.WorkspaceFile("ws-1"): workspace("ws-1", ""), manifest.WorkspaceFile("ws-2"): workspace("ws-2", ", domains: [example.org]"),
	})
	return w
}

func (w *world) open(repo *gitserver.Repo) reconciler.Reader {
	w.Helper()
	reader, err := gitstore.OpenLocal(w.Context(), repo.Dir)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = reader.Close() })
	return reader
}

// commit commits files to the config repository and takes them in.
func (w *world) commit(files map[string]string) {
	w.Helper()
	if _, err := w.wanted.Catalog.Advance(w.config.Commit(gitserver.Change{Message: "A change", Files: files})); err != nil {
		w.Fatal(err)
	}
}

// remember has something remembered of a project.
func (w *world) remember(project string, run manifest.RunSpec) manifest.Key {
	k := manifest.Key{Workspace: "ws-1", Project: project}
	w.runs[k] = run
	w.wanted.Keys = append(w.wanted.Keys, k)
	return k
}

// edits are the commits that lead to what is wanted.
func (w *world) edits() gitops.Batch {
	w.Helper()
	batch, err := w.tree.Edits(w.wanted)
	if err != nil {
		w.Fatal(err)
	}
	return batch
}

// write writes what is wanted, and returns the subjects of the commits.
func (w *world) write() (subjects []string) {
	w.Helper()
	batch := w.edits()
	var commits []string
	for _, edit := range batch.Edits {
		subject, _, _ := strings.Cut(edit.Message, "\n")
		subjects = append(subjects, subject)
		change := gitserver.Change{Author: edit.Author.Name + " <" + edit.Author.Email + ">", Message: edit.Message, Files: map[string]string{}}
		for file, content := range edit.Files {
			if change.Files[file] = string(content); content == nil {
				delete(change.Files, file)
				change.Remove = append(change.Remove, file)
			}
		}
		commits = append(commits, w.gitops.Commit(change))
	}
	if len(commits) > 0 {
		w.tree.Landed(batch, commits)
	}
	return subjects
}

// trailersOf are the values of the trailers with a key of some commits, with an empty one for each that has none.
func trailersOf(edits []manifest.Edit, key string) []string {
	values := make([]string, len(edits))
	for i, edit := range edits {
		for _, trailer := range manifest.Trailers(edit.Message) {
			if trailer.Key == key {
				values[i] += trailer.Value
			}
		}
	}
	return values
}

// The last commit of a push, and no other, stands for the config head: one that is behind must not be taken for all of it.
func TestOnlyTheLastCommitStandsForTheConfigHead(t *testing.T) {
	w := newWorld(t)
	key := testKey(t, "a")
	w.wanted.Signer, w.wanted.Unreported = &key, strings.Repeat("1", 40)
	w.remember("aa", manifest.RunSpec{Highest: "v1.0.0"})
	w.remember("bb", manifest.RunSpec{Highest: "v1.0.0"})
	edits := w.edits().Edits
	if diff := cmp.Diff([]string{"", w.wanted.Catalog.Commit}, trailersOf(edits, manifest.TrailerConfigCommit)); diff != "" {
		t.Errorf("config commits that they stand for (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"", w.wanted.Unreported}, trailersOf(edits, manifest.TrailerUnreported)); diff != "" {
		t.Errorf("what was not reported (-want +got):\n%s", diff)
	}
	if len(edits) != 2 || edits[0].Seal != nil || edits[1].Seal == nil {
		t.Error("the commit that stands for the head, and no other, is to be signed")
	}
}

// After a history was rewritten GitOps stands for the new one at once, also when there is nothing else to write.
func TestARewrittenHistoryIsStoodForOnce(t *testing.T) {
	w := newWorld(t)
	if got := w.write(); len(got) > 0 {
		t.Fatalf("at rest it writes %q", got)
	}
	w.tree.SetStale()
	edits := w.edits().Edits
	if diff := cmp.Diff([]string{w.wanted.Catalog.Commit}, trailersOf(edits, manifest.TrailerConfigCommit)); diff != "" {
		t.Errorf("config commits that it stands for (-want +got):\n%s", diff)
	}
	w.write()
	if got := w.write(); len(got) > 0 {
		t.Errorf("it stands for it already, and writes %q", got)
	}
}

// What others write into run.yaml is not remembered, but written over; what Plateform wrote is.
func TestForeignMemoryIsWrittenBack(t *testing.T) {
	w := newWorld(t)
	shop := w.remember("shop", manifest.RunSpec{Highest: "v1.0.3"})
	w.write()
	file := manifest.RunFile(shop)
	ours := w.gitops.Read("main", file)
	foreign := w.gitops.Commit(gitserver.Change{Message: "Forge", Files: map[string]string{file: strings.Replace(ours, "v1.0.3", "v9.9.9", 1)}})
	memory, err := w.tree.TakeForeign(foreign)
	if err != nil {
		t.Fatal(err)
	}
	if len(memory.Runs) > 0 || !memory.Touched[shop] || !w.tree.Project(shop).Tampered() {
		t.Errorf("remembered is %v, touched %v", memory.Runs, memory.Touched)
	}
	w.write()
	if got := w.gitops.Read("main", file); got != ours {
		t.Errorf("run.yaml is\n%s\nwant\n%s", got, ours)
	}
	other := gitops.New(w.open(w.gitops), noCharts{})
	if memory, err = other.TakeOurs(w.gitops.Head("main")); err != nil || memory.Runs[shop] == nil || memory.Runs[shop].Highest != "v1.0.3" {
		t.Errorf("another process remembers %v: %v", memory.Runs, err)
	}
}

// oneChart is a chart of two files.
type oneChart struct{ noCharts }

func (oneChart) Files(manifest.Chart) (map[string][]byte, error) {
	return map[string][]byte{"Chart.yaml": []byte("name: x\n"), "values.yaml": []byte("a: 1\n")}, nil
}

// What others took away was missing, and what they changed was changed: the subject of the commit says which.
func TestSubjectsSayWhatBecameOfAFile(t *testing.T) {
	w := newWorld(t)
	w.tree = gitops.New(w.open(w.gitops), oneChart{})
	shop := w.remember("shop", manifest.RunSpec{Highest: "v1.0.3"})
	chart, err := noCharts{}.Chart(manifest.Monolithic, "")
	if err != nil {
		t.Fatal(err)
	}
	run, namespace := manifest.RunFile(shop), manifest.NamespaceFile("ws-1")
	first, second := manifest.ChartDir(chart)+"/Chart.yaml", manifest.ChartDir(chart)+"/values.yaml"
	if _, err := w.tree.TakeOurs(w.gitops.Commit(gitserver.Change{Message: "Ours", Files: map[string]string{first: "name: x\n", second: "a: 1\n"}})); err != nil {
		t.Fatal(err)
	}
	w.tree.TouchWorkspace("ws-1")
	w.write()
	changed, missing := "Write back %s, which somebody else changed", "Write %s, which was missing"
	for _, tt := range []struct {
		name   string
		change gitserver.Change
		words  string
	}{
		{"all is gone", gitserver.Change{Remove: []string{run, namespace, first, second}}, missing},
		{"all is otherwise", gitserver.Change{Files: map[string]string{run: "x", namespace: "x", first: "x", second: "x"}}, changed},
		{"a part of the chart is gone", gitserver.Change{Files: map[string]string{run: "x", namespace: "x"}, Remove: []string{first}}, changed},
	} {
		tt.change.Message = "Not ours"
		if _, err := w.tree.TakeForeign(w.gitops.Commit(tt.change)); err != nil {
			t.Fatal(err)
		}
		want := []string{fmt.Sprintf(tt.words, "chart monolithic 1.0.0"), fmt.Sprintf(tt.words, "workspace ws-1"), fmt.Sprintf(tt.words, "ws-1/shop")}
		if diff := cmp.Diff(want, w.write()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := w.write(); len(got) > 0 {
		t.Errorf("at rest it writes %q", got)
	}
}

// A workspace whose own file has a problem keeps its namespace as it is, all of it.
func TestANamespaceStaysWhileItsWorkspaceIsWrong(t *testing.T) {
	w := newWorld(t)
	file, namespace := manifest.WorkspaceFile("ws-1"), manifest.NamespaceFile("ws-1")
	w.tree.TouchWorkspace("ws-1")
	if diff := cmp.Diff([]string{"Write workspace ws-1"}, w.write()); diff != "" {
		t.Errorf("commits (-want +got):\n%s", diff)
	}
	before := w.gitops.Read("main", namespace)
	w.commit(map[string]string{file: workspace("ws-1", ", domains: [example.org], quota: {cpu: 4000m}")}) // the domain is another's
	w.tree.TouchWorkspace("ws-1")
	if got := w.write(); len(got) > 0 {
		t.Errorf("with another's domain it writes %q", got)
	}
	w.commit(map[string]string{file: workspace("ws-1", ", quota: {cpu: 4000m}")})
	w.tree.TouchWorkspace("ws-1")
	w.write()
	if got := w.gitops.Read("main", namespace); got == before {
		t.Error("mended, its quota is not written")
	}
}

// A namespace is restricted once all that is to run in it was released for that, and is not again while something else is rolled back to.
func TestANamespaceIsAsStrictAsWhatRunsInIt(t *testing.T) {
	w := newWorld(t)
	w.tree.TouchWorkspace("ws-1")
	w.write()
	shop := w.tree.Project(w.remember("shop", manifest.RunSpec{Highest: "v1.0.1"}))
	w.tree.Project(w.remember("shop-db", manifest.RunSpec{Highest: "v1.0.0"})).Want(&manifest.Release{Spec: manifest.ReleaseSpec{Values: "release: v1.0.0\nengine: redis\n"}})
	for _, step := range []struct{ values, enforces string }{
		{"", "restricted"},
		{"release: v1.0.0\nport: 80\n", "baseline"},
		{"release: v1.0.1\nport: 80\npodSecurity: restricted\n", "restricted"},
		{"release: v1.0.0\nport: 80\n", "baseline"},
	} {
		if step.values != "" {
			shop.Want(&manifest.Release{Spec: manifest.ReleaseSpec{Values: manifest.Document(step.values)}})
		}
		w.write()
		if got := w.gitops.Read("main", manifest.NamespaceFile("ws-1")); !strings.Contains(got, "pod-security.kubernetes.io/enforce: "+step.enforces) {
			t.Errorf("with %q the namespace is %s", step.values, got)
		}
		if got := w.write(); len(got) > 0 {
			t.Errorf("at rest it writes %q", got)
		}
	}
	shop.Remove()
	w.write()
	if got := w.gitops.Read("main", manifest.NamespaceFile("ws-1")); !strings.Contains(got, namespace.EnforcesRestricted) {
		t.Errorf("with the project gone the namespace is %s", got)
	}
}
