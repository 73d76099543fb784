package e2e

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

// withImages is withPeople for stories in which nothing is built and that look for pull requests all the time: alice owns ws-1, which
// may have hosts of acme.example, and runs ws-1/shop of an image.
func withImages(t *testing.T, policy string) (*world, *hub, *project) {
	t.Helper()
	w := newWorld(t)
	h := w.onGitHub()
	h.install("platform-config", "plateform-gitops")
	h.must(h.server.AddUser(mallory, "mallory"))
	h.must(h.server.SetRole("acme/platform-config", mallory, model.Write))
	w.platform, w.poll = []string{"policy: {" + policy + "}"}, "50ms"
	w.open()
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	w.config.commit("Add shop", files{
		workspaceFile("ws-1"): object("Workspace", "ws-1", fmt.Sprintf("owner: {github: alice, id: %d}", gitHubUser), "domains: [acme.example]"),
		shop.file():           shop.yaml(),
	})
	shop.runs("v1.0.0")
	return w, h, shop
}

// merged waits until it is merged, by Plateform itself, and returns what it became.
func (p *pull) merged() string {
	p.w.t.Helper()
	p.w.await(p.branch+" to be merged", func() error {
		if state, merged := p.state(); !merged {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
	var pull struct {
		Commit string `json:"merge_commit_sha"`
	}
	p.h.ask(fmt.Sprintf("pulls/%d", p.number), &pull)
	if author := p.w.config.look("log", "-1", "--format=%an", pull.Commit); author != "Plateform" {
		p.w.t.Errorf("%s was merged by %s", p.branch, author)
	}
	p.w.config.merged = append(p.w.config.merged, pull.Commit)
	return pull.Commit
}

// isOpen fails the test if it is not open any more.
func (p *pull) isOpen() {
	p.w.t.Helper()
	if state, merged := p.state(); state != "open" || merged {
		p.w.t.Errorf("%s is %s, merged %v", p.branch, state, merged)
	}
}

// pushing is a push to the branch of the config repository, commenting a comment that is written.
func pushing() githubserver.Fault {
	return githubserver.Fault{Operation: "git-receive-pack", Repo: "acme/platform-config", Ref: "refs/heads/main"}
}

func commenting() githubserver.Fault {
	return githubserver.Fault{Operation: "POST /repos/{owner}/{repo}/issues/{issue_number}/comments"}
}

// before has something happen once, before Plateform does something next.
func (h *hub) before(what githubserver.Fault, do func()) (done chan struct{}) {
	done = make(chan struct{})
	what.Times, what.Before = 1, func() {
		defer close(done)
		do()
	}
	h.server.Inject(what)
	return done
}

// happened waits for what before has waited for.
func (w *world) happened(what string, done chan struct{}) {
	w.t.Helper()
	w.await(what, func() error {
		select {
		case <-done:
			return nil
		default:
			return errors.New("it has not happened yet")
		}
	})
}

// onMain commits to the branch on GitHub's page, as alice.
func (h *hub) onMain(message string, fs map[string]string) string {
	hash, err := h.server.Commit(h.t.Context(), forge.NewCommit{Repo: "acme/platform-config", Author: gitHubUser, Message: message, Files: fs})
	if err != nil {
		h.t.Error(err)
	}
	return hash
}

// Of two pull requests that want one host, and that both pass when they are looked at first, exactly one lands; the card of the other
// one says who has the host.
func TestTwoPullRequestsClaimOneHost(t *testing.T) {
	t.Parallel()
	w, h, _ := withImages(t, "autoMerge: true, admins: [{github: root, id: 1}]")
	blog := w.imageProject("ws-1", "blog", "birds/wren:1", "domain: www.acme.example")
	wiki := w.imageProject("ws-1", "wiki", "birds/wren:1", "domain: www.acme.example")
	w.stop()
	both := []*pull{
		h.proposedBy(w, gitHubUser, "blog", files{blog.file(): blog.yaml()}),
		h.proposedBy(w, gitHubUser, "wiki", files{wiki.file(): wiki.yaml()}),
	}
	w.start()
	lands := -1
	w.await("one of both to land", func() error {
		lands = slices.IndexFunc(both, func(p *pull) bool { _, merged := p.state(); return merged })
		if lands < 0 {
			return errors.New("none has landed")
		}
		return nil
	})
	winner, loser := both[lands], both[1-lands]
	winner.merged()
	has, wants := []*project{blog, wiki}[lands], []*project{blog, wiki}[1-lands]
	has.runs("v1.0.0")
	winner.says("done: 1 project")
	loser.newest("plateform/plan", "failure", "www.acme.example")
	loser.newest("plateform/owners", "success")
	loser.says("www.acme.example", has.name)
	w.settle()
	loser.isOpen()
	wants.wantReleases()

	loser.editedBy(gitHubUser, files{wants.file(): strings.Replace(wants.yaml(), "www.acme.example", "other.acme.example", 1)})
	loser.merged()
	wants.runs("v1.0.0")
	w.checkManners(h)
}

// What lands is what was checked: somebody may push to the head after it was checked, or to the branch, as late as one likes.
func TestWhatLandsIsWhatWasChecked(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "autoMerge: true, admins: [{github: root, id: 1}]")

	var mine *pull
	opened := make(chan struct{})
	checked := ""
	pushed := h.before(pushing(), func() {
		<-opened
		checked = mine.head()
		mine.editedBy(mallory, files{"README.md": "mine now\n"})
	})
	mine = h.proposedBy(w, gitHubUser, "mine", files{shop.file(): shop.yaml("replicas: 2")})
	close(opened)
	w.happened("a push to the head before the merge lands", pushed)
	shop.runs("v1.0.1")
	w.config.merged = append(w.config.merged, lines(w.config.look("log", "--merges", "--format=%H", "main"))...)
	if got := w.config.look("log", "-1", "--merges", "--format=%P", "main"); !strings.HasSuffix(got, checked) {
		t.Errorf("the merge has the parents %s, checked was %s", got, checked)
	}
	mine.owners("failure", "may not do 1 thing")
	mine.isOpen()
	if got := w.config.read("README.md"); got != "" {
		t.Errorf("what nobody checked has landed: %q", got)
	}
	h.must(h.server.ClosePull(t.Context(), "acme/platform-config", mine.number, gitHubUser))

	var changed *pull
	first := ""
	opened = make(chan struct{})
	late := h.before(commenting(), func() {
		<-opened
		first = changed.head()
		changed.editedBy(gitHubUser, files{shop.file(): shop.yaml("replicas: 3")})
	})
	changed = h.proposedBy(w, gitHubUser, "changed", files{shop.file(): shop.yaml("replicas: 7")})
	close(opened)
	w.happened("a push to the head after it was checked", late)
	changed.merged()
	shop.runs("v1.0.2")
	if got := shop.values().Replicas; got != 3 {
		t.Errorf("%d replicas run", got)
	}
	if merges := w.config.look("log", "--merges", "--format=%P", "main"); strings.Contains(merges, " "+first) {
		t.Errorf("the head that was replaced has landed: %s", merges)
	}

	base := ""
	moved := h.before(pushing(), func() { base = h.onMain("Scale it", map[string]string{shop.file(): shop.yaml("replicas: 4")}) })
	beaten := h.proposedBy(w, gitHubUser, "beaten", files{"workspaces/ws-1/README.md": "ours\n"})
	w.happened("a push to the branch before the merge lands", moved)
	landed := beaten.merged()
	if got := w.config.look("merge-base", "--is-ancestor", base, landed+"^1") + w.config.readAt(landed, shop.file()); got != shop.yaml("replicas: 4") {
		t.Errorf("the merge is not on top of what was pushed: %q", got)
	}
	shop.runs("v1.0.3")

	blog, wiki := w.imageProject("ws-1", "blog", "birds/wren:1", "domain: www.acme.example"), w.imageProject("ws-1", "wiki", "birds/wren:1", "domain: www.acme.example")
	taken := h.before(pushing(), func() { h.onMain("Take the host", map[string]string{blog.file(): blog.yaml()}) })
	loses := h.proposedBy(w, gitHubUser, "loses", files{wiki.file(): wiki.yaml()})
	w.happened("a push to the branch that takes the host", taken)
	blog.runs("v1.0.0")
	loses.newest("plateform/plan", "failure", "www.acme.example")
	loses.isOpen()
	wiki.wantReleases()
	w.checkManners(h)
}

// A draft is planned, and not merged before it is ready.
func TestADraftBecomesReady(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "autoMerge: true, admins: [{github: root, id: 1}]")
	_, err := h.server.Commit(t.Context(), forge.NewCommit{Repo: "acme/platform-config", Branch: "draft", Author: gitHubUser, Message: "Scale it", Files: map[string]string{shop.file(): shop.yaml("replicas: 2")}})
	h.must(err)
	draft := &pull{w: w, h: h, branch: "draft"}
	draft.number, err = h.server.OpenPull(t.Context(), forge.NewPull{Repo: "acme/platform-config", Head: "draft", Title: "Scale it", Author: gitHubUser, Draft: true})
	h.must(err)
	draft.planned("success", "v1.0.1")
	draft.owners("success")
	draft.says("v1.0.1")
	other := h.proposedBy(w, gitHubUser, "other", files{"workspaces/ws-1/README.md": "ours\n"})
	other.merged() // it had its turn after the draft
	draft.planned("success", "v1.0.1")
	draft.isOpen()
	h.must(h.server.Ready(t.Context(), "acme/platform-config", draft.number, gitHubUser))
	draft.merged()
	shop.runs("v1.0.1")
	draft.says("done: 1 project", "v1.0.1")
	w.checkManners(h)
}

// The history of the branch is rewritten while pull requests are open: each is planned of the branch as it is now, and one that begins
// at what is gone says so until it begins elsewhere.
func TestTheBranchIsRewrittenUnderPullRequests(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "admins: [{github: root, id: 1}]")
	w.settle()
	before := h.proposedBy(w, gitHubUser, "before", files{shop.file(): shop.yaml("replicas: 2")})
	before.planned("success", "v1.0.0 → v1.0.1")
	w.config.commit("What is to be forgotten", files{"README.md": "oops\n"})
	after := h.proposedBy(w, gitHubUser, "after", files{"workspaces/ws-1/README.md": "ours\n"})
	after.owners("success")
	after.planned("success")

	w.config.pull()
	w.config.git("reset", "--quiet", "--hard", "HEAD~1")
	w.config.record("What is to be instead", files{"workspaces/ws-1/NOTES.md": "ours\n"})
	w.config.git("push", "--quiet", "--force", "origin", "HEAD:main")
	w.config.rewritten = append(w.config.rewritten, w.config.head())
	after.owners("failure", "@alice may not do 1 thing") // it would bring back what was forgotten
	before.planned("success", "v1.0.0 → v1.0.1")

	tree := w.config.git("commit-tree", "-m", "Begin anew", "HEAD^{tree}")
	w.config.git("reset", "--quiet", "--hard", tree)
	w.config.git("push", "--quiet", "--force", "origin", "HEAD:main")
	w.config.rewritten = append(w.config.rewritten, tree)
	before.planned("failure", "it cannot be merged")
	before.says("It has no one commit in common with main")
	after.planned("failure", "it cannot be merged")
	h.must(h.server.ClosePull(t.Context(), "acme/platform-config", after.number, gitHubUser))
	before.push(func() { w.config.record("Scale it", files{shop.file(): shop.yaml("replicas: 2")}) })
	before.planned("success", "v1.0.0 → v1.0.1")
	before.merge(forge.Squash)
	shop.runs("v1.0.1")
	before.says("done: 1 project")
	w.restart()
	w.settle()
	before.says("done: 1 project")
	w.checkManners(h)
}

// What Plateform merges is a change of people's: a revert rolls back, a file that is mended is told, and nobody takes it for the work of
// another serve.
func TestWhatMergesItselfIsOfPeople(t *testing.T) {
	t.Parallel()
	w, h, shop := withImages(t, "autoMerge: true, admins: [{github: root, id: 1}]")
	scale := h.proposedBy(w, gitHubUser, "scale", files{shop.file(): shop.yaml("replicas: 2")})
	scale.merged()
	shop.runs("v1.0.1")
	scale.says("done: 1 project", "v1.0.1")
	revert := w.proposed(h, "revert", func() { w.config.git("revert", "--no-edit", shop.releaseCommit("v1.0.1")) })
	reverted := revert.merged()
	shop.runs("v1.0.0")
	scale.says("v1.0.1 was rolled back by " + reverted)

	const context = "plateform/config"
	broken := h.onMain("Break it", map[string]string{"workspaces/ws-1/projects/odd name/project.yaml": "nonsense"})
	w.await("the broken file to be told", func() error {
		if all := w.notesOn(broken, context); len(all) == 0 || all[len(all)-1].State != "failure" {
			return fmt.Errorf("the notes are %+v", all)
		}
		return nil
	})
	mend := w.proposed(h, "mend", func() {
		w.config.git("rm", "--quiet", "-r", "workspaces/ws-1/projects/odd name")
		w.config.record("Mend it", nil)
	})
	mended := mend.merged()
	w.await("the mended file to be told", func() error {
		if all := w.notesOn(mended, context); len(all) == 0 || all[len(all)-1].State != "success" {
			return fmt.Errorf("the notes are %+v", all)
		}
		return nil
	})
	scale.say(gitHubUser, "/plateform retry ws-1/shop")
	scale.answered("Trying ws-1/shop again in ")
	w.settle()
	if log, err := os.ReadFile(w.serveLog()); err != nil || strings.Contains(string(log), "another serve is at work") {
		t.Errorf("it takes itself for another one: %v", err)
	}
	w.checkManners(h)
}

// What changes no file is merged by nobody but people: everybody may do that, as often as they like.
func TestNothingMergesItself(t *testing.T) {
	t.Parallel()
	w, h, _ := withImages(t, "autoMerge: true, admins: [{github: root, id: 1}]")
	empty := w.proposed(h, "empty", func() { w.config.record("Nothing", nil) })
	executable := w.proposed(h, "executable", func() {
		w.config.git("update-index", "--chmod=+x", "platform.yaml")
		w.config.git("commit", "--quiet", "--message", "Make it a program")
		w.config.git("reset", "--quiet", "--hard")
	})
	for _, p := range []*pull{empty, executable} {
		p.planned("success", "0 projects")
		p.owners("success")
		p.says("no project is touched")
	}
	h.proposedBy(w, gitHubUser, "other", files{"workspaces/ws-1/README.md": "ours\n"}).merged()
	for _, p := range []*pull{empty, executable} {
		p.owners("success")
		p.isOpen()
	}
	w.checkManners(h)
}
