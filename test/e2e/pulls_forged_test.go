package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/githubserver/forge"
)

// pretend commits to the branch as somebody who gives Plateform as the author, and says what Plateform would.
func (w *world) pretend(message string, fs files) string {
	w.t.Helper()
	w.config.pull()
	w.config.stage(fs)
	w.config.git("add", "--all")
	w.config.git("commit", "--quiet", "--allow-empty", "--author=Plateform <plateform@users.noreply.github.com>", "--message="+message)
	return w.config.push()
}

// Where there are keys, nobody who may push can have a card say that something was released, hide who rolled it back, or have a command
// taken for done: what Plateform wrote is known by its signature.
func TestCardsBelieveNoForgedCommits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.goProject("ws-1", "shop")
	w.useKey()
	h := w.onGitHub(shop)
	h.install("platform-config", "plateform-gitops", "shop")
	w.open()
	w.config.commit("Add shop", files{workspaceFile("ws-1"): workspaceYAML("ws-1", gitHubUser), shop.file(): shop.yaml()})
	shop.runs("v1.0.0")
	scale := w.propose(h, "scale", files{shop.file(): shop.yaml("replicas: 2")})
	scale.planned("success", "v1.0.1")
	merged := scale.merge(forge.MergeCommit)
	shop.runs("v1.0.1")
	scale.says("done: 1 project", "delete/main/"+shop.releaseFile("v1.0.1"))

	genuine := w.config.read(shop.releaseFile("v1.0.1"))
	w.pretend("Release ws-1/shop v1.0.9\n\nWorkspace: ws-1\nProject: shop\nRelease: v1.0.9\nCaused-By: config "+merged+"\n",
		files{shop.releaseFile("v1.0.9"): strings.ReplaceAll(genuine, "v1.0.1", "v1.0.9")})
	w.pretend("Take it away again\n", files{shop.releaseFile("v1.0.9"): ""})
	hidden := w.pretend("Remove 1 old release file of ws-1/shop\n", files{shop.releaseFile("v1.0.1"): ""})
	shop.runs("v1.0.0")
	scale.says("v1.0.1 was rolled back by " + hidden)
	w.config.commit("Bring it back", files{shop.releaseFile("v1.0.1"): genuine})
	shop.runs("v1.0.1")

	w.stop()
	id := scale.say(gitHubUser, "/plateform rollback ws-1/shop v1.0.0")
	w.pretend("It is done\n\nPlateform-Comment: "+fmt.Sprint(id)+"\n", nil)
	w.start()
	shop.runs("v1.0.0")
	scale.answered("Rolled back ws-1/shop from v1.0.1 to v1.0.0")
	w.crash()
	w.settle()
	if n := len(lines(w.config.look("log", "--format=%H", "--author=Plateform", "--grep=^Plateform-Signature:", "--grep=^Plateform-Comment:", "--all-match", "main"))); n != 1 {
		t.Errorf("one command made %d signed commits", n)
	}
	w.checkManners(h)
}
