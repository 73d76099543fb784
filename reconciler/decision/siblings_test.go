package decision_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/test/gitserver"
)

// Whose images may be as good as a build: those of the same workspace from the same Git repository, however that is spelled, and never
// more than a few.
func TestSiblings(t *testing.T) {
	files := map[string]string{
		manifest.PlatformFile: "apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\nspec:\n  domain: apps.example.com\n" +
			"  registry: {url: registry.test/apps}\n  sources: {allow: [\"https://git.test/*\"]}\n",
	}
	add := func(workspace, name, spec string) {
		k := manifest.Key{Workspace: workspace, Project: name}
		files[manifest.WorkspaceFile(workspace)] = fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Workspace\nmetadata: {name: %s}\nspec: {owner: {github: alice, id: 7}}\n", workspace)
		files[manifest.ProjectFile(k)] = fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: %s}\nspec: {%s}\n", name, spec)
	}
	const same = "type: monolithic, source: {repository: \"https://git.test/acme/shop\"}"
	add("ws-1", "shop", same)
	add("ws-1", "blog", "type: monolithic, source: {repository: \"https://git.test/acme/shop.git\", branch: next}")
	add("ws-1", "elsewhere", "type: monolithic, source: {repository: \"https://git.test/acme/other\"}")
	add("ws-1", "image", "type: monolithic, image: \"nginx:1\"")
	add("ws-1", "market", "type: spring-microservice, source: {repository: \"https://git.test/acme/shop\"}, services: [{name: cart}, {name: web, public: true}]")
	add("ws-2", "shop", same)
	for i := range 20 {
		add("ws-3", fmt.Sprintf("shop-%02d", i), same)
	}
	repo := gitserver.CreateBare(t, t.TempDir())
	repo.Commit(gitserver.Change{Message: "Begin", Files: files})
	reader, err := gitstore.OpenLocal(t.Context(), repo.Dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	catalog := config.NewCatalog(reader, noCharts{})
	if _, err := catalog.Advance(repo.Head("main")); err != nil {
		t.Fatal(err)
	}
	request := func(workspace, project string) reconciler.BuildRequest {
		return reconciler.BuildRequest{
			Key: manifest.Key{Workspace: workspace, Project: project}, Repository: "https://git.test/acme/shop", Destination: "registry.test/apps/" + workspace + "/" + project,
		}
	}
	want := []string{"registry.test/apps/ws-1/blog", "registry.test/apps/ws-1/market/cart", "registry.test/apps/ws-1/market/web"}
	if diff := cmp.Diff(want, decision.Siblings(catalog, request("ws-1", "shop"))); diff != "" {
		t.Errorf("of ws-1/shop (-want +got):\n%s", diff)
	}
	if got := decision.Siblings(catalog, request("ws-2", "shop")); len(got) != 0 {
		t.Errorf("of a workspace with nobody else: %v", got)
	}
	if got := decision.Siblings(catalog, request("ws-3", "shop-00")); len(got) != 8 || got[0] != "registry.test/apps/ws-3/shop-01" {
		t.Errorf("of twenty: %v", got)
	}
	if got := decision.Siblings(catalog, reconciler.BuildRequest{Key: manifest.Key{Workspace: "ws-1"}, Reference: "nginx:1"}); got != nil {
		t.Errorf("of an authored image: %v", got)
	}
}

// noCharts has a chart of every type, without files.
type noCharts struct{}

func (noCharts) Chart(t manifest.ProjectType, _ string) (manifest.Chart, error) {
	return manifest.Chart{Name: string(t), Version: "1.0.0", Digest: "sha256:" + strings.Repeat("c", 64)}, nil
}

func (noCharts) Files(manifest.Chart) (map[string][]byte, error) { return nil, nil }
