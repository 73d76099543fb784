package wire

import (
	"github.com/plateform/plateform/test/githubserver/model"
)

// DeploymentJSON is a deployment.
func (w *Writer) DeploymentJSON(r *model.Repository, d *model.Deployment) Object {
	link := w.API("/repos/%s/deployments/%d", r.FullName(), d.ID)
	return Object{
		"id": d.ID, "node_id": NodeID("Deployment", d.ID), "sha": d.SHA, "ref": d.Ref, "task": d.Task, "environment": d.Environment,
		"original_environment": d.Environment, "creator": w.UserJSON(d.Creator), "payload": d.Payload, "description": OrNull(d.Description),
		"statuses_url": link + "/statuses", "repository_url": w.API("/repos/%s", r.FullName()), "url": link,
		"created_at": Stamp(d.Created), "updated_at": Stamp(d.Created), "transient_environment": d.Transient,
		"production_environment": d.Production, "performed_via_github_app": w.AppJSON(d.App),
	}
}

// DeploymentStatusJSON is how far a deployment is.
func (w *Writer) DeploymentStatusJSON(r *model.Repository, d *model.Deployment, s *model.DeploymentStatus) Object {
	link := w.API("/repos/%s/deployments/%d", r.FullName(), d.ID)
	log := s.LogURL
	if log == "" {
		log = s.TargetURL
	}
	return Object{
		"id": s.ID, "node_id": NodeID("DeploymentStatus", s.ID), "state": s.State, "creator": w.UserJSON(s.Creator), "description": s.Description,
		"deployment_url": link, "target_url": log, "log_url": log, "environment_url": s.EnvironmentURL, "environment": s.Environment,
		"repository_url": w.API("/repos/%s", r.FullName()), "url": link + "/statuses/" + NodeID("", s.ID),
		"created_at": Stamp(s.Created), "updated_at": Stamp(s.Created), "performed_via_github_app": w.AppJSON(d.App),
	}
}
