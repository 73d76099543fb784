package wire

import (
	"github.com/plateform/plateform/test/githubserver/model"
)

// RunJSON is a check run.
func (w *Writer) RunJSON(r *model.Repository, run *model.CheckRun) Object {
	pulls := []Object{}
	for _, p := range r.Pulls {
		if p.Open && p.Head.SHA == run.Suite.SHA && p.Head.Repo != nil {
			pulls = append(pulls, w.pullMinimal(p))
		}
	}
	link := w.API("/repos/%s/check-runs/%d", r.FullName(), run.ID)
	return Object{
		"id": run.ID, "node_id": NodeID("CheckRun", run.ID), "head_sha": run.Suite.SHA, "name": run.Name, "url": link,
		"html_url": w.Web("/%s/runs/%d", r.FullName(), run.ID), "details_url": OrNull(run.Details), "status": run.Status,
		"conclusion": OrNull(run.Conclusion), "started_at": Stamp(run.Started), "completed_at": Stamp(run.Completed),
		"external_id": run.ExternalID, "check_suite": Object{"id": run.Suite.ID}, "app": w.AppJSON(run.Suite.App), "pull_requests": pulls,
		"output": Object{"title": OrNull(run.Output.Title), "summary": OrNull(run.Output.Summary), "text": OrNull(run.Output.Text),
			"annotations_count": len(run.Annotations), "annotations_url": link + "/annotations"},
	}
}
