package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/githubserver/forge"
)

// Somebody deletes the card: the next time that there is something to say there is a new one, and one alone.
func TestTheCardIsDeleted(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "admins: [{github: root, id: 1}]")
	scale := h.proposedBy(w, gitHubUser, "scale", files{shop.file(): shop.yaml("replicas: 2")})
	scale.says("v1.0.1")
	remove := func() {
		t.Helper()
		for _, id := range scale.cardIDs() {
			h.request("DELETE", fmt.Sprintf("platform-config/issues/comments/%d", id), "", nil)
		}
		if cards := scale.cards(); len(cards) > 0 {
			t.Fatalf("cards are left: %q", cards)
		}
	}
	remove()
	scale.editedBy(gitHubUser, files{shop.file(): shop.yaml("replicas: 3")})
	scale.says("v1.0.1")
	remove()
	scale.say(gitHubUser, "/plateform plan")
	scale.says("v1.0.1", "asked for")
	remove()
	w.restart()
	scale.says("v1.0.1")
	scale.merge(forge.Squash)
	shop.runs("v1.0.1")
	scale.says("done: 1 project")
	w.checkManners(h)
}

// cardIDs are the comments that are cards.
func (p *pull) cardIDs() (ids []int64) {
	p.w.t.Helper()
	var comments []struct {
		ID   int64
		Body string
	}
	p.h.ask(fmt.Sprintf("issues/%d/comments?per_page=100", p.number), &comments)
	for _, c := range comments {
		if strings.Contains(c.Body, "<!-- plateform:card -->") {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// Two serves on one installation say and do all of it once: one card, one merge, one commit and one answer for each command.
func TestTwoServesAnswerPullRequests(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "autoMerge: true, admins: [{github: root, id: 1}]")
	w.startRival()
	logs := []string{w.serveLog(), filepath.Join(w.dir, "rival-1", "serve.log")}
	both := func(what string, words ...string) {
		t.Helper()
		for _, log := range logs {
			w.await("both to have "+what, func() error {
				text, err := os.ReadFile(log)
				h.must(err)
				return contains(string(text), words...)
			})
		}
	}
	blog := w.imageProject("ws-1", "blog", "birds/wren:1")
	foreign := h.proposedBy(w, mallory, "foreign", files{blog.file(): blog.yaml()})
	both("planned it", fmt.Sprintf(`msg="pull request planned" number=%d`, foreign.number))
	foreign.newest("plateform/owners", "failure")
	foreign.says("you may not")
	for i := range 3 {
		mine := h.proposedBy(w, gitHubUser, fmt.Sprint("mine-", i), files{shop.file(): shop.yaml(fmt.Sprintf("replicas: %d", i+2))})
		mine.merged()
		shop.runs(fmt.Sprintf("v1.0.%d", i+1))
		mine.says("done: 1 project")
	}
	if landed := lines(w.config.look("log", "--merges", "--format=%H", "main")); len(landed) != 3 {
		t.Errorf("3 pull requests were merged as %q", landed)
	}
	for i, command := range []string{"retry ws-1/shop", "rollback ws-1/shop", "rollback ws-1/shop", "retry ws-1/shop"} {
		comment := foreign.say(gitHubUser, "/plateform "+command)
		foreign.once(comment)
		if i == 2 {
			shop.runs("v1.0.1")
		}
	}
	w.rest() // both look for pull requests several times meanwhile
	foreign.says("you may not")
	if made := lines(w.config.look("log", "--format=%H", "--grep=^Plateform-Comment:", "main")); len(made) != 4 {
		t.Errorf("4 comments made the commits %q", made)
	}
	w.checkManners(h)
}

// newest waits for the newest check of a name on the head, where there may be several: two processes may write at the same time, and
// GitHub takes no annotation away.
func (p *pull) newest(check, conclusion string, says ...string) {
	p.w.t.Helper()
	p.w.await("the newest "+check+" of "+p.branch, func() error {
		runs := p.h.checks(p.head(), check)
		if len(runs) == 0 || runs[0].Conclusion != conclusion {
			return fmt.Errorf("the checks are %+v", runs)
		}
		return contains(runs[0].Output.Title+"\n"+runs[0].Output.Summary, says...)
	})
}

// A command that was refused is over, whatever its author may do by the time that another process reads it.
func TestARefusedCommandStaysRefused(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "admins: [{github: root, id: 1}]")
	shop.edit("replicas: 2")
	shop.runs("v1.0.1")
	other := h.proposedBy(w, gitHubUser, "other", files{"workspaces/ws-1/README.md": "ours\n"})
	comment := other.say(mallory, "/plateform rollback ws-1/shop")
	other.answered("This was not done: only developers of ws-1 may roll a project back")
	h.onMain("Let mallory in", map[string]string{workspaceFile("ws-1"): object("Workspace", "ws-1",
		fmt.Sprintf("owner: {github: alice, id: %d}", gitHubUser), fmt.Sprintf("members: [{github: mallory, id: %d, role: developer}]", mallory))})
	w.settle()
	w.restart()
	w.settle()
	again := other.say(mallory, "/plateform rollback ws-1/shop")
	other.once(again)
	shop.runs("v1.0.0")
	if made := w.asked(comment); len(made) > 0 {
		t.Errorf("what was refused was done in %q", made)
	}
	w.checkManners(h)
}

// A pull request for another branch is nothing of Plateform's, and becomes one when it is to go to this branch.
func TestAPullRequestOfAnotherBranch(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "autoMerge: true, admins: [{github: root, id: 1}]")
	commit := func(who int64, branch, from string, fs map[string]string) {
		_, err := h.server.Commit(t.Context(), forge.NewCommit{Repo: "acme/platform-config", Branch: branch, From: from, Author: who, Message: "Propose " + branch, Files: fs})
		h.must(err)
	}
	commit(gitHubUser, "other", "main", map[string]string{"workspaces/ws-1/README.md": "ours\n"})
	commit(gitHubUser, "stray", "main", map[string]string{shop.file(): shop.yaml("replicas: 2")})
	stray := &pull{w: w, h: h, branch: "stray"}
	var err error
	stray.number, err = h.server.OpenPull(t.Context(), forge.NewPull{Repo: "acme/platform-config", Base: "other", Head: "stray", Title: "Scale it", Author: gitHubUser})
	h.must(err)
	ignored := stray.say(gitHubUser, "/plateform retry ws-1/shop")
	h.proposedBy(w, gitHubUser, "mine", files{"workspaces/ws-1/NOTES.md": "ours\n"}).merged()
	w.settle()
	stray.isOpen()
	if n := len(stray.cards()) + len(h.checks(stray.head(), "plateform/plan")) + stray.answers(ignored) + len(w.asked(ignored)); n > 0 {
		t.Errorf("a pull request of another branch was told %d things", n)
	}
	h.request("PATCH", fmt.Sprintf("platform-config/pulls/%d", stray.number), `{"base": "main"}`, nil)
	stray.merged()
	shop.runs("v1.0.1")
	w.checkManners(h)
}

// Rights are those of the commit that a command's commit goes on top of: who loses them before that lands does nothing any more.
func TestACommandOfSomebodyWhoMayNotAnyMore(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "admins: [{github: root, id: 1}]")
	alone := w.config.read(workspaceFile("ws-1"))
	h.onMain("Let mallory in", map[string]string{workspaceFile("ws-1"): alone + fmt.Sprintf("  members: [{github: mallory, id: %d, role: developer}]\n", mallory),
		shop.file(): shop.yaml("replicas: 2")})
	shop.runs("v1.0.1")
	w.settle()
	other := h.proposedBy(w, gitHubUser, "other", files{"workspaces/ws-1/README.md": "ours\n"})
	other.says("no project is touched")
	beaten := h.before(pushing(), func() { h.onMain("Put mallory out", map[string]string{workspaceFile("ws-1"): alone}) })
	comment := other.say(mallory, "/plateform rollback ws-1/shop")
	w.happened("somebody to be faster than the command", beaten)
	other.answered("This was not done: only developers of ws-1 may roll a project back")
	if made := w.asked(comment); len(made) > 0 {
		t.Errorf("it was done in %q", made)
	}
	w.checkManners(h)
}
