package gitops_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/gitops"
	"github.com/plateform/plateform/test/gitserver"
)

func argoCD() *gitops.ArgoCD {
	return &gitops.ArgoCD{Namespace: "argocd", Repository: "https://git.example.com/plateform-gitops", Branch: "main"}
}

// released has a project run a release.
func (w *world) released(project, values, version string) manifest.Key {
	k := w.remember(project, manifest.RunSpec{})
	r := &manifest.Release{}
	r.Metadata.Name, r.Spec.Values = version, manifest.Document("workspace: ws-1\nproject: "+project+"\nrelease: "+version+"\nnamespace: tenant-1\n"+values)
	r.Spec.Chart = manifest.Chart{Name: "monolithic", Version: "1.0.0"}
	w.tree.Project(k).Want(r)
	return k
}

// object is a part of a file in GitOps.
func (w *world) object(path, kind string) map[string]any {
	w.Helper()
	for part := range strings.SplitSeq(w.gitops.Read("main", path), "---\n") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(part), &o); err != nil {
			w.Fatalf("%s: %v", path, err)
		}
		if o["kind"] == kind {
			return o
		}
	}
	w.Fatalf("%s has no %s", path, kind)
	return nil
}

// in is what an object has at a path.
func in(o any, path ...string) any {
	for _, at := range path {
		m, _ := o.(map[string]any)
		o = m[at]
	}
	return o
}

// Where Argo CD deploys, GitOps has what it needs: an AppProject for each workspace, an Application for each project, and one that
// names all.
func TestWhatArgoCDNeeds(t *testing.T) {
	w := newWorld(t)
	w.tree.DeployedBy(argoCD())
	w.tree.TouchWorkspace("ws-1")
	shop := w.released("shop", "", "v1.0.0")
	migrates := w.released("wiki", "releaseCommand:\n  command: [./migrate]\n", "v1.0.0")
	kept := w.released("db", "engine: postgres\ndeletionPolicy: retain\n", "v1.0.0")
	w.write()

	app := w.object(manifest.ApplicationFile(shop), "Application")
	for k, want := range map[manifest.Key]bool{shop: true, migrates: false} { // where nothing is said, it is, five times
		retry, said := in(w.object(manifest.ApplicationFile(k), "Application"), "spec", "syncPolicy", "retry").(map[string]any)
		if !said || retry["backoff"] == nil || (retry["limit"] != nil) != want {
			t.Errorf("%s: a sync that fails is tried again: %v", k, retry)
		}
	}
	for _, tt := range []struct {
		want any
		path []string
	}{
		{"ws-1.shop", []string{"metadata", "name"}}, {"argocd", []string{"metadata", "namespace"}},
		{"/workspaces/ws-1/shop;/charts/monolithic/1.0.0", []string{"metadata", "annotations", "argocd.argoproj.io/manifest-generate-paths"}},
		{[]any{"resources-finalizer.argocd.argoproj.io"}, []string{"metadata", "finalizers"}},
		{"ws-1", []string{"spec", "project"}}, {"tenant-1", []string{"spec", "destination", "namespace"}},
		{"charts/monolithic/1.0.0", []string{"spec", "source", "path"}}, {"main", []string{"spec", "source", "targetRevision"}},
		{[]any{"/workspaces/ws-1/shop/values.yaml"}, []string{"spec", "source", "helm", "valueFiles"}},
		{map[string]any{"prune": true, "selfHeal": true}, []string{"spec", "syncPolicy", "automated"}},
	} {
		if diff := cmp.Diff(tt.want, in(app, tt.path...)); diff != "" {
			t.Errorf("%s of the Application (-want +got):\n%s", strings.Join(tt.path, "."), diff)
		}
	}
	if got := in(w.object(manifest.ApplicationFile(kept), "Application"), "metadata", "finalizers"); got != nil {
		t.Errorf("who deletes the Application of data deletes the data: %v", got)
	}

	project := w.object(manifest.NamespaceFile("ws-1"), "AppProject")
	want := map[string]any{
		"clusterResourceWhitelist": []any{}, "description": "Workspace ws-1", "sourceRepos": []any{argoCD().Repository},
		"destinations": []any{map[string]any{"namespace": "ws-1", "server": "https://kubernetes.default.svc"}},
	}
	spec, _ := project["spec"].(map[string]any)
	kinds := spec["namespaceResourceWhitelist"]
	delete(spec, "namespaceResourceWhitelist")
	if diff := cmp.Diff(want, any(spec).(map[string]any)); diff != "" {
		t.Errorf("the AppProject (-want +got):\n%s", diff)
	}
	for _, kind := range kindsOfCharts(t) {
		if !slices.ContainsFunc(kinds.([]any), func(k any) bool { return in(k, "kind") == kind }) {
			t.Errorf("the AppProject does not let in a %s, which a chart makes", kind)
		}
	}
	root := w.object(manifest.RootFile, "Application")
	if in(root, "spec", "source", "path") != "workspaces" || in(root, "spec", "syncPolicy", "automated") != nil {
		t.Errorf("the root application is %v", root)
	}
	if got := w.write(); len(got) > 0 {
		t.Errorf("at rest it writes %q", got)
	}
}

// kindsOfCharts are the kinds that charts make, as their golden files have them.
func kindsOfCharts(t *testing.T) (kinds []string) {
	t.Helper()
	files, err := filepath.Glob("../charts/testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no golden files of charts: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if kind, found := strings.CutPrefix(line, "kind: "); found && !slices.Contains(kinds, strings.TrimSpace(kind)) {
				kinds = append(kinds, strings.TrimSpace(kind))
			}
		}
	}
	return kinds
}

// What others change of it is written back, the chart as it was too; with another engine it goes.
func TestWhatArgoCDNeedsIsWrittenBack(t *testing.T) {
	w := newWorld(t)
	w.tree.DeployedBy(argoCD())
	shop := w.released("shop", "", "v1.0.0")
	w.write()
	file := manifest.ApplicationFile(shop)
	ours, root := w.gitops.Read("main", file), w.gitops.Read("main", manifest.RootFile)
	w.tree.Project(shop).Leave()
	for _, theirs := range []gitserver.Change{
		{Message: "Theirs", Files: map[string]string{file: strings.ReplaceAll(ours, "monolithic/1.0.0", "monolithic/6.6.6"), manifest.RootFile: "x\n"}},
		{Message: "Theirs", Remove: []string{file, manifest.RootFile}},
	} {
		if _, err := w.tree.TakeForeign(w.gitops.Commit(theirs)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"Write root.yaml", "Write back ws-1/shop, which somebody else changed"}, w.write()); diff != "" {
			t.Errorf("commits (-want +got):\n%s", diff)
		}
		if w.gitops.Read("main", file) != ours || w.gitops.Read("main", manifest.RootFile) != root {
			t.Error("it is not as it was")
		}
	}

	files, err := gitops.Read(w.open(w.gitops), w.tree.Head())
	if err != nil {
		t.Fatal(err)
	}
	w.tree = gitops.New(w.open(w.gitops), noCharts{})
	w.tree.Load(w.gitops.Head("main"), files)
	if diff := cmp.Diff([]string{"Write ws-1/shop v1.0.0 again"}, w.write()); diff != "" {
		t.Errorf("with another engine (-want +got):\n%s", diff)
	}
	if got := w.gitops.Git("ls-tree", "--name-only", "main", file); got != "" {
		t.Errorf("with another engine there is still %s", got)
	}
}
