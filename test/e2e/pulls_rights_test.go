package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

// mallory is somebody with no rights in anything of alice's.
const mallory = 43

// owners waits for the check of the rights on the head.
func (p *pull) owners(conclusion string, says ...string) {
	p.w.t.Helper()
	head := p.head()
	p.w.await("the owners' check of "+p.branch, func() error {
		runs := p.h.checks(head, "plateform/owners")
		if len(runs) != 1 || runs[0].Conclusion != conclusion {
			return fmt.Errorf("the checks are %+v", runs)
		}
		return contains(runs[0].Output.Title+"\n"+runs[0].Output.Summary, says...)
	})
}

// proposedBy is a pull request of a branch that somebody commits to on GitHub's page, and opens.
func (h *hub) proposedBy(w *world, who int64, branch string, fs files) *pull {
	h.t.Helper()
	p := &pull{w: w, h: h, branch: branch}
	p.editedBy(who, fs)
	var err error
	p.number, err = h.server.OpenPull(h.t.Context(), forge.NewPull{Repo: "acme/platform-config", Head: branch, Title: "Propose " + branch, Author: who})
	h.must(err)
	return p
}

// editedBy commits to the branch as somebody does on GitHub's page.
func (p *pull) editedBy(who int64, fs files) {
	p.h.t.Helper()
	n := forge.NewCommit{Repo: "acme/platform-config", Branch: p.branch, Author: who, Message: "Propose " + p.branch, Files: map[string]string{}}
	for path, content := range fs {
		if content == "" {
			n.Remove = append(n.Remove, path)
		} else {
			n.Files[path] = content
		}
	}
	_, err := p.h.server.Commit(p.h.t.Context(), n)
	p.h.must(err)
}

// say comments on it, and returns the comment's id.
func (p *pull) say(who int64, text string) int64 {
	p.h.t.Helper()
	id, err := p.h.server.Comment("acme/platform-config", p.number, who, text)
	p.h.must(err)
	return id
}

// answered waits for a comment of Plateform's, besides the card, that says something.
func (p *pull) answered(says ...string) {
	p.w.t.Helper()
	p.w.await("an answer on "+p.branch, func() error {
		var comments []struct{ Body string }
		p.h.ask(fmt.Sprintf("issues/%d/comments?per_page=100", p.number), &comments)
		all := ""
		for _, c := range comments {
			if strings.Contains(c.Body, "<!-- plateform:answer ") {
				all += c.Body
			}
		}
		return contains(all, says...)
	})
}

// withPeople is a GitHub with alice, who owns ws-1 and runs ws-1/shop, and mallory, who may write to the config repository and
// nothing more.
func withPeople(t *testing.T, policy string) (*world, *hub, *project) {
	t.Helper()
	w := newWorld(t)
	shop := w.goProject("ws-1", "shop")
	h := w.onGitHub(shop)
	h.install("platform-config", "plateform-gitops", "shop")
	h.must(h.server.AddUser(mallory, "mallory"))
	h.must(h.server.SetRole("acme/platform-config", mallory, model.Write))
	w.platform = []string{"policy: {" + policy + "}"}
	w.open()
	w.config.commit("Add shop", files{workspaceFile("ws-1"): workspaceYAML("ws-1", gitHubUser), shop.file(): shop.yaml()})
	shop.runs("v1.0.0")
	return w, h, shop
}

// Who may do what is decided by the branch, whatever a pull request says of itself.
func TestOwnersOfPullRequests(t *testing.T) {
	t.Parallel()
	w, h, shop := withPeople(t, "selfService: true, admins: [{github: root, id: 1}]")

	h.proposedBy(w, gitHubUser, "mine", files{shop.file(): shop.yaml("replicas: 2")}).owners("success", "@alice may change all of this")
	h.proposedBy(w, mallory, "yours", files{shop.file(): shop.yaml("replicas: 3")}).owners("failure", "@mallory may not do 1 thing")
	promoted := h.proposedBy(w, mallory, "promoted", files{
		workspaceFile("ws-1"): workspaceYAML("ws-1", mallory), shop.file(): shop.yaml("replicas: 3"),
	})
	promoted.owners("failure", "@mallory may not")
	promoted.says("only developers of ws-1 may change a project", "you may not")

	pushed := h.proposedBy(w, gitHubUser, "pushed", files{shop.file(): shop.yaml("replicas: 4")})
	pushed.owners("success")
	pushed.editedBy(mallory, files{shop.file(): shop.yaml("replicas: 5")})
	pushed.owners("failure", "may not do 1 thing")

	titled := h.proposedBy(w, gitHubUser, "titled", files{shop.file(): shop.yaml("replicas: 6")})
	titled.owners("success")
	titled.retitle("Plateform-Retry: ws-9/other") // the message of the merge may be just that
	titled.owners("failure", "retry a project, as the title or text of this does")

	own := w.goProject("ws-43", "mine")
	h.move(own.app, "secret") // mallory does not read it
	h.proposedBy(w, mallory, "own", files{workspaceFile("ws-43"): strings.Replace(workspaceYAML("ws-43", mallory), "alice", "mallory", 1), own.file(): own.yaml()}).
		owners("failure", "@mallory may not do 1 thing")
	retry := w.proposed(h, "retry", func() { w.config.record("Change nothing that matters", files{"README.md": "hello\n"}) })
	retry.owners("failure")
	w.checkManners(h)
}

// A check stands on a commit, and so two pull requests of one commit share it: nobody gets by with what somebody else may do. Once the
// other one is closed, or has another commit, its own word counts again.
func TestPullRequestsOfOneCommit(t *testing.T) {
	t.Parallel()
	w, h, shop := withPeople(t, "admins: [{github: root, id: 1}]")
	mine := h.proposedBy(w, gitHubUser, "mine", files{shop.file(): shop.yaml("replicas: 2")})
	mine.owners("success", "@alice may change all of this")
	copied := func(branch string) *pull {
		w.config.git("fetch", "--quiet", "origin")
		w.config.git("push", "--quiet", "origin", "origin/mine:refs/heads/"+branch)
		p := &pull{w: w, h: h, branch: branch}
		var err error
		p.number, err = h.server.OpenPull(t.Context(), forge.NewPull{Repo: "acme/platform-config", Head: branch, Title: "Propose " + branch, Author: mallory})
		h.must(err)
		return p
	}
	theirs := copied("theirs")
	mine.sharedOwners("failure", fmt.Sprintf("of 2 pull requests with this commit, #%d may not change all of this", theirs.number), "only developers of ws-1 may change a project")
	theirs.says("only developers of ws-1 may change a project")
	if card := mine.says("release v1.0.0 → v1.0.1"); strings.Contains(card, "only developers") {
		t.Errorf("what somebody else may not do is on the card of who may:\n%s", card)
	}
	writes := h.checkWrites()
	w.restart()
	w.settle()
	mine.sharedOwners("failure", "of 2 pull requests")
	if now := h.checkWrites(); now != writes {
		t.Errorf("%d writes of checks after a restart, want the %d of before", now, writes)
	}
	h.must(h.server.ClosePull(t.Context(), "acme/platform-config", theirs.number, mallory))
	mine.sharedOwners("success", "@alice may change all of this")

	theirs = copied("again")
	mine.sharedOwners("failure", "of 2 pull requests")
	theirs.editedBy(mallory, files{shop.file(): shop.yaml("replicas: 3")})
	theirs.owners("failure", "@mallory may not do 1 thing")
	mine.sharedOwners("success", "@alice may change all of this")
	w.checkManners(h)
}

// sharedOwners waits for the newest check of the rights on the head: GitHub shows that one of several.
func (p *pull) sharedOwners(conclusion string, says ...string) {
	p.w.t.Helper()
	head := p.head()
	p.w.await("the owners' check of "+p.branch, func() error {
		runs := p.h.checks(head, "plateform/owners")
		if len(runs) == 0 {
			return errors.New("there is none")
		}
		newest := slices.MaxFunc(runs, func(a, b checkRun) int { return cmp.Compare(a.ID, b.ID) })
		if newest.Conclusion != conclusion {
			return fmt.Errorf("the checks are %+v", runs)
		}
		return contains(newest.Output.Title+"\n"+newest.Output.Summary, says...)
	})
}

// retitle changes its title, as alice.
func (p *pull) retitle(title string) {
	p.h.t.Helper()
	p.h.request(http.MethodPatch, fmt.Sprintf("platform-config/pulls/%d", p.number), fmt.Sprintf(`{"title": %q}`, title), nil)
}

// With the policy autoMerge Plateform merges what passes, and nothing else: not what its author may not do, not what somebody else
// pushed, and of two that want the same host only the first.
func TestPullRequestsMergeThemselves(t *testing.T) {
	t.Parallel()
	w, h, shop := withPeople(t, "autoMerge: true, admins: [{github: root, id: 1}]")

	foreign := h.proposedBy(w, mallory, "foreign", files{shop.file(): shop.yaml("replicas: 3")})
	foreign.owners("failure")
	h.server.Inject(githubserver.Fault{Operation: "git-receive-pack", Status: http.StatusBadGateway, Times: 2}) // what fails is tried again
	mine := h.proposedBy(w, gitHubUser, "mine", files{shop.file(): shop.yaml("replicas: 2")})
	shop.runs("v1.0.1")
	w.await("the pull request to be merged", func() error {
		if state, merged := mine.state(); !merged {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
	w.config.merged = append(w.config.merged, lines(w.config.look("log", "--merges", "--format=%H", "main"))...)
	mine.says("done: 1 project", "v1.0.1 is in plateform-gitops")
	if w.config.look("log", "-1", "--merges", "--format=%an", "main") != "Plateform" {
		t.Error("Plateform did not merge it")
	}

	first := h.proposedBy(w, gitHubUser, "first", files{"workspaces/ws-1/projects/a/project.yaml": object("Project", "a", "type: monolithic", "image: "+w.registry.host+"/birds/wren:1", "domain: taken.apps.example.com")})
	first.planned("failure") // under the platform's own domain
	if state, merged := foreign.state(); merged || state != "open" {
		t.Errorf("what its author may not do is %s, merged %v", state, merged)
	}
	w.checkManners(h)
}

// state is what became of a pull request.
func (p *pull) state() (state string, merged bool) {
	p.w.t.Helper()
	var pull struct {
		State  string
		Merged bool
	}
	p.h.ask(fmt.Sprintf("pulls/%d", p.number), &pull)
	return pull.State, pull.Merged
}

// People who may roll back and retry by writing so, once for each comment, also when serve ends and starts again; others are told
// why not.
func TestCommandsOnPullRequests(t *testing.T) {
	t.Parallel()
	w, h, shop := withPeople(t, "admins: [{github: root, id: 1}]")
	scale := h.proposedBy(w, gitHubUser, "scale", files{shop.file(): shop.yaml("replicas: 2")})
	scale.planned("success", "v1.0.1")
	scale.merge(forge.MergeCommit)
	shop.runs("v1.0.1")
	scale.says("done: 1 project")

	scale.say(mallory, "/plateform rollback")
	scale.answered("This was not done: only developers of ws-1 may roll a project back")
	edited := scale.say(gitHubUser, "nice")
	w.await("an edit to show", func() error { // GitHub tells of one by its time, in seconds
		h.must(h.server.EditComment("acme/platform-config", edited, gitHubUser, "very nice"))
		var shown struct{ Created, Updated string }
		h.ask(fmt.Sprintf("issues/comments/%d", edited), &struct {
			Created *string `json:"created_at"`
			Updated *string `json:"updated_at"`
		}{&shown.Created, &shown.Updated})
		if shown.Created == shown.Updated {
			return fmt.Errorf("it was changed at %s", shown.Updated)
		}
		return nil
	})
	h.must(h.server.EditComment("acme/platform-config", edited, gitHubUser, "/plateform rollback"))
	scale.answered("the comment was edited")
	scale.say(gitHubUser, "> /plateform rollback\n\n```\n/plateform rollback\n```\nis how.")
	scale.say(gitHubUser, "/plateform destroy")
	scale.answered("there is no such command")
	if got := shop.values().Release; got != "v1.0.1" {
		t.Fatalf("%s runs before anybody who may has asked", got)
	}
	w.stop()
	scale.say(gitHubUser, "It is slow.\n\n/plateform rollback")
	w.start()
	shop.runs("v1.0.0")
	scale.answered("Rolled back ws-1/shop from v1.0.1 to v1.0.0")
	rollback := w.config.look("log", "-1", "--format=%H", "--grep=^Plateform-Comment:", "main")
	if by := w.config.trailer(rollback, "Co-authored-by"); by != "alice <42+alice@users.noreply.github.com>" {
		t.Errorf("the rollback was made with %q", by)
	}
	scale.says("v1.0.1 was rolled back by " + rollback)
	w.restart()
	w.settle()
	if n := len(lines(w.config.look("log", "--format=%H", "--grep=^Plateform-Comment:", "main"))); n != 1 {
		t.Errorf("one comment made %d commits", n)
	}
	scale.say(gitHubUser, "/plateform retry ws-1/shop")
	scale.answered("Trying ws-1/shop again in ")
	shop.runs("v1.0.2")
	w.checkManners(h)
}

// A pull request that conflicts says with what; one that others get ahead of is planned anew, and those that it does not concern are
// left alone.
func TestPullRequestsFollowTheBranch(t *testing.T) {
	t.Parallel()
	w, h, shop := withPeople(t, "admins: [{github: root, id: 1}]")
	const canary = "canary-4711"
	scale := h.proposedBy(w, gitHubUser, "scale", files{shop.file(): shop.yaml("replicas: 2", "env: [{name: GREETING, value: "+canary+"}]")})
	scale.planned("success", "release v1.0.0 → v1.0.1")
	w.registry.publish("birds/wren:1")
	blog := w.imageProject("ws-2", "blog", "birds/wren:1")
	other := h.proposedBy(w, gitHubUser, "other", files{workspaceFile("ws-2"): workspaceYAML("ws-2", gitHubUser), blog.file(): blog.yaml()})
	other.planned("success", "create v1.0.0")
	other.says("ws-2/blog")
	otherRuns, otherCard := h.checks(other.head(), "plateform/plan"), other.says("ws-2/blog")

	shop.push("two")
	shop.runs("v1.0.1")
	scale.planned("success", "release v1.0.1 → v1.0.2")
	shop.edit("replicas: 3")
	shop.runs("v1.0.2")
	scale.planned("failure", "it cannot be merged", shop.file())
	scale.says("It conflicts with main in", "cannot plan this")
	if now := h.checks(other.head(), "plateform/plan"); len(now) != 1 || fmt.Sprint(now) != fmt.Sprint(otherRuns) || other.says("ws-2/blog") != otherCard {
		t.Errorf("what it does not concern was written anew: %+v, was %+v", now, otherRuns)
	}
	scale.push(func() {
		w.config.record("Once more", files{shop.file(): shop.yaml("replicas: 2", "env: [{name: GREETING, value: "+canary+"}]")})
	})
	scale.planned("success", "release v1.0.2 → v1.0.3")

	h.must(h.server.ClosePull(t.Context(), "acme/platform-config", other.number, gitHubUser))
	h.must(h.server.AddUser(44, "bob"))
	_, err := h.server.AddRepository(t.Context(), forge.NewRepository{Name: "bob/fork", ForkOf: "acme/platform-config"})
	h.must(err)
	_, err = h.server.Commit(t.Context(), forge.NewCommit{Repo: "bob/fork", Branch: "gift", Author: 44, Message: "A gift", Files: map[string]string{shop.file(): shop.yaml("replicas: 7")}})
	h.must(err)
	gift := &pull{w: w, h: h, branch: "gift"}
	gift.number, err = h.server.OpenPull(t.Context(), forge.NewPull{Repo: "acme/platform-config", HeadRepo: "bob/fork", Head: "gift", Title: "A gift", Author: 44})
	h.must(err)
	gift.says("release v1.0.2 → v1.0.3", "only developers of ws-1 may change a project")
	for _, card := range append(scale.cards(), gift.cards()...) {
		if strings.Contains(card, canary) {
			t.Errorf("a value is shown:\n%s", card)
		}
	}
	if log, err := os.ReadFile(w.serveLog()); err != nil || strings.Contains(string(log), canary) {
		t.Errorf("a value is in the log: %v", err)
	}
	w.checkManners(h)
}

// With webhooks a pull request is planned at once, a command is heard at once, and a check that somebody wants once more is written
// once more.
func TestPullRequestsByWebhook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.goProject("ws-1", "shop")
	h := w.onGitHub(shop)
	h.install("platform-config", "plateform-gitops", "shop")
	h.must(os.WriteFile(filepath.Join(w.dir, "webhook-secret"), []byte(webhookSecret+"\n"), 0o600))
	w.poll = "1h" // nothing is found by looking
	w.settings = append(w.settings, "webhooks: {github: {secretFile: webhook-secret}}", `resync: "0 0 29 2 *"`)
	w.open()
	w.isReady()
	h.server.MoveAppHook(gitHubApp, w.server.url()+"/webhooks/github", webhookSecret)

	add := h.proposedBy(w, gitHubUser, "add", files{workspaceFile("ws-1"): workspaceYAML("ws-1", gitHubUser), shop.file(): shop.yaml()})
	add.planned("success", "create v1.0.0") // serve may have looked after it was opened
	add.editedBy(gitHubUser, files{shop.file(): shop.yaml("replicas: 2")})
	add.planned("success", "create v1.0.0")
	add.says("webhook +")
	runs := h.checkWrites()
	h.must(h.server.Rerequest("acme/platform-config", h.checks(add.head(), "plateform/plan")[0].ID, gitHubUser))
	w.await("the checks to be written once more", func() error {
		if now := h.checkWrites(); now < runs+2 {
			return fmt.Errorf("%d writes, before it were %d", now, runs)
		}
		return nil
	})
	add.planned("success", "create v1.0.0")
	add.merge(forge.MergeCommit)
	shop.runs("v1.0.0")
	add.says("done: 1 project")
	add.say(gitHubUser, "/plateform retry")
	add.answered("Trying ws-1/shop again in ")
	w.checkManners(h)
}

// checkWrites is how many check runs were made or changed.
func (h *hub) checkWrites() (n int) {
	for _, c := range h.server.Calls() {
		if c.Write && strings.Contains(c.Operation, "/check-runs") {
			n++
		}
	}
	return n
}
