package githubserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

// pull finds the pull request that the path names.
func (c *call) pull(name string) *model.Pull {
	n, _ := c.number(name)
	if n < 1 || int(n) > len(c.repo.Pulls) {
		return nil
	}
	return c.repo.Pulls[n-1]
}

func createPull(c *call) answer {
	var asked struct {
		Title, Head, Base, Body string
		HeadRepo                string `json:"head_repo"`
		Draft                   bool
	}
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	head := c.repo
	if owner, branch, found := strings.Cut(asked.Head, ":"); found {
		asked.Head = branch
		head = c.world.HeadOf(c.repo, owner, asked.HeadRepo)
	}
	if head == nil || !c.who.Sees(head) {
		return invalid("PullRequest", "head", "head is invalid")
	}
	p, err := c.world.OpenPull(c.ctx, c.repo, &model.Pull{Title: asked.Title, Body: asked.Body, Draft: asked.Draft, Author: c.who.User,
		Base: model.End{Repo: c.repo, Ref: asked.Base}, Head: model.End{Repo: head, Ref: asked.Head}})
	if err != nil {
		return invalid("PullRequest", "head", err.Error())
	}
	return created(c.world.PullJSON(c.ctx, p))
}

func listPulls(c *call) answer {
	q := c.request.URL.Query()
	state, sort := q.Get("state"), q.Get("sort")
	var list []*model.Pull
	for _, p := range c.repo.Pulls {
		inState := state == "all" || p.Open == (state == "" || state == "open")
		if inState && (q.Get("base") == "" || q.Get("base") == p.Base.Ref) && (q.Get("head") == "" || q.Get("head") == p.Head.Label()) {
			list = append(list, p)
		}
	}
	if sort == "updated" {
		slices.SortStableFunc(list, func(a, b *model.Pull) int { return a.Updated.Compare(b.Updated) })
	}
	if q.Get("direction") == "desc" || q.Get("direction") == "" && (sort == "" || sort == "created") {
		slices.Reverse(list)
	}
	return paged(c, list, func(p *model.Pull) any { return c.world.PullSimple(p) })
}

func getPull(c *call) answer {
	if p := c.pull("pull_number"); p != nil {
		return ok(c.world.PullJSON(c.ctx, p))
	}
	return notFound()
}

func updatePull(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return notFound()
	}
	if c.who.User != p.Author && c.who.Installed() == nil && c.repo.Role(c.who.User) < model.Write {
		return forbidden("You must have write access to change somebody else's pull request.")
	}
	var asked struct {
		Title, Body, Base *string
		State             string
	}
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	edit := forge.PullEdit{Title: asked.Title, Body: asked.Body, Base: asked.Base, State: asked.State}
	if err := c.world.EditPull(c.ctx, p, c.who.User, edit); err != nil {
		return invalid("PullRequest", "base", err.Error())
	}
	return ok(c.world.PullJSON(c.ctx, p))
}

func listPullFiles(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return notFound()
	}
	base, files, err := p.Changes(c.ctx)
	if err != nil {
		return problem(http.StatusUnprocessableEntity, err.Error())
	}
	files = files[:min(len(files), model.MostFiles)]
	from, to := c.bounds(len(files))
	if err := c.repo.Git.Patches(c.ctx, base, p.Head.SHA, files[from:to]); err != nil {
		return broken("comparing", err)
	}
	return paged(c, files, func(f bare.File) any { return c.world.FileJSON(c.repo, f, p.Head.SHA) })
}

func listPullCommits(c *call) answer {
	p := c.pull("pull_number")
	if p == nil {
		return notFound()
	}
	list, err := c.repo.Git.Range(c.ctx, p.Base.SHA, p.Head.SHA, model.MostCommits)
	if err != nil {
		return broken("listing commits", err)
	}
	return paged(c, list, func(n bare.Commit) any { return c.world.CommitJSON(c.repo, n) })
}

// listPullsOfCommit finds the pull requests that a commit is in, and those that made it, which the commit of a squash is
// not in.
func listPullsOfCommit(c *call) answer {
	sha, found := c.commit("commit_sha")
	if !found {
		return unprocessable("No commit found for SHA: " + c.vars["commit_sha"])
	}
	var list []*model.Pull
	for _, p := range c.repo.Pulls {
		if slices.Contains(p.Merge.Landed, sha) || c.repo.Git.Contains(c.ctx, p.Head.SHA, sha) && !c.repo.Git.Contains(c.ctx, p.Base.SHA, sha) {
			list = append(list, p)
		}
	}
	return paged(c, list, func(p *model.Pull) any { return c.world.PullSimple(p) })
}
