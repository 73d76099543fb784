package e2e

import (
	"strings"
	"testing"

	"github.com/plateform/plateform/test/githubserver/forge"
)

// Two pull requests about one project are merged before a release is made: one release does for both, and what becomes of it is said on
// the cards of both. It is taken back, made again by a retry, taken back once more while nobody looks, and brought back.
func TestOneReleaseOfTwoPullRequests(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "admins: [{github: root, id: 1}]")
	w.settle()
	w.stop()
	scale := h.proposedBy(w, gitHubUser, "scale", files{shop.file(): shop.yaml("replicas: 2")})
	scale.merge(forge.Squash)
	open := h.proposedBy(w, gitHubUser, "open", files{shop.file(): shop.yaml("replicas: 2", "port: 3000")})
	open.merge(forge.Rebase)
	both := func(version string, words ...string) {
		t.Helper()
		for _, p := range []*pull{scale, open} {
			card := p.says(words...)
			if back := strings.Contains(card, "rolled back by"); back != strings.Contains(words[0], "rolled back by") {
				t.Errorf("the card of %s:\n%s", p.branch, card)
			}
			if offers := strings.Contains(card, "/delete/main/"+shop.releaseFile(version)); offers == strings.Contains(card, "rolled back by") {
				t.Errorf("it can be taken back %v:\n%s", offers, card)
			}
		}
	}
	w.start()
	shop.runs("v1.0.1")
	both("v1.0.1", "done: 1 project", "/delete/main/"+shop.releaseFile("v1.0.1"))

	first := w.config.revert(shop.releaseCommit("v1.0.1"))
	shop.runs("v1.0.0")
	both("v1.0.1", "v1.0.1 was rolled back by "+first)

	w.config.commit("Try again\n\nPlateform-Retry: ws-1/shop", nil)
	shop.runs("v1.0.2")
	both("v1.0.2", "done: 1 project", "/delete/main/"+shop.releaseFile("v1.0.2"))

	w.stop()
	second := w.config.revert(shop.releaseCommit("v1.0.2"))
	w.start()
	shop.runs("v1.0.0")
	both("v1.0.2", "v1.0.2 was rolled back by "+second)

	w.config.revert(second)
	shop.runs("v1.0.2")
	both("v1.0.2", "done: 1 project", "/delete/main/"+shop.releaseFile("v1.0.2"))
	w.checkManners(h)
}

// What a pull request asks for ships with the build of a push, whose release names the push as its cause: the card has that release all
// the same, by its signature, and who took it back.
func TestAPullRequestShipsWithAPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.goProject("ws-1", "shop")
	w.useKey()
	h := w.onGitHub(shop)
	h.install("platform-config", "plateform-gitops", "shop")
	w.open()
	w.config.commit("Add shop", files{workspaceFile("ws-1"): workspaceYAML("ws-1", gitHubUser), shop.file(): shop.yaml()})
	shop.runs("v1.0.0")
	w.settle()
	w.stop()
	scale := w.propose(h, "scale", files{shop.file(): shop.yaml("replicas: 2")})
	scale.merge(forge.Squash)
	shop.push("2")
	w.pretend("Release ws-1/shop v1.0.9\n\nWorkspace: ws-1\nProject: shop\nRelease: v1.0.9\n", nil)
	w.start()
	shop.runs("v1.0.1")
	if cause := w.config.trailer(shop.releaseCommit("v1.0.1"), "Caused-By"); !strings.HasPrefix(cause, "source ") {
		t.Fatalf("it was caused by %s", cause)
	}
	scale.says("done: 1 project", "delete/main/"+shop.releaseFile("v1.0.1"))
	w.stop()
	taken := w.config.revert(shop.releaseCommit("v1.0.1"))
	w.start()
	shop.runs("v1.0.0")
	scale.says("v1.0.1 was rolled back by " + taken)
	w.checkManners(h)
}
