package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Sources that never answer hold up nobody but their own projects, neither others with sources nor their own settings.
func TestSilentSourcesHoldUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := newSilentHost(t).address
	w.sources = []string{"http://" + address + "/*"}
	w.open()
	var silent []*project
	for i := range 5 {
		name := fmt.Sprintf("silent-%d", i)
		silent = append(silent, &project{w: w, workspace: "ws-1", name: name,
			spec: []string{"type: monolithic", "source: {repository: http://" + address + "/" + name + "}"}})
	}
	shop := w.goProject("ws-2", "shop")
	w.add(append(silent, shop)...)
	shop.runs("v1.0.0")
	shop.push("two")
	shop.runs("v1.0.1")
	shop.edit("replicas: 3")
	if v := shop.runs("v1.0.2"); v.Replicas != 3 || shop.says() != "two" {
		t.Errorf("it is\n%s", v.text)
	}
	for _, p := range silent {
		p.wantReleases()
	}
}

// A source repository without a commit is told about and waited for: its first push is its first release.
func TestSourceWithoutACommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := &project{w: w, workspace: "ws-1", name: "shop", app: newRepo(t, w.dir, "app-shop")}
	commit := w.add(shop)
	w.await("shop to be told that its source is empty", func() error {
		for _, r := range shop.notes(commit) {
			if strings.Contains(r.Description, "app-shop") {
				return nil
			}
		}
		return fmt.Errorf("its notes are %+v", shop.notes(commit))
	})
	shop.app.commit("Begin", files{"go.mod": "module example.com/shop\n\ngo 1.24\n", "main.go": program("one")})
	shop.runs("v1.0.0")
	shop.wantSays("one")
}

// What is in a source is its own affair: links that nothing follows do not matter, and one out of it that its build needs
// fails that build, with the place. Nothing is read or written elsewhere.
func TestHostileSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop, blog := w.goProject("ws-1", "shop"), w.goProject("ws-1", "blog")
	w.add(shop, blog)
	shop.runs("v1.0.0")
	blog.runs("v1.0.0")

	shop.app.symlink("secret", "../../../../serve.yaml")
	shop.app.symlink("everything", "/")
	shop.app.symlink("circle", "circle")
	if verdict := shop.sourceVerdict(shop.app.recordAndPush("Links that nothing follows")); verdict.State != "success" {
		t.Errorf("links that nothing follows ended with %+v", verdict)
	}
	one := shop.runs("v1.0.1")

	shop.app.symlink("more.go", "../../../../serve.yaml")
	source := shop.app.recordAndPush("Compile what is outside of the repository")
	verdict := shop.sourceVerdict(source)
	if verdict.State != "failure" || !strings.Contains(verdict.Description, "more.go is a symlink") || strings.Contains(verdict.Description, "dataDir:") {
		t.Errorf("it ended with %+v", verdict)
	}
	blog.push("two")
	blog.runs("v1.0.1")
	shop.still(one)
	shop.app.git("rm", "--quiet", "secret", "more.go")
	shop.app.recordAndPush("Take it away")
	shop.app.pull()
	two := shop.push("two")
	shop.sourceVerdict(two)
	if entries, err := os.ReadDir(filepath.Join(w.dir, "data", "work")); err == nil && len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// recordAndPush commits what is staged, pushes it and returns it.
func (r *repo) recordAndPush(message string) string {
	r.t.Helper()
	r.record(message, nil)
	return r.push()
}

// An empty config or GitOps repository, or a branch that is not there yet, is waited for.
func TestUnbornRepositories(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.await("serve to say that the config repository is empty", func() error {
		if log := w.server.tail(); !strings.Contains(log, "the config repository is empty") {
			return fmt.Errorf("its log is\n%s", log)
		}
		return nil
	})
	if head := w.gitops.head(); head != "" {
		t.Errorf("something was written to GitOps: %s", head)
	}
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	w.config.commit("Begin", files{"platform.yaml": w.platformYAML(), workspaceFile("ws-1"): workspaceYAML("ws-1", 1001), shop.file(): shop.yaml()})
	shop.runs("v1.0.0")
}
