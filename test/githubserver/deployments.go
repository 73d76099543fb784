package githubserver

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// deployment is a commit on its way to an environment.
type deployment struct {
	id                                       int64
	sha, ref, task, environment, description string
	payload                                  json.RawMessage
	transient                                bool
	production                               bool
	creator                                  *user
	app                                      *app
	created                                  time.Time
	statuses                                 []*deploymentStatus
}

type deploymentStatus struct {
	id                 int64
	State, Description string
	Environment        string
	TargetURL          string `json:"target_url"`
	LogURL             string `json:"log_url"`
	EnvironmentURL     string `json:"environment_url"`
	AutoInactive       *bool  `json:"auto_inactive"`
	creator            *user
	created            time.Time
}

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
	sha, err := c.repo.git.Resolve(c.ctx, asked.Ref)
	if err != nil {
		return unprocessable("No ref found for: " + asked.Ref)
	}
	if asked.AutoMerge == nil || *asked.AutoMerge {
		if _, behind, err := c.repo.git.Count(c.ctx, defaultBranch, sha); err == nil && behind > 0 {
			return conflict("Conflict merging " + defaultBranch + " into " + asked.Ref + ".")
		}
	}
	required := asked.RequiredContexts
	if required == nil {
		all := []string{}
		for _, s := range c.repo.latestStatuses(sha) {
			all = append(all, s.context)
		}
		required = &all
	}
	for _, context := range *required {
		if !c.repo.passed(sha, context) {
			return conflict("Conflict: Commit status checks failed for " + asked.Ref + ".")
		}
	}
	d := &deployment{id: c.world.id(), sha: sha, ref: asked.Ref, task: asked.Task, environment: asked.Environment, description: asked.Description,
		payload: asked.Payload, transient: asked.Transient, production: asked.Production, creator: c.who.user, app: c.byApp(), created: c.world.now()}
	if d.payload == nil {
		d.payload = json.RawMessage(`{}`)
	}
	c.repo.commits.deployments = append(c.repo.commits.deployments, d)
	return created(c.deploymentJSON(d))
}

// byApp is the App that a call comes from, if any.
func (c *call) byApp() *app {
	if i := c.who.installed(); i != nil {
		return i.app
	}
	return nil
}

func (c *call) deployment() *deployment {
	id, _ := c.number("deployment_id")
	for _, d := range c.repo.commits.deployments {
		if d.id == id {
			return d
		}
	}
	return nil
}

func getDeployment(c *call) answer {
	if d := c.deployment(); d != nil {
		return ok(c.deploymentJSON(d))
	}
	return notFound()
}

func listDeployments(c *call) answer {
	q := c.request.URL.Query()
	fits := func(name, value string) bool { return q.Get(name) == "" || q.Get(name) == value }
	var list []*deployment
	for _, d := range slices.Backward(c.repo.commits.deployments) {
		if fits("sha", d.sha) && fits("ref", d.ref) && fits("task", d.task) && fits("environment", d.environment) {
			list = append(list, d)
		}
	}
	return paged(c, list, func(d *deployment) any { return c.deploymentJSON(d) })
}

func deleteDeployment(c *call) answer {
	d := c.deployment()
	if d == nil {
		return notFound()
	}
	if n := len(d.statuses); n == 0 || d.statuses[n-1].State != "inactive" {
		return unprocessable("We cannot delete an active deployment unless it is the only deployment in a given environment.")
	}
	c.repo.commits.deployments = slices.DeleteFunc(c.repo.commits.deployments, func(other *deployment) bool { return other == d })
	return noContent()
}

func createDeploymentStatus(c *call) answer {
	d := c.deployment()
	if d == nil {
		return notFound()
	}
	s := &deploymentStatus{id: c.world.id(), creator: c.who.user, created: c.world.now(), Environment: d.environment}
	if err := json.Unmarshal(c.body, s); err != nil {
		return problem(http.StatusBadRequest, err.Error())
	}
	if len([]rune(s.Description)) > 140 {
		return invalid("DeploymentStatus", "description", "description is too long (maximum is 140 characters)")
	}
	d.statuses = append(d.statuses, s)
	if s.State == "success" && (s.AutoInactive == nil || *s.AutoInactive) && !d.transient {
		c.retire(d)
	}
	return created(c.deploymentStatusJSON(d, s))
}

// retire makes the deployments before one inactive.
func (c *call) retire(newest *deployment) {
	for _, d := range c.repo.commits.deployments {
		n := len(d.statuses)
		if d != newest && d.environment == newest.environment && !d.transient && n > 0 && d.statuses[n-1].State == "success" {
			d.statuses = append(d.statuses, &deploymentStatus{id: c.world.id(), State: "inactive", Environment: d.environment, creator: c.who.user, created: c.world.now()})
		}
	}
}

func listDeploymentStatuses(c *call) answer {
	d := c.deployment()
	if d == nil {
		return notFound()
	}
	newest := slices.Clone(d.statuses)
	slices.Reverse(newest)
	return paged(c, newest, func(s *deploymentStatus) any { return c.deploymentStatusJSON(d, s) })
}

func (c *call) deploymentJSON(d *deployment) object {
	link := c.world.api("/repos/%s/deployments/%d", c.repo.fullName(), d.id)
	return object{
		"id": d.id, "node_id": nodeID("Deployment", d.id), "sha": d.sha, "ref": d.ref, "task": d.task, "environment": d.environment,
		"original_environment": d.environment, "creator": c.world.userJSON(d.creator), "payload": d.payload, "description": orNull(d.description),
		"statuses_url": link + "/statuses", "repository_url": c.world.api("/repos/%s", c.repo.fullName()), "url": link,
		"created_at": stamp(d.created), "updated_at": stamp(d.created), "transient_environment": d.transient,
		"production_environment": d.production, "performed_via_github_app": c.world.appJSON(d.app),
	}
}

func (c *call) deploymentStatusJSON(d *deployment, s *deploymentStatus) object {
	link := c.world.api("/repos/%s/deployments/%d", c.repo.fullName(), d.id)
	log := s.LogURL
	if log == "" {
		log = s.TargetURL
	}
	return object{
		"id": s.id, "node_id": nodeID("DeploymentStatus", s.id), "state": s.State, "creator": c.world.userJSON(s.creator), "description": s.Description,
		"deployment_url": link, "target_url": log, "log_url": log, "environment_url": s.EnvironmentURL, "environment": s.Environment,
		"repository_url": c.world.api("/repos/%s", c.repo.fullName()), "url": link + "/statuses/" + nodeID("", s.id),
		"created_at": stamp(s.created), "updated_at": stamp(s.created), "performed_via_github_app": c.world.appJSON(d.app),
	}
}
