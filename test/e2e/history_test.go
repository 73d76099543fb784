package e2e

import (
	"strings"
	"testing"
)

// Old release files beyond what is to be kept are removed by Plateform, in a commit of their own; what runs and what it
// can be rolled back to stay.
func TestRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.platform = []string{"releases: {keep: 2}"}
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	one := shop.runs("v1.0.0")
	shop.push("two")
	two := shop.runs("v1.0.1")
	shop.push("three")
	three := shop.runs("v1.0.2")

	w.await("v1.0.0 to be removed", func() error { return absent(w.config, shop.releaseFile("v1.0.0")) })
	removal := w.config.log("%H|%an", shop.releaseFile("v1.0.0"))[0]
	commit, author, _ := strings.Cut(removal, "|")
	if got := w.config.look("show", "--name-status", "--format=", commit); author != "Plateform" || got != "D\t"+shop.releaseFile("v1.0.0") {
		t.Errorf("it was removed by %s in a commit that changes\n%s", author, got)
	}
	shop.still(three)
	shop.wantReleases("v1.0.1", "v1.0.2")
	if w.registry.digest(two.Image.Repository+"@"+two.Image.Digest) == "" {
		t.Error("the image of a release that is kept is gone")
	}

	shop.revert("v1.0.2")
	same(t, shop.runs("v1.0.1"), two)
	shop.still(two)
	if one.text == two.text {
		t.Error("two sources gave the same values")
	}
}

// After a rewritten history in which the newest release is missing, what runs keeps running and the project is red and
// frozen until a retry; its neighbours go on.
func TestRewrittenHistoryFreezes(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop, api := w.goProject("ws-1", "shop"), w.goProject("ws-1", "api")
	w.add(shop, api)
	shop.runs("v1.0.0")
	apiOne := api.runs("v1.0.0")
	w.settle()
	before := w.config.head()
	source := shop.push("two")
	two := shop.runs("v1.0.1")
	shop.sourceVerdict(source)

	rewritten := w.config.rewrite(before)
	if verdict := w.redOn(rewritten, shop); !strings.Contains(verdict.Description, "retry") {
		t.Errorf("the rewritten head ended with %+v, want a failure that names the retry", verdict)
	}
	shop.still(two)
	shop.edit("replicas: 2")
	shop.still(two)
	w.restart()
	shop.still(two)
	same(t, api.values(), apiOne)
	api.edit("replicas: 2")
	api.runs("v1.0.1")

	shop.retry()
	v := shop.runs("v1.0.2")
	if got := shop.says(); got != "two" || v.Replicas != 2 {
		t.Errorf("v1.0.2 says %q and is\n%s", got, v.text)
	}
}

// A rewritten history that still has all the releases changes nothing.
func TestRewrittenHistoryWithAllReleasesChangesNothing(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)
	w.settle()

	w.config.rewrite(w.config.head())
	shop.still(one)
	shop.wantReleases("v1.0.0")
	shop.push("two")
	shop.runs("v1.0.1")
}

// rewrite replaces the history by one commit with the tree of the given commit, and forces the branch there.
func (r *repo) rewrite(commit string) string {
	r.t.Helper()
	r.pull()
	rewritten := r.git("commit-tree", "-m", "History, rewritten", commit+"^{tree}")
	r.git("reset", "--quiet", "--hard", rewritten)
	r.git("push", "--quiet", "--force", "origin", "HEAD:main")
	r.rewritten = append(r.rewritten, rewritten)
	return rewritten
}
