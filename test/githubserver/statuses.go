package githubserver

import (
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

// mostStatuses that a commit has in one context.
const mostStatuses = 1000

func createStatus(c *call) answer {
	sha, err := c.repo.Git.Resolve(c.ctx, c.vars["sha"])
	if err != nil || sha != c.vars["sha"] {
		return unprocessable("No commit found for SHA: " + c.vars["sha"])
	}
	var asked struct {
		State, Description, Context string
		TargetURL                   string `json:"target_url"`
	}
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	if asked.Context == "" {
		asked.Context = "default"
	}
	if len([]rune(asked.Description)) > 140 {
		return invalid("Status", "description", "description is too long (maximum is 140 characters)")
	}
	n := 0
	for _, s := range c.repo.Commits.Statuses {
		if s.SHA == sha && s.Context == asked.Context {
			n++
		}
	}
	if n >= mostStatuses {
		return invalid("Status", "base", "This SHA and context has reached the maximum number of statuses.")
	}
	s := &model.Status{ID: c.world.ID(), SHA: sha, State: asked.State, Target: asked.TargetURL, Description: asked.Description, Context: asked.Context, Creator: c.who.User, Created: c.world.Now()}
	c.repo.Commits.Statuses = append(c.repo.Commits.Statuses, s)
	return created(c.world.StatusJSON(c.repo, s))
}

// commit finds the commit that the path names.
func (c *call) commit(name string) (string, bool) {
	sha, err := c.repo.Git.Resolve(c.ctx, c.vars[name])
	return sha, err == nil
}

func listStatuses(c *call) answer {
	sha, found := c.commit("ref")
	if !found {
		return notFound()
	}
	return paged(c, c.repo.StatusesOf(sha), func(s *model.Status) any { return c.world.StatusJSON(c.repo, s) })
}

func getCombinedStatus(c *call) answer {
	sha, found := c.commit("ref")
	if !found {
		return notFound()
	}
	latest := c.repo.LatestStatuses(sha)
	state := "pending"
	if len(latest) > 0 {
		state = "success"
	}
	for _, s := range latest {
		switch {
		case s.State == "failure" || s.State == "error":
			state = "failure"
		case s.State == "pending" && state != "failure":
			state = "pending"
		}
	}
	from, to := c.bounds(len(latest))
	shown := []wire.Object{}
	for _, s := range latest[from:to] {
		shown = append(shown, c.world.StatusJSON(c.repo, s))
	}
	a := ok(wire.Object{
		"state": state, "sha": sha, "total_count": len(latest), "statuses": shown, "repository": c.world.RepoJSON(c.repo),
		"commit_url": c.world.API("/repos/%s/commits/%s", c.repo.FullName(), sha), "url": c.world.API("/repos/%s/commits/%s/status", c.repo.FullName(), sha),
	})
	c.linkPages(a.header, len(latest))
	return a
}
