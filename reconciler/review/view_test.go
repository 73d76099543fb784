package review

import (
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/plan"
)

// What people write can make a difference to any plan, a release to those about its workspace.
func TestWhatMakesAnotherPlan(t *testing.T) {
	t.Parallel()
	shop := manifest.Key{Workspace: "ws-1", Project: "shop"}
	var about done
	about.concern(&plan.Plan{Projects: []plan.Project{{Key: shop}}}, []manifest.Change{{Path: manifest.ProjectFile(shop)}})
	if about.everything {
		t.Fatal("a project is about everything")
	}
	release := func(workspace string) string {
		return manifest.ReleaseFile(manifest.Key{Workspace: workspace, Project: "a"}, manifest.Version{Major: 1})
	}
	for path, want := range map[string]bool{
		release("ws-1"): true, release("ws-2"): false, release("ws-10"): false,
		"workspaces/ws-2/projects/a/project.yaml": true, "platform.yaml": true, "README.md": true,
	} {
		if got := about.touchedBy([]manifest.Change{{Path: "workspaces/ws-9/projects/a/releases/v1.0.0.yaml"}, {Path: path}}); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	for path, want := range map[string]bool{"workspaces/ws-1/shop/run.yaml": true, "workspaces/ws-2/shop/run.yaml": false, "root.yaml": false} {
		if got := about.touchedByGitOps([]manifest.Change{{Path: path}}); got != want {
			t.Errorf("%s of GitOps: %v", path, got)
		}
	}
	var all done
	all.concern(&plan.Plan{}, []manifest.Change{{Path: "platform.yaml"}})
	if !all.touchedBy([]manifest.Change{{Path: release("ws-2")}}) || !all.touchedByGitOps([]manifest.Change{{Path: "workspaces/ws-2/shop/run.yaml"}}) {
		t.Error("a change of the platform is not about all workspaces")
	}
}

func TestWhatWokeIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for want, w := range map[string]woken{
		"webhook +0.4 s":              {webhook, now.Add(-420 * time.Millisecond)},
		"found by polling after 41 s": {polling, now.Add(-41 * time.Second)},
		"asked for +0.0 s":            {asked, now.Add(time.Second)},
		"the branch moved":            {moved, now},
	} {
		if got := w.words(now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
