package githubserver

import (
	"context"
	"slices"

	"github.com/plateform/plateform/test/githubserver/bare"
)

// protection is that of a branch, in the way that came before rulesets.
type protection struct {
	Checks  *protectedChecks  `json:"required_status_checks"`
	Admins  *bool             `json:"enforce_admins"`
	Reviews *protectedReviews `json:"required_pull_request_reviews"`
	Only    *protectedActors  `json:"restrictions"`
	Linear  *bool             `json:"required_linear_history"`
	Force   *bool             `json:"allow_force_pushes"`
	Delete  *bool             `json:"allow_deletions"`
}

type protectedChecks struct {
	Strict   bool     `json:"strict"`
	Contexts []string `json:"contexts"`
	Checks   []struct {
		Context string `json:"context"`
	} `json:"checks"`
}

type protectedReviews struct {
	Count  int             `json:"required_approving_review_count"`
	Bypass protectedActors `json:"bypass_pull_request_allowances"`
}

// protectedActors are logins of users and slugs of Apps.
type protectedActors struct {
	Users []string `json:"users"`
	Apps  []string `json:"apps"`
}

func (a protectedActors) has(who principal) bool {
	if i := who.installed(); i != nil {
		return slices.Contains(a.Apps, i.app.slug)
	}
	return who.user != nil && slices.Contains(a.Users, who.user.login)
}

// contexts are all that are required, in either of the two ways to say it.
func (c protectedChecks) contexts() []string {
	all := slices.Clone(c.Contexts)
	for _, check := range c.Checks {
		if !slices.Contains(all, check.Context) {
			all = append(all, check.Context)
		}
	}
	return all
}

// rule is the same, as a ruleset says it.
func (c protectedChecks) rule() statusRule {
	s := statusRule{Strict: c.Strict}
	for _, context := range c.contexts() {
		s.Checks = append(s.Checks, struct {
			Context string `json:"context"`
			App     int64  `json:"integration_id"`
		}{Context: context})
	}
	return s
}

func isSet(b *bool) bool { return b != nil && *b }

// broken says what a move of the branch is refused for.
func (p *protection) broken(ctx context.Context, r *repository, m move, who principal) []string {
	if who.installed() == nil && r.role(who.user) == Admin && !isSet(p.Admins) {
		return nil
	}
	var why []string
	if p.Only != nil && !p.Only.has(who) {
		why = append(why, "You're not authorized to push to this branch.")
	}
	if m.to == bare.Zero {
		if !isSet(p.Delete) {
			why = append(why, "Cannot delete a protected branch")
		}
		return why
	}
	if m.old != bare.Zero && !isSet(p.Force) && !r.git.Contains(ctx, m.to, m.old) {
		why = append(why, "Cannot force-push to a protected branch")
	}
	if m.old != bare.Zero && p.Reviews != nil && !p.Reviews.Bypass.has(who) {
		why = append(why, "Changes must be made through a pull request.")
	}
	if isSet(p.Linear) {
		if text := (rule{Type: "required_linear_history"}).broken(ctx, r, m); text != "" {
			why = append(why, text)
		}
	}
	if p.Checks != nil {
		if text := r.missing(p.Checks.rule(), m.to); text != "" {
			why = append(why, text)
		}
	}
	return why
}

func (c *call) protectionJSON(branch string, p *protection) object {
	link := c.world.api("/repos/%s/branches/%s/protection", c.repo.fullName(), branch)
	enabled := func(b *bool) object { return object{"enabled": isSet(b)} }
	o := object{
		"url": link, "enforce_admins": object{"url": link + "/enforce_admins", "enabled": isSet(p.Admins)},
		"required_linear_history": enabled(p.Linear), "allow_force_pushes": enabled(p.Force), "allow_deletions": enabled(p.Delete),
	}
	if p.Checks != nil {
		checks := []object{}
		for _, name := range p.Checks.contexts() {
			checks = append(checks, object{"context": name, "app_id": nil})
		}
		o["required_status_checks"] = object{"url": link + "/required_status_checks", "strict": p.Checks.Strict, "contexts": p.Checks.contexts(),
			"contexts_url": link + "/required_status_checks/contexts", "checks": checks}
	}
	if p.Reviews != nil {
		o["required_pull_request_reviews"] = object{"url": link + "/required_pull_request_reviews", "dismiss_stale_reviews": false,
			"require_code_owner_reviews": false, "required_approving_review_count": p.Reviews.Count}
	}
	if p.Only != nil {
		o["restrictions"] = c.restrictionsJSON(link+"/restrictions", *p.Only)
	}
	return o
}

func (c *call) restrictionsJSON(link string, a protectedActors) object {
	users, apps := []any{}, []any{}
	for _, login := range a.Users {
		if u := c.world.userByLogin(login); u != nil {
			users = append(users, c.world.userJSON(u))
		}
	}
	for _, one := range c.world.apps {
		if slices.Contains(a.Apps, one.slug) {
			apps = append(apps, c.world.appJSON(one))
		}
	}
	return object{"url": link, "users_url": link + "/users", "teams_url": link + "/teams", "apps_url": link + "/apps", "users": users, "teams": []object{}, "apps": apps}
}

func getBranch(c *call) answer {
	branch := c.vars["branch"]
	sha, err := c.repo.git.Ref(c.ctx, "refs/heads/"+branch)
	if err != nil {
		return problem(404, "Branch not found")
	}
	n, err := c.repo.git.Read(c.ctx, sha)
	if err != nil {
		return broken("reading a branch", err)
	}
	link := c.world.api("/repos/%s/branches/%s", c.repo.fullName(), branch)
	o := object{"name": branch, "commit": c.world.commitJSON(c.repo, n), "protected": false, "protection": object{"enabled": false},
		"protection_url": link + "/protection", "_links": object{"self": link, "html": c.world.web("/%s/tree/%s", c.repo.fullName(), branch)}}
	if p := c.repo.rules.protected[branch]; p != nil {
		shown := object{"enabled": true}
		if p.Checks != nil {
			shown["required_status_checks"] = c.protectionJSON(branch, p)["required_status_checks"]
		}
		o["protected"], o["protection"] = true, shown
	}
	return ok(o)
}

func getProtection(c *call) answer {
	p := c.repo.rules.protected[c.vars["branch"]]
	if p == nil {
		return problem(404, "Branch not protected")
	}
	return ok(c.protectionJSON(c.vars["branch"], p))
}

func putProtection(c *call) answer {
	var p protection
	if err := c.decode(&p); err != nil {
		return unprocessable(err.Error())
	}
	branch := c.vars["branch"]
	if _, err := c.repo.git.Ref(c.ctx, "refs/heads/"+branch); err != nil {
		return problem(404, "Branch not found")
	}
	if c.repo.rules.protected == nil {
		c.repo.rules.protected = map[string]*protection{}
	}
	c.repo.rules.protected[branch] = &p
	return ok(c.protectionJSON(branch, &p))
}

func deleteProtection(c *call) answer {
	if c.repo.rules.protected[c.vars["branch"]] == nil {
		return problem(404, "Branch not protected")
	}
	delete(c.repo.rules.protected, c.vars["branch"])
	return noContent()
}
