package githubserver

import (
	"slices"
	"time"
)

// status is what a commit is said to be like, in one context.
type status struct {
	id                                  int64
	sha                                 string
	state, target, description, context string
	creator                             *user
	created                             time.Time
}

// mostStatuses that a commit has in one context.
const mostStatuses = 1000

func createStatus(c *call) answer {
	sha, err := c.repo.git.Resolve(c.ctx, c.vars["sha"])
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
	for _, s := range c.repo.commits.statuses {
		if s.sha == sha && s.context == asked.Context {
			n++
		}
	}
	if n >= mostStatuses {
		return invalid("Status", "base", "This SHA and context has reached the maximum number of statuses.")
	}
	s := &status{c.world.id(), sha, asked.State, asked.TargetURL, asked.Description, asked.Context, c.who.user, c.world.now()}
	c.repo.commits.statuses = append(c.repo.commits.statuses, s)
	return created(c.statusJSON(s))
}

func (c *call) statusJSON(s *status) object {
	return object{
		"url": c.world.api("/repos/%s/statuses/%s", c.repo.fullName(), s.sha), "avatar_url": c.world.web("/avatars/%d", s.creator.id), "id": s.id,
		"node_id": nodeID("StatusContext", s.id), "state": s.state, "description": orNull(s.description), "target_url": orNull(s.target),
		"context": s.context, "created_at": stamp(s.created), "updated_at": stamp(s.created), "creator": c.world.userJSON(s.creator),
	}
}

// commit finds the commit that the path names.
func (c *call) commit(name string) (string, bool) {
	sha, err := c.repo.git.Resolve(c.ctx, c.vars[name])
	return sha, err == nil
}

// statusesOf a commit, newest first.
func (r *repository) statusesOf(sha string) []*status {
	var list []*status
	for _, s := range slices.Backward(r.commits.statuses) {
		if s.sha == sha {
			list = append(list, s)
		}
	}
	return list
}

// latestStatuses of a commit: one of each context.
func (r *repository) latestStatuses(sha string) []*status {
	seen := map[string]bool{}
	return slices.DeleteFunc(r.statusesOf(sha), func(s *status) bool {
		again := seen[s.context]
		seen[s.context] = true
		return again
	})
}

func listStatuses(c *call) answer {
	sha, found := c.commit("ref")
	if !found {
		return notFound()
	}
	return paged(c, c.repo.statusesOf(sha), func(s *status) any { return c.statusJSON(s) })
}

func getCombinedStatus(c *call) answer {
	sha, found := c.commit("ref")
	if !found {
		return notFound()
	}
	latest := c.repo.latestStatuses(sha)
	state := "pending"
	if len(latest) > 0 {
		state = "success"
	}
	for _, s := range latest {
		switch {
		case s.state == "failure" || s.state == "error":
			state = "failure"
		case s.state == "pending" && state != "failure":
			state = "pending"
		}
	}
	from, to := c.bounds(len(latest))
	shown := []object{}
	for _, s := range latest[from:to] {
		shown = append(shown, c.statusJSON(s))
	}
	a := ok(object{
		"state": state, "sha": sha, "total_count": len(latest), "statuses": shown, "repository": c.world.repoJSON(c.repo),
		"commit_url": c.world.api("/repos/%s/commits/%s", c.repo.fullName(), sha), "url": c.world.api("/repos/%s/commits/%s/status", c.repo.fullName(), sha),
	})
	c.linkPages(a.header, len(latest))
	return a
}
