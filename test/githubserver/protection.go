package githubserver

import (
	"slices"

	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

func (c *call) protectionJSON(branch string, p *model.Protection) wire.Object {
	link := c.world.API("/repos/%s/branches/%s/protection", c.repo.FullName(), branch)
	enabled := func(b *bool) wire.Object { return wire.Object{"enabled": model.IsSet(b)} }
	o := wire.Object{
		"url": link, "enforce_admins": wire.Object{"url": link + "/enforce_admins", "enabled": model.IsSet(p.Admins)},
		"required_linear_history": enabled(p.Linear), "allow_force_pushes": enabled(p.Force), "allow_deletions": enabled(p.Delete),
	}
	if p.Checks != nil {
		checks := []wire.Object{}
		for _, name := range p.Checks.All() {
			checks = append(checks, wire.Object{"context": name, "app_id": nil})
		}
		o["required_status_checks"] = wire.Object{"url": link + "/required_status_checks", "strict": p.Checks.Strict, "contexts": p.Checks.All(),
			"contexts_url": link + "/required_status_checks/contexts", "checks": checks}
	}
	if p.Reviews != nil {
		o["required_pull_request_reviews"] = wire.Object{"url": link + "/required_pull_request_reviews", "dismiss_stale_reviews": false,
			"require_code_owner_reviews": false, "required_approving_review_count": p.Reviews.Count,
			"bypass_pull_request_allowances": c.actorsJSON(p.Reviews.Bypass)}
	}
	o["required_signatures"] = wire.Object{"url": link + "/required_signatures", "enabled": p.Signed}
	if p.Only != nil {
		o["restrictions"] = c.restrictionsJSON(link+"/restrictions", *p.Only)
	}
	return o
}

func (c *call) restrictionsJSON(link string, a model.ProtectedActors) wire.Object {
	o := c.actorsJSON(a)
	o["url"], o["users_url"], o["teams_url"], o["apps_url"] = link, link+"/users", link+"/teams", link+"/apps"
	return o
}

func (c *call) actorsJSON(a model.ProtectedActors) wire.Object {
	users, apps := []any{}, []any{}
	for _, login := range a.Users {
		if u := c.world.UserByLogin(login); u != nil {
			users = append(users, c.world.UserJSON(u))
		}
	}
	for _, one := range c.world.Apps {
		if slices.Contains(a.Apps, one.Slug) {
			apps = append(apps, c.world.AppJSON(one))
		}
	}
	return wire.Object{"users": users, "teams": []wire.Object{}, "apps": apps}
}

func getBranch(c *call) answer {
	branch := c.vars["branch"]
	sha, err := c.repo.Git.Ref(c.ctx, "refs/heads/"+branch)
	if err != nil {
		return problem(404, "Branch not found")
	}
	n, err := c.repo.Git.Read(c.ctx, sha)
	if err != nil {
		return broken("reading a branch", err)
	}
	link := c.world.API("/repos/%s/branches/%s", c.repo.FullName(), branch)
	o := wire.Object{"name": branch, "commit": c.world.CommitJSON(c.repo, n), "protected": false, "protection": wire.Object{"enabled": false},
		"protection_url": link + "/protection", "_links": wire.Object{"self": link, "html": c.world.Web("/%s/tree/%s", c.repo.FullName(), branch)}}
	if p := c.repo.Rules.Protected[branch]; p != nil {
		shown := wire.Object{"enabled": true}
		if p.Checks != nil {
			shown["required_status_checks"] = c.protectionJSON(branch, p)["required_status_checks"]
		}
		o["protected"], o["protection"] = true, shown
	}
	return ok(o)
}

func getProtection(c *call) answer {
	p := c.repo.Rules.Protected[c.vars["branch"]]
	if p == nil {
		return problem(404, "Branch not protected")
	}
	return ok(c.protectionJSON(c.vars["branch"], p))
}

func putProtection(c *call) answer {
	var p model.Protection
	if err := c.decode(&p); err != nil {
		return unprocessable(err.Error())
	}
	branch := c.vars["branch"]
	if _, err := c.repo.Git.Ref(c.ctx, "refs/heads/"+branch); err != nil {
		return problem(404, "Branch not found")
	}
	if c.repo.Rules.Protected == nil {
		c.repo.Rules.Protected = map[string]*model.Protection{}
	}
	c.repo.Rules.Protected[branch] = &p
	return ok(c.protectionJSON(branch, &p))
}

func requireSignatures(c *call) answer {
	branch := c.vars["branch"]
	p := c.repo.Rules.Protected[branch]
	if p == nil {
		return problem(404, "Branch not protected")
	}
	p.Signed = true
	return ok(c.protectionJSON(branch, p)["required_signatures"])
}

func deleteProtection(c *call) answer {
	if c.repo.Rules.Protected[c.vars["branch"]] == nil {
		return problem(404, "Branch not protected")
	}
	delete(c.repo.Rules.Protected, c.vars["branch"])
	return noContent()
}
