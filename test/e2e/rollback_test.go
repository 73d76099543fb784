package e2e

import (
	"testing"
)

// A push to the app is the next release; `git revert` of its commit takes it back, byte for byte and without a build, and
// reverting the revert brings it back.
func TestRevertRollsBackAndForth(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	shop.verdict(w.add(shop))
	one := shop.runs("v1.0.0")

	source := shop.push("two")
	two := shop.runs("v1.0.1")
	shop.wantSourceVerdict(source, "success")
	if got := shop.says(); got != "two" || two.Image.Tag != "v1.0.1" || two.Image.Digest == one.Image.Digest {
		t.Errorf("v1.0.1 says %q and its image is %+v", got, two.Image)
	}

	rollback := shop.revert("v1.0.1")
	same(t, shop.runs("v1.0.0"), one)
	shop.wantVerdict(rollback, "success")
	shop.still(one)
	shop.wantReleases("v1.0.0")

	w.restart()
	shop.still(one)
	w.config.commit("An unrelated commit", files{"README.md": "Our platform.\n"})
	shop.still(one)
	w.stop()
	w.loseData()
	w.start()
	w.settle()
	same(t, shop.values(), one)

	forward := w.config.revert(rollback)
	same(t, shop.runs("v1.0.1"), two)
	shop.verdict(forward)
	shop.still(two)
	shop.wantReleases("v1.0.0", "v1.0.1")
	if got := shop.builds(); got != 2 {
		t.Errorf("%d builds for two sources", got)
	}

	shop.push("three")
	shop.runs("v1.0.2")
	shop.wantReleases("v1.0.0", "v1.0.1", "v1.0.2")
	shop.wantSays("three")
}

// After a rollback the next push is a release with the next version, never the one that was withdrawn.
func TestAVersionIsNeverUsedTwice(t *testing.T) {
	t.Parallel()
	_, shop, _ := oneApp(t)
	shop.push("two")
	shop.runs("v1.0.1")
	shop.revert("v1.0.1")
	shop.runs("v1.0.0")

	shop.push("three")
	shop.runs("v1.0.2")

	shop.wantReleases("v1.0.0", "v1.0.2")
	if got := len(shop.releaseCommits("v1.0.1")); got != 1 {
		t.Errorf("v1.0.1 was made %d times", got)
	}
}

// A build that was under way when people rolled back ends late; what it made is not released.
func TestLateBuildDoesNotUndoARollback(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)
	shop.push("two")
	two := shop.runs("v1.0.1")

	finish := w.registry.hold(shop.repository())
	late := shop.push("three")
	shop.reaches(late, "building")
	rollback := shop.revert("v1.0.1")
	same(t, shop.runs("v1.0.0"), one)
	finish()

	if verdict := shop.sourceVerdict(late); verdict.Stage != "held" && verdict.Stage != "superseded" {
		t.Errorf("the late build ended with %+v", verdict)
	}
	shop.still(one)
	shop.wantReleases("v1.0.0")

	w.restart()
	shop.still(one)
	shop.push("four")
	shop.runs("v1.0.2")
	shop.wantSays("four")
	w.config.revert(rollback)
	shop.still(shop.values())
	shop.wantReleases("v1.0.0", "v1.0.1", "v1.0.2")
	if two.text == one.text {
		t.Error("two sources gave the same values")
	}
}

// Two releases that are taken back in one push are both gone.
func TestTwoReleasesRevertedInOnePush(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)
	shop.push("two")
	shop.runs("v1.0.1")
	shop.push("three")
	three := shop.runs("v1.0.2")

	w.config.revert(shop.releaseCommit("v1.0.2"), shop.releaseCommit("v1.0.1"))
	same(t, shop.runs("v1.0.0"), one)
	shop.still(one)
	shop.wantReleases("v1.0.0")

	// Only the newest comes back: it is what runs, and the one between stays away.
	w.config.revert(w.config.log("%H", shop.releaseFile("v1.0.2"))[0])
	same(t, shop.runs("v1.0.2"), three)
	shop.still(three)
	shop.wantReleases("v1.0.0", "v1.0.2")
}

// Deleting the newest release file by hand is the same as a revert; deleting an older one changes nothing.
func TestReleaseFileDeletedByHand(t *testing.T) {
	t.Parallel()
	w, shop, _ := oneApp(t)
	shop.push("two")
	two := shop.runs("v1.0.1")
	shop.push("three")
	shop.runs("v1.0.2")

	w.config.commit("Delete v1.0.2 on the forge's page", files{shop.releaseFile("v1.0.2"): ""})
	same(t, shop.runs("v1.0.1"), two)
	shop.still(two)

	w.config.commit("Tidy up", files{shop.releaseFile("v1.0.0"): ""})
	shop.still(two)
	shop.wantReleases("v1.0.1")
}

// When the only release is taken back, what runs keeps running, also when GitOps is lost, and nothing new is made until
// the branch moves on.
func TestLastReleaseReverted(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)

	commit := shop.revert("v1.0.0")
	shop.verdict(commit)
	shop.still(one)
	shop.wantReleases()
	w.restart()
	shop.still(one)
	w.gitops.create()
	same(t, shop.runs("v1.0.0"), one)
	w.restart()
	w.gitops.commit("By hand", files{shop.runDir() + "/values.yaml": ""})
	same(t, shop.runs("v1.0.0"), one)
	shop.still(one)

	shop.push("two")
	shop.runs("v1.0.1")
	shop.wantReleases("v1.0.1")
}

// `plateform rollback` is the same as the reverts by hand, in one commit.
func TestRollbackCommand(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)
	shop.push("two")
	shop.runs("v1.0.1")
	shop.push("three")
	shop.runs("v1.0.2")

	if out, err := w.plateform("rollback", "ws-1/shop", "v1.0.0"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	same(t, shop.runs("v1.0.0"), one)
	shop.still(one)
	shop.wantReleases("v1.0.0")
	if got := len(w.config.log("%H", shop.releaseFile("v1.0.2"), shop.releaseFile("v1.0.1"))); got != 3 {
		t.Errorf("the two files were touched in %d commits, want one each to make them and one to take them back", got)
	}
}
