package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// loss is a way to lose the GitOps repository.
type loss struct {
	name string
	lose func(w *world)
}

func losses() []loss {
	return []loss{
		{"replaced by an empty one", func(w *world) { w.gitops.create() }},
		{"branch deleted", func(w *world) { w.gitops.look("update-ref", "-d", "refs/heads/main") }},
		{"replaced while serve is down", func(w *world) {
			w.stop()
			w.gitops.create()
			w.loseData()
			w.start()
		}},
	}
}

// A lost GitOps repository is written again from the config repository: the same bytes, no build, and what was held by a
// rollback, or deleted, is still so.
func TestGitOpsLost(t *testing.T) {
	for _, l := range losses() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).open()
			shop, api, gone := w.goProject("ws-1", "shop"), w.goProject("ws-1", "api"), w.goProject("ws-2", "gone")
			w.add(shop, api, gone)
			one := shop.runs("v1.0.0")
			apiOne := api.runs("v1.0.0")
			gone.runs("v1.0.0")
			shop.push("two")
			shop.runs("v1.0.1")
			shop.revert("v1.0.1")
			shop.runs("v1.0.0")
			w.config.commit("Delete gone", files{gone.dir(): ""})
			gone.gone()
			w.settle()
			namespace := w.gitops.read("workspaces/ws-1/namespace.yaml")
			chart := w.gitops.look("rev-parse", "main:charts/monolithic")

			l.lose(w)

			same(t, shop.runs("v1.0.0"), one)
			same(t, api.runs("v1.0.0"), apiOne)
			shop.still(one)
			shop.wantReleases("v1.0.0")
			if shop.builds() != 2 || api.builds() != 1 {
				t.Errorf("%d and %d builds for two and one sources", shop.builds(), api.builds())
			}
			if gone.values().text != "" || w.gitops.read("workspaces/ws-1/namespace.yaml") != namespace {
				t.Error("a deleted project is back, or the namespace is another")
			}
			if got := w.gitops.look("rev-parse", "main:charts/monolithic"); got != chart {
				t.Error("the chart is not what it was")
			}
			w.add(gone)
			gone.runs("v1.0.1")
			shop.push("three")
			shop.runs("v1.0.2")
		})
	}
}

// What somebody else changes in the GitOps repository is written back, in a commit that says so.
func TestForeignEditInGitOpsIsWrittenBack(t *testing.T) {
	t.Parallel()
	w, shop, one := oneImage(t)
	w.settle()
	valuesFile, chartFile := shop.runDir()+"/values.yaml", "charts/monolithic/1.1.0/Chart.yaml"
	chart := w.gitops.read(chartFile)

	acts := []struct {
		name  string
		files files
	}{
		{"a value edited", files{valuesFile: strings.Replace(one.text, "replicas: 1", "replicas: 99", 1)}},
		{"a file deleted", files{valuesFile: ""}},
		{"a folder deleted", files{shop.runDir(): ""}},
		{"a chart edited", files{chartFile: "name: mine\n"}},
		{"a stranger's file", files{shop.runDir() + "/extra.yaml": "kind: Secret\n"}},
	}
	for _, act := range acts {
		edit := w.gitops.commit("By hand: "+act.name, act.files)
		w.await(act.name+" to be written back", func() error {
			if got := shop.values().text; got != one.text {
				return fmt.Errorf("the values are\n%s", got)
			}
			if got := w.gitops.read(chartFile); got != chart {
				return fmt.Errorf("the chart is\n%s", got)
			}
			return absent(w.gitops, shop.runDir()+"/extra.yaml")
		})
		want := "which somebody else changed"
		switch {
		case strings.HasSuffix(act.name, "deleted"):
			want = "which was missing"
		case act.name == "a stranger's file":
			want = "that somebody else added"
		}
		back := w.gitops.look("log", "--reverse", "--format=%an|%s", edit+"..main")
		if !strings.HasPrefix(back, "Plateform|Write ") || !strings.Contains(back, want) {
			t.Errorf("%s was answered with %q, want a commit that writes %q", act.name, back, want)
		}
	}
	shop.still(one)
	shop.wantReleases("v1.0.0")
}

// A change of the platform or the workspace releases what uses it, without a build.
func TestPlatformChangeReleasesWhatUsesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	w.registry.publish("birds/wren:1")
	fixed := w.imageProject("ws-1", "fixed", "birds/wren:1", "replicas: 1", "resources: {cpu: 100m, memory: 64Mi}")
	w.add(shop, fixed)
	one := shop.runs("v1.0.0")
	fixedOne := fixed.runs("v1.0.0")

	w.platform = []string{"defaults: {replicas: 3, resources: {cpu: 300m, memory: 300Mi}}"}
	commit := w.config.commit("Larger defaults", files{"platform.yaml": w.platformYAML()})
	v := shop.runs("v1.0.1")
	if v.Replicas != 3 || v.Image != one.Image || !strings.Contains(v.text, "300Mi") {
		t.Errorf("v1.0.1 is\n%s", v.text)
	}
	shop.wantVerdict(commit, "success")
	fixed.still(fixedOne)
	fixed.wantReleases("v1.0.0")

	w.config.revert(commit)
	v = shop.runs("v1.0.2")
	if v.text != strings.Replace(one.text, "v1.0.0", "v1.0.2", 1) {
		t.Errorf("v1.0.2 is\n%s\nwant what v1.0.0 was", v.text)
	}
	if shop.builds() != 1 {
		t.Errorf("%d builds for one source", shop.builds())
	}
}
