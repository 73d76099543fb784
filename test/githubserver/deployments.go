package githubserver

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/plateform/plateform/test/githubserver/model"
)

func createDeployment(c *call) answer {
	asked := struct {
		Ref, Task, Environment, Description string
		AutoMerge                           *bool     `json:"auto_merge"`
		RequiredContexts                    *[]string `json:"required_contexts"`
		Payload                             json.RawMessage
		Transient                           bool `json:"transient_environment"`
		Production                          bool `json:"production_environment"`
	}{Task: "deploy", Environment: "production"}
	if err := c.decode(&asked); err != nil {
		return unprocessable(err.Error())
	}
	sha, err := c.repo.Git.Resolve(c.ctx, asked.Ref)
	if err != nil {
		return unprocessable("No ref found for: " + asked.Ref)
	}
	if asked.AutoMerge == nil || *asked.AutoMerge {
		if _, behind, err := c.repo.Git.Count(c.ctx, model.DefaultBranch, sha); err == nil && behind > 0 {
			return conflict("Conflict merging " + model.DefaultBranch + " into " + asked.Ref + ".")
		}
	}
	required := asked.RequiredContexts
	if required == nil {
		all := []string{}
		for _, s := range c.repo.LatestStatuses(sha) {
			all = append(all, s.Context)
		}
		required = &all
	}
	for _, context := range *required {
		if !c.repo.Passed(sha, context) {
			return conflict("Conflict: Commit status checks failed for " + asked.Ref + ".")
		}
	}
	d := &model.Deployment{ID: c.world.ID(), SHA: sha, Ref: asked.Ref, Task: asked.Task, Environment: asked.Environment, Description: asked.Description,
		Payload: asked.Payload, Transient: asked.Transient, Production: asked.Production, Creator: c.who.User, App: c.byApp(), Created: c.world.Now()}
	if d.Payload == nil {
		d.Payload = json.RawMessage(`{}`)
	}
	c.repo.Commits.Deployments = append(c.repo.Commits.Deployments, d)
	return created(c.world.DeploymentJSON(c.repo, d))
}

// byApp is the App that a call comes from, if any.
func (c *call) byApp() *model.App {
	if i := c.who.Installed(); i != nil {
		return i.App
	}
	return nil
}

func (c *call) deployment() *model.Deployment {
	id, _ := c.number("deployment_id")
	for _, d := range c.repo.Commits.Deployments {
		if d.ID == id {
			return d
		}
	}
	return nil
}

func getDeployment(c *call) answer {
	if d := c.deployment(); d != nil {
		return ok(c.world.DeploymentJSON(c.repo, d))
	}
	return notFound()
}

func listDeployments(c *call) answer {
	q := c.request.URL.Query()
	fits := func(name, value string) bool { return q.Get(name) == "" || q.Get(name) == value }
	var list []*model.Deployment
	for _, d := range slices.Backward(c.repo.Commits.Deployments) {
		if fits("sha", d.SHA) && fits("ref", d.Ref) && fits("task", d.Task) && fits("environment", d.Environment) {
			list = append(list, d)
		}
	}
	return paged(c, list, func(d *model.Deployment) any { return c.world.DeploymentJSON(c.repo, d) })
}

func deleteDeployment(c *call) answer {
	d := c.deployment()
	if d == nil {
		return notFound()
	}
	if n := len(d.Statuses); n == 0 || d.Statuses[n-1].State != "inactive" {
		return unprocessable("We cannot delete an active deployment unless it is the only deployment in a given environment.")
	}
	c.repo.Commits.Deployments = slices.DeleteFunc(c.repo.Commits.Deployments, func(other *model.Deployment) bool { return other == d })
	return noContent()
}

func createDeploymentStatus(c *call) answer {
	d := c.deployment()
	if d == nil {
		return notFound()
	}
	s := &model.DeploymentStatus{ID: c.world.ID(), Creator: c.who.User, Created: c.world.Now(), Environment: d.Environment}
	if err := json.Unmarshal(c.body, s); err != nil {
		return problem(http.StatusBadRequest, err.Error())
	}
	if len([]rune(s.Description)) > 140 {
		return invalid("DeploymentStatus", "description", "description is too long (maximum is 140 characters)")
	}
	d.Statuses = append(d.Statuses, s)
	if s.State == "success" && (s.AutoInactive == nil || *s.AutoInactive) && !d.Transient {
		c.retire(d)
	}
	return created(c.world.DeploymentStatusJSON(c.repo, d, s))
}

// retire makes the deployments before one inactive.
func (c *call) retire(newest *model.Deployment) {
	for _, d := range c.repo.Commits.Deployments {
		n := len(d.Statuses)
		if d != newest && d.Environment == newest.Environment && !d.Transient && n > 0 && d.Statuses[n-1].State == "success" {
			d.Statuses = append(d.Statuses, &model.DeploymentStatus{ID: c.world.ID(), State: "inactive", Environment: d.Environment, Creator: c.who.User, Created: c.world.Now()})
		}
	}
}

func listDeploymentStatuses(c *call) answer {
	d := c.deployment()
	if d == nil {
		return notFound()
	}
	newest := slices.Clone(d.Statuses)
	slices.Reverse(newest)
	return paged(c, newest, func(s *model.DeploymentStatus) any { return c.world.DeploymentStatusJSON(c.repo, d, s) })
}
