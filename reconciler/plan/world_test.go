package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/test/gitserver"
)

// world is a config and a GitOps repository, and what happens there.
type world struct {
	*testing.T
	config, gitops *gitserver.Repo
}

const (
	plateform = "Plateform <plateform@users.noreply.github.com>"
	commit1   = "1111111111111111111111111111111111111111"
	commit2   = "2222222222222222222222222222222222222222"
)

var shop = manifest.Key{Workspace: "ws-1", Project: "shop"}

// newWorld has a platform and ws-1 with a project, shop.
func newWorld(t *testing.T) *world {
	w := &world{t, gitserver.CreateBare(t, t.TempDir()), gitserver.CreateBare(t, t.TempDir())}
	w.commit(map[string]string{
		manifest.PlatformFile: "apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\n" +
			"spec: {domain: apps.example.com, registry: {url: registry.example.com}}\n",
		manifest.WorkspaceFile("ws-1"): workspace("ws-1", ""),
		manifest.ProjectFile(shop):     project(shop, ""),
	})
	return w
}

// workspace is a workspace.yaml with more of a spec.
func workspace(name, more string) string {
	return fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Workspace\nmetadata: {name: %q}\nspec: {owner: {github: alice, id: 1}%s}\n", name, more)
}

// project is a project.yaml with more of a spec.
func project(k manifest.Key, more string) string {
	return fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: %s}\nspec: {type: monolithic, source: {repository: \"https://github.com/acme/%s\"}%s}\n",
		k.Project, k.Project, more)
}

// commit commits files to the config repository; those without content are removed.
func (w *world) commit(files map[string]string) string {
	w.Helper()
	c := gitserver.Change{Message: "A change\n", Files: map[string]string{}}
	for file, content := range files {
		if content == "" {
			c.Remove = append(c.Remove, file)
			continue
		}
		c.Files[file] = content
	}
	return w.config.Commit(c)
}

func (w *world) edit(k manifest.Key, more string) string {
	return w.commit(map[string]string{manifest.ProjectFile(k): project(k, more)})
}

// open opens a repository as it is now.
func (w *world) open(repo *gitserver.Repo) *gitstore.Local {
	w.Helper()
	local, err := gitstore.OpenLocal(w.Context(), repo.Dir)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = local.Close() })
	return local
}

// release releases a project as Plateform does, from a commit of its app.
func (w *world) release(k manifest.Key, version, source string) string {
	w.Helper()
	reader, head := w.open(w.config), w.config.Head("main")
	c, err := scope{everything: true}.load(reader, oneChart{}, head)
	if err != nil {
		w.Fatal(err)
	}
	v := c.View(k)
	keys, _ := decision.HeadKeys(v, nil, true, map[string]reconciler.Tip{manifest.PartSource: {Commit: source}})
	r := &manifest.Release{Header: manifest.NewHeader(manifest.KindRelease, version), Spec: manifest.ReleaseSpec{
		Parts: keys, Images: []manifest.Image{{
			Name: manifest.AppImage, Repository: "registry.example.com/" + k.String(), Tag: version, Digest: "sha256:" + strings.Repeat(source[:1], 64), Commit: source,
		}},
		Chart: v.Inputs.Chart, Project: v.Spec, Platform: v.Inputs, Cause: manifest.Cause{Kind: manifest.CauseConfig, Commit: head, Config: head},
		Plan: manifest.PlanHash(k, v.Spec, v.Inputs), CreatedAt: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}}
	number, err := manifest.ParseVersion(version)
	if err != nil {
		w.Fatal(err)
	}
	if r.Spec.Values, err = manifest.BuildValues(manifest.ValuesInput{Key: k, Release: number, Project: v.Spec, Platform: v.Inputs, Images: r.Spec.Images}); err != nil {
		w.Fatal(err)
	}
	file, err := manifest.EncodeRelease(r, k, 1, nil)
	if err != nil {
		w.Fatal(err)
	}
	return w.config.Commit(gitserver.Change{
		Author: plateform, Message: manifest.FormatMessage("Release "+version, manifest.NewTrailers(k, r)),
		Files: map[string]string{manifest.ReleaseFile(k, number): string(file)},
	})
}

// withdraw takes releases of shop away.
func (w *world) withdraw(versions ...string) string {
	files := map[string]string{}
	for _, version := range versions {
		files[manifest.ReleasesDir(shop)+"/"+version+".yaml"] = ""
	}
	return w.commit(files)
}

// remember writes what Plateform remembers of shop, standing for a config commit.
func (w *world) remember(run manifest.RunSpec, mark string) {
	w.Helper()
	text, err := manifest.Encode(manifest.Run{Header: manifest.NewHeader(manifest.KindRun, shop.Project), Spec: run})
	if err != nil {
		w.Fatal(err)
	}
	w.gitops.Commit(gitserver.Change{
		Author: plateform, Message: manifest.FormatMessage("Record", []manifest.Trailer{{Key: manifest.TrailerConfigCommit, Value: mark}}),
		Files: map[string]string{manifest.RunFile(shop): string(text)},
	})
}

// plan plans from a base to the head of the config repository, with what GitOps remembers. Without it the hash is the same.
func (w *world) plan(base string) *Plan {
	w.Helper()
	alone := w.planAlone(base)
	p, err := w.options(&GitOps{w.open(w.gitops), w.gitops.Head("main")}).Make(base, w.config.Head("main"))
	if err != nil {
		w.Fatal(err)
	}
	if p.Hash != alone.Hash {
		w.Errorf("the hash is %s, and %s without GitOps", p.Hash, alone.Hash)
	}
	return p
}

func (w *world) planAlone(base string) *Plan {
	w.Helper()
	p, err := w.options(nil).Make(base, w.config.Head("main"))
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) options(gitops *GitOps) Options {
	return Options{Config: w.open(w.config), Charts: oneChart{}, GitOps: gitops}
}

// oneChart is a chart for each type.
type oneChart struct{}

func (oneChart) Chart(t manifest.ProjectType, _ string) (manifest.Chart, error) {
	return manifest.Chart{Name: string(t), Version: "1.0.0", Digest: "sha256:" + strings.Repeat("c", 64)}, nil
}

func (oneChart) Files(manifest.Chart) (map[string][]byte, error) { return nil, nil }

// summary is a plan in a few words.
func summary(p *Plan) string {
	var lines []string
	for _, p := range p.Projects {
		line := fmt.Sprintf("%s: %s %s, %d builds", p.Key, p.Action, p.Next, p.Builds)
		for _, why := range p.Why {
			if strings.HasPrefix(why, "nothing new is released: ") {
				continue // it is one of the problems below
			}
			why, _, _ = strings.Cut(why, " is kept back")
			line += "; " + why
		}
		lines = append(lines, line)
	}
	for _, problem := range p.Problems {
		lines = append(lines, problem.File+": "+problem.What)
	}
	return strings.Join(lines, "\n")
}

func (w *world) wants(p *Plan, want ...string) {
	w.Helper()
	if got := summary(p); got != strings.Join(want, "\n") {
		w.Errorf("planned:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}
