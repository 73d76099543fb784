package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// A project that does not compile gets one failure that says why; its neighbour is deployed meanwhile, and nobody tries
// again by himself.
func TestFailedBuildIsToldOnceAndNotRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop, api := w.goProject("ws-1", "shop"), w.goProject("ws-1", "api")
	shop.app.commit("Break it", files{"main.go": "package main\n\nfunc main() { sellEverything() }\n"})

	commit := w.add(shop, api)
	api.runs("v1.0.0")
	verdict := shop.verdict(commit)

	if verdict.State != "failure" || verdict.Stage != "failed" || !strings.Contains(verdict.Description, "sellEverything") {
		t.Errorf("the failure is told as %+v", verdict)
	}
	api.wantVerdict(commit, "success")
	shop.still(values{})
	w.restart()
	shop.still(values{})
	if got := len(terminals(shop.notes(commit))); got != 1 {
		t.Errorf("the failure was told %d times", got)
	}

	shop.push("mended")
	shop.runs("v1.0.0")
	shop.wantSays("mended")
}

// A build that failed for a reason that is gone goes through with `plateform retry`.
func TestRetryAfterFailure(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)

	w.registry.deny(shop.repository(), true)
	source := shop.push("two")
	shop.wantSourceVerdict(source, "failure")
	w.registry.deny(shop.repository(), false)
	shop.still(one)
	w.restart()
	shop.still(one)

	shop.retry()
	shop.runs("v1.0.1")
	shop.wantSays("two")
	if verdict := shop.verdict(w.retryCommit()); verdict.State == "failure" {
		t.Errorf("the retry ended with %+v", verdict)
	}
}

// A retry of what still does not build fails once more, on the commit that asked for it.
func TestRetryOfWhatStillFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	shop.app.commit("Break it", files{"main.go": "package main\n\nfunc main() { sellEverything() }\n"})
	shop.verdict(w.add(shop))

	shop.retry()
	retry := w.retryCommit()
	shop.wantVerdict(retry, "failure")
	w.settle()
	if got := len(terminals(shop.notes(retry))); got != 1 {
		t.Errorf("the retry was told %d times", got)
	}
	shop.wantReleases()
}

// A source that is not there fails with a reason, and goes out once it is there and the project asks for it again.
func TestUnreachableSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	there := shop.app.url
	shop.app.url = w.dir + "/nowhere.git"
	commit := w.add(shop)
	api := w.goProject("ws-1", "api")
	w.add(api)
	api.runs("v1.0.0")

	w.await("shop to be told that its source is not there", func() error {
		for _, r := range shop.notes(commit) {
			if strings.Contains(r.Description, "nowhere") {
				return nil
			}
		}
		return fmt.Errorf("its notes are %+v", shop.notes(commit))
	})
	shop.app.url = there
	shop.edit()
	shop.runs("v1.0.0")
}

// A commit that breaks one file turns red with file and line; that file's project stays as it is, all others deploy.
func TestBrokenFileStopsOnlyItsProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop, api := w.goProject("ws-1", "shop"), w.goProject("ws-1", "api")
	w.add(shop, api)
	one := shop.runs("v1.0.0")
	api.runs("v1.0.0")

	commit := w.config.commit("Break shop, change api", files{
		shop.file(): shop.yaml("replicaz: 2"),
		api.file():  api.yaml("replicas: 2"),
	})
	verdict := w.verdictOn(commit, "plateform/config")
	if place := shop.file() + ":7"; verdict.State != "failure" || !strings.Contains(verdict.Description, place) || !strings.Contains(verdict.Description, "replicaz") {
		t.Errorf("the commit ended with %+v, want a failure at %s", verdict, place)
	}
	if v := api.runs("v1.0.1"); v.Replicas != 2 {
		t.Errorf("api is\n%s", v.text)
	}
	shop.still(one)

	mended := shop.edit("replicas: 2")
	if v := shop.runs("v1.0.1"); v.Replicas != 2 {
		t.Errorf("shop is\n%s", v.text)
	}
	shop.wantVerdict(mended, "success")
}

// A workspace or the platform file that does not parse prunes nothing and lets the rest go on.
func TestBrokenWorkspaceOrPlatformPrunesNothing(t *testing.T) {
	t.Parallel()
	w, shop, blog := twoTenants(t)
	one := shop.values()

	broken := w.config.commit("Break ws-1", files{workspaceFile("ws-1"): "kind: [\n"})
	if verdict := w.verdictOn(broken, "plateform/config"); verdict.State != "failure" || !strings.Contains(verdict.Description, workspaceFile("ws-1")) {
		t.Errorf("the broken workspace ended with %+v", verdict)
	}
	blog.edit("replicas: 2")
	blog.runs("v1.0.1")
	same(t, shop.values(), one)

	broken = w.config.commit("Break the platform", files{"platform.yaml": "kind: [\n"})
	if verdict := w.verdictOn(broken, "plateform/config"); verdict.State != "failure" || !strings.Contains(verdict.Description, "platform.yaml:") {
		t.Errorf("the broken platform ended with %+v", verdict)
	}
	w.config.commit("Mend both", files{"platform.yaml": w.platformYAML(), workspaceFile("ws-1"): workspaceYAML("ws-1", 1001)})
	shop.still(one)
	shop.edit("replicas: 4")
	shop.runs("v1.0.1")
}
