package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/githubserver"
)

// editing is a comment that is written anew.
func editing() githubserver.Fault {
	return githubserver.Fault{Operation: "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}"}
}

// killed has serve end without warning, and starts it again: when it is about to do something next after an act, or when it has just
// done it and does not know yet.
func (w *world) killed(h *hub, what githubserver.Fault, knowsNot bool, act func()) {
	w.t.Helper()
	dead, server := make(chan struct{}), w.server
	what.Times, what.Drop, what.DropAnswer = 1, !knowsNot, knowsNot
	kill := func() {
		server.kill()
		close(dead)
	}
	if knowsNot {
		what.After = kill
	} else {
		what.Before = kill
	}
	h.server.Inject(what)
	act()
	w.server = nil
	w.happened("serve to be killed", dead)
	w.start()
}

// asked are the commits of Plateform that a comment had made.
func (w *world) asked(comment int64) []string {
	return lines(w.config.look("log", "--format=%H", fmt.Sprintf("--grep=^Plateform-Comment: %d$", comment), "main"))
}

// answers are the comments of Plateform that answer a comment.
func (p *pull) answers(comment int64) (n int) {
	p.w.t.Helper()
	var comments []struct{ Body string }
	p.h.ask(fmt.Sprintf("issues/%d/comments?per_page=100", p.number), &comments)
	for _, c := range comments {
		if strings.Contains(c.Body, fmt.Sprintf("<!-- plateform:answer %d -->", comment)) {
			n++
		}
	}
	return n
}

// once waits until a comment is answered, which has made one commit and has one answer then.
func (p *pull) once(comment int64) {
	p.w.t.Helper()
	p.w.await("an answer", func() error {
		if n := p.answers(comment); n != 1 {
			return fmt.Errorf("there are %d", n)
		}
		return nil
	})
	if made := p.w.asked(comment); len(made) != 1 {
		p.w.t.Errorf("one comment made the commits %q", made)
	}
}

// Before and after everything that it says and does on a pull request serve is killed: after it is started again nothing is missing,
// and nothing was done twice.
func TestKilledOverPullRequests(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "autoMerge: true, admins: [{github: root, id: 1}]")
	blog := w.imageProject("ws-1", "blog", "birds/wren:1")
	version := 0
	for _, knowsNot := range []bool{false, true} {
		suffix := fmt.Sprint("-", knowsNot)
		var foreign, mine *pull
		w.killed(h, commenting(), knowsNot, func() {
			foreign = h.proposedBy(w, mallory, "foreign"+suffix, files{blog.file(): blog.yaml()})
		})
		foreign.planned("success", "create v1.0.0")
		foreign.owners("failure", "may not do 1 thing")
		foreign.says("you may not")

		version++
		w.killed(h, pushing(), knowsNot, func() {
			mine = h.proposedBy(w, gitHubUser, "mine"+suffix, files{shop.file(): shop.yaml(fmt.Sprintf("replicas: %d", version+1))})
		})
		mine.merged()
		shop.runs(fmt.Sprintf("v1.0.%d", version))
		mine.says("done: 1 project")

		h.must(h.server.ClosePull(t.Context(), "acme/platform-config", foreign.number, mallory))
		version++
		w.killed(h, editing(), knowsNot, func() {
			mine = h.proposedBy(w, gitHubUser, "told"+suffix, files{shop.file(): shop.yaml(fmt.Sprintf("replicas: %d", version+1))})
		})
		mine.merged()
		shop.runs(fmt.Sprintf("v1.0.%d", version))
		mine.says("done: 1 project")
	}
	if landed := lines(w.config.look("log", "--merges", "--format=%H", "main")); len(landed) != 4 {
		t.Errorf("4 pull requests were merged as %q", landed)
	}

	asks := h.proposedBy(w, mallory, "asks", files{blog.file(): blog.yaml("replicas: 9")})
	asks.owners("failure")
	for _, at := range []githubserver.Fault{pushing(), commenting()} {
		for _, knowsNot := range []bool{false, true} {
			version++
			h.onMain("Scale it", map[string]string{shop.file(): shop.yaml(fmt.Sprintf("replicas: %d", version+1))})
			shop.runs(fmt.Sprintf("v1.0.%d", version))
			var comment int64
			w.killed(h, at, knowsNot, func() { comment = asks.say(gitHubUser, "/plateform rollback ws-1/shop") })
			shop.runs("v1.0.4")
			asks.once(comment)
		}
	}
	w.restart()
	w.settle()
	shop.runs("v1.0.4")
	asks.says("create v1.0.0")
	if n := len(lines(w.config.look("log", "--format=%H", "--grep=^Plateform-Comment:", "main"))); n != 4 {
		t.Errorf("4 comments made %d commits", n)
	}
	w.checkManners(h)
}

// GitHub takes no cards for a while, and serve ends before it does again: what Plateform merged meanwhile is told by the next one,
// although the loop has left it behind.
func TestAMergeThatWasNotTold(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "autoMerge: true, admins: [{github: root, id: 1}]")
	wiki := w.imageProject("ws-1", "wiki", "birds/wren:1")
	h.onMain("Add a wiki", map[string]string{wiki.file(): wiki.yaml()})
	wiki.runs("v1.0.0")
	w.settle()
	trouble := editing()
	trouble.Status = http.StatusBadGateway
	h.server.Inject(trouble)
	gone := h.proposedBy(w, gitHubUser, "gone", files{wiki.file(): ""})
	gone.merged()
	wiki.gone()
	shop.edit("replicas: 2")
	shop.runs("v1.0.1")
	w.settle()
	w.stop()
	h.server.Heal()
	w.start()
	gone.says("done: 1 project")
	w.checkManners(h)
}
