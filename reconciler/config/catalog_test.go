package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/test/gitserver"
)

// world is a config repository and a catalog that follows it.
type world struct {
	*testing.T
	repo    *gitserver.Repo
	catalog *config.Catalog
}

func key(text string) manifest.Key {
	workspace, project, _ := strings.Cut(text, "/")
	return manifest.Key{Workspace: workspace, Project: project}
}

// platform is a platform.yaml that names keys for signing.
func platform(keys ...signing.PublicKey) string {
	text := "apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\nspec:\n  domain: apps.example.com\n  registry: {url: registry.example.com}\n"
	for i, k := range keys {
		if i == 0 {
			text += "  releases:\n    publicKeys:\n"
		}
		text += fmt.Sprintf("      - %q\n", k)
	}
	return text
}

// workspace is a workspace.yaml with more of a spec.
func workspace(name string, owner int, more string) string {
	return fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Workspace\nmetadata: {name: %q}\nspec: {owner: {github: alice, id: %d}%s}\n", name, owner, more)
}

// project is a project.yaml with more of a spec.
func project(k manifest.Key, more string) string {
	return fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: %s}\nspec: {type: monolithic, image: \"nginx:1\"%s}\n", k.Project, more)
}

// newWorld has a platform, the workspaces ws-1 and 1, and ws-1/shop.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, repo: gitserver.CreateBare(t, t.TempDir())}
	w.repo.Commit(gitserver.Change{Message: "Begin", Files: map[string]string{
		manifest.PlatformFile: platform(), manifest.WorkspaceFile("ws-1"): workspace("ws-1", 7, ""), manifest.WorkspaceFile("1"): workspace("1", 8, ""),
		manifest.ProjectFile(key("ws-1/shop")): project(key("ws-1/shop"), ""),
	}})
	reader, err := gitstore.OpenLocal(t.Context(), w.repo.Dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	w.catalog = config.NewCatalog(reader, oneChart{})
	w.advance()
	return w
}

func (w *world) advance() config.Step {
	w.Helper()
	step, err := w.catalog.Advance(w.repo.Head("main"))
	if err != nil {
		w.Fatal(err)
	}
	return step
}

// commit makes a commit of files and takes it in; those without content are removed.
func (w *world) commit(files map[string]string) config.Step {
	w.Helper()
	c := gitserver.Change{Message: "A change", Files: map[string]string{}}
	for file, content := range files {
		if content == "" {
			c.Remove = append(c.Remove, file)
			continue
		}
		c.Files[file] = content
	}
	w.repo.Commit(c)
	return w.advance()
}

// release commits a release of a project as it is.
func (w *world) release(k manifest.Key, signer *signing.Key) {
	w.Helper()
	v := w.catalog.View(k)
	next := v.Highest().Next()
	r := &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, next.String()), Spec: manifest.ReleaseSpec{
		Parts: manifest.Parts{
			manifest.PartProject: manifest.ProjectKey(v.Spec), manifest.PartPlatform: manifest.PlatformKey(v.Inputs), manifest.PartSource: "sha256:1",
		},
		Images: []manifest.Image{{Name: manifest.AppImage, Repository: "nginx", Tag: "1", Digest: "sha256:" + strings.Repeat("a", 64)}},
		Chart:  v.Inputs.Chart, Project: v.Spec, Platform: v.Inputs,
		Cause: manifest.Cause{Kind: manifest.CauseConfig, Commit: w.catalog.Commit, Config: w.catalog.Commit}, Plan: manifest.PlanHash(k, v.Spec, v.Inputs),
	}}
	var err error
	if r.Spec.Values, err = manifest.BuildValues(manifest.ValuesInput{Key: k, Release: next, Project: v.Spec, Platform: v.Inputs, Images: r.Spec.Images}); err != nil {
		w.Fatal(err)
	}
	file, err := manifest.EncodeRelease(r, k, v.Owner, signer)
	if err != nil {
		w.Fatal(err)
	}
	w.commit(map[string]string{manifest.ReleaseFile(k, next): string(file)})
}

// wantProblems fails the test unless a project has problems at just these fields.
func (w *world) wantProblems(k manifest.Key, fields ...string) {
	w.Helper()
	var got []string
	for _, p := range w.catalog.View(k).Problems {
		got = append(got, p.Field)
	}
	if slices.Sort(got); !slices.Equal(got, fields) {
		w.Errorf("the problems of %s are at %q, want %q: %v", k, got, fields, w.catalog.View(k).Problems)
	}
}

// filesOf are the files that problems are in.
func filesOf(problems manifest.Problems) []string {
	var files []string
	for _, p := range problems {
		files = append(files, p.File)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// oneChart is a chart for each type.
type oneChart struct{}

func (oneChart) Chart(t manifest.ProjectType, _ string) (manifest.Chart, error) {
	return manifest.Chart{Name: string(t), Version: "1.0.0", Digest: "sha256:" + strings.Repeat("c", 64)}, nil
}

func (oneChart) Files(manifest.Chart) (map[string][]byte, error) { return nil, nil }

// A workspace never passes to another owner: the one it had stays, and the commit is to blame.
func TestAWorkspaceKeepsItsOwner(t *testing.T) {
	w := newWorld(t)
	file := manifest.WorkspaceFile("ws-1")
	if step := w.commit(map[string]string{file: workspace("ws-1", 9, "")}); !slices.Equal(filesOf(step.Broken), []string{file}) {
		t.Errorf("broken is %v", step.Broken)
	}
	if owner := w.catalog.View(key("ws-1/shop")).Owner; owner != 7 {
		t.Errorf("the owner is %d", owner)
	}
	if step := w.commit(map[string]string{file: workspace("ws-1", 7, "")}); !step.Mended || len(step.Broken) > 0 {
		t.Errorf("mended %v, broken %v", step.Mended, step.Broken)
	}
}

// When platform.yaml names other keys, releases that none of them signed are not honoured any more, although nothing was
// changed there.
func TestReleasesFollowTheKeys(t *testing.T) {
	w := newWorld(t)
	var keys []*signing.Key
	for _, letter := range []string{"a", "b"} {
		k, err := signing.Generate(strings.NewReader(strings.Repeat(letter, 64)))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, &k)
	}
	shop := key("ws-1/shop")
	w.commit(map[string]string{manifest.PlatformFile: platform(keys[0].Public())})
	w.release(shop, keys[0])
	if v := w.catalog.View(shop); v.Newest == nil || len(v.Refused) > 0 {
		t.Fatalf("the newest is %v, refused are %v", v.Newest, v.Refused)
	}
	w.commit(map[string]string{manifest.PlatformFile: platform(keys[1].Public())})
	if v := w.catalog.View(shop); v.Newest != nil || len(v.Refused) != 1 {
		t.Errorf("with another key the newest is %v, refused are %v", v.Newest, v.Refused)
	}
	w.commit(map[string]string{manifest.PlatformFile: platform(keys[1].Public(), keys[0].Public())})
	if v := w.catalog.View(shop); v.Newest == nil || len(v.Refused) > 0 {
		t.Errorf("with both keys the newest is %v, refused are %v", v.Newest, v.Refused)
	}
}

// A host is of who is served there. Who wants it too has a problem until the other gives it up, in whatever workspace that is.
func TestAHostIsOfOneProject(t *testing.T) {
	w := newWorld(t)
	shop, taker := key("ws-1/shop"), key("1/shop-ws")
	w.release(shop, nil)
	step := w.commit(map[string]string{manifest.ProjectFile(taker): project(taker, "")})
	if want := []string{manifest.ProjectFile(taker)}; !slices.Equal(filesOf(step.Broken), want) {
		t.Errorf("broken is %v, want it in %v", step.Broken, want)
	}
	w.wantProblems(shop)
	w.wantProblems(taker, "metadata.name")
	step = w.commit(map[string]string{manifest.ProjectFile(shop): "", manifest.ReleaseFile(shop, manifest.Version{Major: 1}): ""})
	w.wantProblems(taker)
	if !step.Mended || !slices.ContainsFunc(step.Projects, func(t config.Transition) bool { return t.Key == taker }) {
		t.Errorf("mended %v, and concerned are %d projects without the one that may go on", step.Mended, len(step.Projects))
	}
}

// A project that names a domain which its workspace does not have takes nothing from who has it.
func TestADomainOfAnotherIsNotClaimed(t *testing.T) {
	w := newWorld(t)
	shop, other := key("ws-1/shop"), key("1/blog")
	w.commit(map[string]string{manifest.ProjectFile(shop): project(shop, ", domain: www.example.org")})
	w.wantProblems(shop, "spec.domain")
	step := w.commit(map[string]string{
		manifest.WorkspaceFile("1"): workspace("1", 8, ", domains: [example.org]"), manifest.ProjectFile(other): project(other, ", domain: www.example.org"),
	})
	w.wantProblems(other)
	if len(step.Broken) > 0 {
		t.Errorf("broken is %v", step.Broken)
	}
}

// Two workspaces cannot have one domain; when one gives it up, nothing is wrong with the other any more, which nobody touched.
func TestADomainIsOfOneWorkspace(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]string{manifest.WorkspaceFile("ws-1"): workspace("ws-1", 7, ", domains: [example.org]")})
	w.commit(map[string]string{manifest.WorkspaceFile("1"): workspace("1", 8, ", domains: [example.org]")})
	if len(w.catalog.FileProblems()) == 0 {
		t.Fatal("two workspaces have one domain")
	}
	for _, name := range []string{"ws-1", "1"} {
		before := w.repo.Read("main", manifest.WorkspaceFile(name))
		owner := map[string]int{"ws-1": 7, "1": 8}[name]
		step := w.commit(map[string]string{manifest.WorkspaceFile(name): workspace(name, owner, "")})
		if problems := w.catalog.FileProblems(); !step.Mended || len(problems) > 0 {
			t.Errorf("without the domain of %s: mended %v, and still %v", name, step.Mended, problems)
		}
		if step = w.commit(map[string]string{manifest.WorkspaceFile(name): before}); len(step.Broken) == 0 {
			t.Errorf("%s takes the domain again, and nothing is broken", name)
		}
	}
}

// A quota that is less than what runs keeps nothing that runs from staying; only more is refused.
func TestAQuotaDoesNotStopWhatRuns(t *testing.T) {
	w := newWorld(t)
	shop := key("ws-1/shop")
	w.release(shop, nil)
	w.commit(map[string]string{manifest.WorkspaceFile("ws-1"): workspace("ws-1", 7, ", quota: {cpu: 1m}")})
	if len(w.catalog.FileProblems()) == 0 {
		t.Fatal("the quota is enough")
	}
	w.wantProblems(shop)
	w.commit(map[string]string{manifest.ProjectFile(shop): project(shop, ", replicas: 2")})
	w.wantProblems(shop, "spec.quota.cpu")
}

// A commit that deletes every workspace at once is not believed.
func TestAllWorkspacesAreNotDeletedAtOnce(t *testing.T) {
	w := newWorld(t)
	before := w.catalog.Commit
	w.repo.Commit(gitserver.Change{Message: "Delete everything", Remove: []string{
		manifest.WorkspaceFile("ws-1"), manifest.WorkspaceFile("1"), manifest.ProjectFile(key("ws-1/shop")),
	}})
	if _, err := w.catalog.Advance(w.repo.Head("main")); err == nil || !strings.Contains(err.Error(), "every workspace at once") {
		t.Errorf("got %v", err)
	}
	if w.catalog.Commit != before || !w.catalog.View(key("ws-1/shop")).Present {
		t.Error("something was taken from it")
	}
}
