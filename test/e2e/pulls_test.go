package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
)

// pull is a pull request of the config repository, as alice made it.
type pull struct {
	w      *world
	h      *hub
	branch string
	number int
}

// propose commits files on a branch of their own, and opens a pull request of it.
func (w *world) propose(h *hub, branch string, fs files) *pull {
	w.t.Helper()
	return w.proposed(h, branch, func() { w.config.record("Propose "+branch, fs) })
}

// proposed is propose with whatever is committed.
func (w *world) proposed(h *hub, branch string, change func()) *pull {
	w.t.Helper()
	p := &pull{w: w, h: h, branch: branch}
	w.config.pull()
	p.push(change)
	var err error
	p.number, err = h.server.OpenPull(w.t.Context(), forge.NewPull{Repo: "acme/platform-config", Head: branch, Title: "Propose " + branch, Author: gitHubUser})
	h.must(err)
	return p
}

// push makes the branch main with a change on top, by force.
func (p *pull) push(change func()) {
	p.w.t.Helper()
	c := p.w.config
	c.git("checkout", "--quiet", "-B", p.branch, "origin/main")
	change()
	c.git("push", "--quiet", "--force", "origin", p.branch)
	c.git("checkout", "--quiet", "main")
}

// head is the commit that is proposed.
func (p *pull) head() string { return p.w.config.look("rev-parse", p.branch) }

// merge merges it as its page does, and returns what the branch is at then.
func (p *pull) merge(how forge.Method) string {
	p.w.t.Helper()
	p.h.must(p.h.server.Merge(p.w.t.Context(), "acme/platform-config", p.number, gitHubUser, how))
	head := p.w.config.head()
	if how == forge.MergeCommit {
		p.w.config.merged = append(p.w.config.merged, head)
	}
	return head
}

// ask reads what the API says at a path of the config repository, as alice.
func (h *hub) ask(path string, into any) {
	h.t.Helper()
	h.request(http.MethodGet, "platform-config/"+path, "", into)
}

// checkRun is a check run as the API returns it.
type checkRun struct {
	ID                       int64
	Name, Status, Conclusion string
	Output                   struct {
		Title, Summary string
		Annotations    int `json:"annotations_count"`
	}
}

// checks are the check runs of a commit with a name.
func (h *hub) checks(commit, name string) []checkRun {
	h.t.Helper()
	var page struct {
		Runs []checkRun `json:"check_runs"`
	}
	h.ask("commits/"+commit+"/check-runs?filter=all&check_name="+strings.ReplaceAll(name, "/", "%2F"), &page)
	return page.Runs
}

// planned waits for the check of the plan on the head: one, with this verdict, saying all of these.
func (p *pull) planned(conclusion string, says ...string) {
	p.w.t.Helper()
	head := p.head()
	p.w.await("a plan of "+p.branch+" at "+head, func() error {
		runs := p.h.checks(head, "plateform/plan")
		if len(runs) != 1 || runs[0].Status != "completed" || runs[0].Conclusion != conclusion {
			return fmt.Errorf("the checks are %+v", runs)
		}
		return contains(runs[0].Output.Title+"\n"+runs[0].Output.Summary, says...)
	})
}

// cards are the comments of Plateform.
func (p *pull) cards() []string {
	p.w.t.Helper()
	var comments []struct{ Body string }
	p.h.ask(fmt.Sprintf("issues/%d/comments?per_page=100", p.number), &comments)
	var cards []string
	for _, c := range comments {
		if strings.Contains(c.Body, "<!-- plateform:card -->") {
			cards = append(cards, c.Body)
		}
	}
	return cards
}

// says waits until the one card has all of these.
func (p *pull) says(words ...string) string {
	p.w.t.Helper()
	var card string
	p.w.await("the card of "+p.branch, func() error {
		cards := p.cards()
		if len(cards) != 1 {
			return fmt.Errorf("there are %d cards: %q", len(cards), cards)
		}
		card = cards[0]
		return contains(card, words...)
	})
	return card
}

func contains(text string, words ...string) error {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return fmt.Errorf("it lacks %q:\n%s", word, text)
		}
	}
	return nil
}

// A project is proposed, planned, merged, built, released and rolled back by pull requests, and all of it is read on GitHub: one
// check on each head, and one card on each pull request.
func TestPullRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.goProject("ws-1", "shop")
	h := w.onGitHub(shop)
	h.install("platform-config", "plateform-gitops", "shop")
	w.open()

	add := w.propose(h, "add-shop", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 1001), shop.file(): shop.yaml("colour: red")})
	add.planned("failure", "unknown key", "project.yaml")
	add.push(func() {
		w.config.record("Add the shop", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 1001), shop.file(): shop.yaml()})
	})
	add.planned("success", "create v1.0.0", "<http://shop-ws-1.apps.example.com>")
	add.owners("failure", "built from ", "shop.git: repository ") // nobody owns ws-1 on the branch
	add.says("`ws-1/shop`", "create v1.0.0", "<http://shop-ws-1.apps.example.com>", "found by polling after")

	offline, ofShop := add.planOffline()
	add.says("plan `" + offline[:len("sha256:")+10] + "`")
	added := add.merge(forge.MergeCommit)
	shop.runs("v1.0.0")
	if made := w.config.read(shop.releaseFile("v1.0.0")); !strings.Contains(made, "plan: "+ofShop+"\n") {
		t.Errorf("the release is not of the plan %s:\n%s", ofShop, made)
	}
	add.says("done: 1 project", "Merged as "+added, "v1.0.0 is in plateform-gitops", "<http://shop-ws-1.apps.example.com>")

	scale := w.propose(h, "scale", files{shop.file(): shop.yaml("replicas: 2")})
	scale.planned("success", "image known, 0 builds")
	scale.merge(forge.Squash)
	shop.runs("v1.0.1")
	scale.says("done: 1 project", "/acme/platform-config/delete/main/"+shop.releaseFile("v1.0.1"))

	revert := w.proposed(h, "revert", func() { w.config.git("revert", "--no-edit", shop.releaseCommit("v1.0.1")) })
	revert.planned("success", "v1.0.1 back to v1.0.0, image still in the registry (checked), no build")
	reverted := revert.merge(forge.Rebase)
	shop.runs("v1.0.0")
	revert.says("done: 1 project", "v1.0.0 is in plateform-gitops")
	scale.says("v1.0.1 was rolled back by " + reverted)

	h.deployed(w, shop, "v1.0.0 inactive", "v1.0.1 inactive", "v1.0.1 back to v1.0.0 success http://shop-ws-1.apps.example.com")
	writes, before := len(h.wrote()), add.cards()[0]+scale.cards()[0]+revert.cards()[0]
	w.restart()
	w.settle() // sends a project through
	canary := &project{w: w, workspace: "canary", name: "canary"}
	h.deployed(w, canary, "v1.0.0 success http://canary-canary.apps.example.com")
	about := append(canary.releaseCommits("v1.0.0"), w.config.look("log", "-1", "--format=%H", "--grep=^Send canary", "main"))
	now := slices.DeleteFunc(h.wrote(), func(c githubserver.Call) bool {
		return slices.ContainsFunc(about, func(commit string) bool { return strings.Contains(c.Path, commit) })
	})
	if more := now[writes:]; len(more) != 2 { // the deployment of that, and how it came out
		t.Errorf("after a restart it wrote %+v (-before +after):\n%s", more, cmp.Diff(before, add.cards()[0]+scale.cards()[0]+revert.cards()[0]))
	}
	w.checkManners(h)
}

// wrote is all that Plateform wrote where people see it.
func (h *hub) wrote() (calls []githubserver.Call) {
	for _, c := range h.server.Calls() {
		if c.Write && c.Who == "plateform[bot]" && !strings.HasSuffix(c.Operation, "/access_tokens") && c.Operation != "git-receive-pack" {
			calls = append(calls, c)
		}
	}
	return calls
}

// With little left of an hour's requests a deploy by pull request is four writes, all that somebody waits for: two checks, the
// comment, and the verdict on the commit. With less only failures are told. All else is told once there is room.
func TestPullRequestsWithLittleRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.onGitHub()
	h.install("platform-config", "plateform-gitops")
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	little, least := 1400, 400 // of 5,000
	h.must(h.server.UseUp("plateform[bot]", little))
	w.open()
	w.isReady()
	add := w.propose(h, "add", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 1001), shop.file(): shop.yaml()})
	add.planned("success", "create v1.0.0")
	add.says("create v1.0.0")
	added := add.merge(forge.MergeCommit)
	shop.runs("v1.0.0")
	w.shows(h, "platform-config@"+added, shop.context(), "success", "v1.0.0 is in plateform-gitops")
	w.logged("deployments are not shown now; it is tried again")
	w.logged("people cannot be told now; it is tried again")
	if wrote := h.wrote(); len(wrote) != 4 {
		t.Errorf("with little room it wrote %d times: %+v", len(wrote), wrote)
	}

	h.must(h.server.UseUp("plateform[bot]", least))
	broken := w.config.commit("Break it", files{shop.file(): shop.yaml("colour: red")})
	w.shows(h, "platform-config@"+broken, shop.context(), "failure", "")
	w.shows(h, "platform-config@"+broken, "plateform/config", "failure", "")
	if wrote := h.wrote(); len(wrote) != 6 {
		t.Errorf("with hardly any room it wrote %d times: %+v", len(wrote), wrote)
	}

	h.must(h.server.UseUp("plateform[bot]", 5000))
	add.says("done: 1 project")
	w.shows(h, "platform-config@"+shop.releaseCommit("v1.0.0"), shop.context(), "success", "v1.0.0 is in plateform-gitops")
	h.deployed(w, shop, "v1.0.0 success http://shop-ws-1.apps.example.com")
	w.checkManners(h)
}

// deployed waits until the deployments of a project are these, the oldest first: each release, and where it is.
func (h *hub) deployed(w *world, p *project, want ...string) {
	h.t.Helper()
	w.await("the deployments of "+p.name, func() error {
		var all []struct {
			ID          int64
			Description string
		}
		h.ask("deployments?environment="+p.workspace+"%2F"+p.name, &all)
		var got []string
		for _, d := range slices.Backward(all) {
			var statuses []struct {
				State string
				URL   string `json:"environment_url"`
			}
			h.ask(fmt.Sprintf("deployments/%d/statuses?per_page=1", d.ID), &statuses)
			if len(statuses) > 0 {
				got = append(got, strings.TrimSpace(d.Description+" "+statuses[0].State+" "+statuses[0].URL))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("deployments (-want +got):\n%s", diff)
		}
		return nil
	})
}

// planOffline are the hashes of the plan, and of its one project, as it is made in a checkout.
func (p *pull) planOffline() (all, project string) {
	p.w.t.Helper()
	p.w.config.git("fetch", "--quiet", "origin")
	out, err := p.w.plateform("plan", "--base", "origin/main", "--head", "origin/"+p.branch, "--output", "json")
	if err != nil {
		p.w.t.Fatal(err)
	}
	var made struct {
		Hash     string
		Projects []struct{ Hash string }
	}
	p.h.must(json.Unmarshal([]byte(out), &made))
	return made.Hash, made.Projects[0].Hash
}
