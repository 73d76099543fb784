package e2e

import (
	"strings"
	"testing"
)

// A deleted project is pruned and leaves a tombstone; added again without its release files, the next version is made.
func TestProjectDeletedAndAddedAgain(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)
	shop.push("two")
	shop.runs("v1.0.1")

	w.config.commit("Delete shop", files{shop.dir(): ""})
	shop.gone()
	w.settle()
	if run := shop.run(); !strings.Contains(run, "highest: v1.0.1") || !strings.Contains(run, "deleted:") {
		t.Errorf("the tombstone is\n%s", run)
	}
	w.restart()
	w.settle()
	if shop.values().text != "" {
		t.Errorf("a deleted project runs:\n%s", shop.values().text)
	}

	shop.verdict(w.add(shop))
	v := shop.runs("v1.0.2")
	shop.wantReleases("v1.0.2")
	shop.wantSays("two")
	if strings.Contains(shop.run(), "deleted:") {
		t.Errorf("it is still a tombstone:\n%s", shop.run())
	}
	shop.still(v)
}

// Added again with its release files, by reverting the deletion, the newest of them runs and nothing is made.
func TestDeletionReverted(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)
	shop.push("two")
	two := shop.runs("v1.0.1")

	deletion := w.config.commit("Delete shop", files{shop.dir(): ""})
	shop.gone()
	w.config.revert(deletion)

	same(t, shop.runs("v1.0.1"), two)
	shop.still(two)
	shop.wantReleases("v1.0.0", "v1.0.1")
	if shop.builds() != 2 {
		t.Errorf("%d builds for two sources", shop.builds())
	}
}

// Deleting project.yaml alone removes the project as well; the hold of a rollback does not outlive it.
func TestDeletionDropsHolds(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)
	shop.push("two")
	shop.runs("v1.0.1")
	shop.revert("v1.0.1")
	shop.runs("v1.0.0")

	w.config.commit("Delete shop, keep its releases", files{shop.file(): ""})
	shop.gone()
	w.settle()
	if strings.Contains(shop.run(), "holds:") {
		t.Errorf("the tombstone holds something:\n%s", shop.run())
	}
	w.add(shop)
	shop.runs("v1.0.2")
	shop.wantSays("two")
}

// A project that is moved to another folder is another project: the old one is pruned, the new one gets a first release
// of its own, and the release files of the old one mean nothing there.
func TestProjectMovedToAnotherFolder(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)

	store := &project{w: w, workspace: "ws-1", name: "store", app: shop.app}
	w.config.pull()
	w.config.git("mv", shop.dir(), store.dir())
	w.config.record("Call it store", files{store.file(): store.yaml()})
	commit := w.config.push()

	shop.gone()
	w.verdictOn(commit, store.context())
	w.settle()
	w.await("store to run a release of its own", func() error { return ownRelease(store) })
	v := store.values()
	if v.Host != "store-ws-1.apps.example.com" || !strings.HasSuffix(v.Image.Repository, "/ws-1/store") {
		t.Errorf("store is\n%s", v.text)
	}
	store.wantSays("one")
	if len(w.config.log("%H", store.releaseFile(v.Release))) != 1 {
		t.Errorf("the release that runs, %s, was not made by Plateform in one commit", v.Release)
	}
	if shop.values().text != "" {
		t.Errorf("shop still runs:\n%s", shop.values().text)
	}
	store.still(v)
}

// A workspace that is gone takes its projects with it; its name never passes to another owner.
func TestWorkspaceDeletedAndTakenByAnother(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneImage(t)

	w.config.commit("Delete the workspace", files{"workspaces/ws-1": ""})
	shop.gone()
	w.await("the namespace to be pruned", func() error { return absent(w.gitops, "workspaces/ws-1/namespace.yaml") })

	taken := w.config.commit("Take the name", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 666), shop.file(): shop.yaml()})
	if verdict := w.verdictOn(taken, "plateform/config"); verdict.State != "failure" || !strings.Contains(verdict.Description, "owner") {
		t.Errorf("taking the name ended with %+v", verdict)
	}
	w.settle()
	if shop.values().text != "" {
		t.Errorf("a taken name runs:\n%s", shop.values().text)
	}

	w.config.commit("Give it back", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 1001)})
	shop.runs("v1.0.1")
}

// Nothing is pruned when the config repository is suddenly empty or cannot be read; when it is back, all goes on.
func TestEmptyTreePrunesNothing(t *testing.T) {
	t.Parallel()
	w, shop, one := oneImage(t)
	w.settle()

	w.config.pull()
	w.config.git("rm", "--quiet", "-r", ".")
	w.config.record("Remove everything", nil)
	emptied := w.config.push()
	if verdict := w.verdictOn(emptied, "plateform/config"); verdict.State != "failure" {
		t.Errorf("an empty tree ended with %+v", verdict)
	}
	same(t, shop.values(), one)

	w.config.revert(emptied)
	shop.still(one)
	shop.wantReleases("v1.0.0")
}
