package wire

import (
	"context"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/model"
)

// SuiteJSON is a check suite.
func (w *Writer) SuiteJSON(ctx context.Context, r *model.Repository, s *model.CheckSuite) (Object, error) {
	n, err := r.Git.Read(ctx, s.SHA)
	if err != nil {
		return nil, err
	}
	pulls := []Object{}
	for _, p := range r.Pulls {
		if p.Open && p.Head.SHA == s.SHA {
			pulls = append(pulls, w.pullMinimal(p))
		}
	}
	status, conclusion, runs := "queued", "", 0
	for _, run := range r.Commits.Runs {
		if run.Suite == s {
			runs++
			status, conclusion = run.Status, run.Conclusion
		}
	}
	link := w.API("/repos/%s/check-suites/%d", r.FullName(), s.ID)
	return Object{
		"id": s.ID, "node_id": NodeID("CheckSuite", s.ID), "head_branch": OrNull(s.Branch), "head_sha": s.SHA, "status": status, "conclusion": OrNull(conclusion),
		"url": link, "before": nil, "after": s.SHA, "pull_requests": pulls, "app": w.AppJSON(s.App), "created_at": Stamp(s.Created), "updated_at": Stamp(s.Created),
		"rerequestable": true, "runs_rerequestable": true, "latest_check_runs_count": runs, "check_runs_url": link + "/check-runs",
		"repository": w.RepoJSON(r), "head_commit": Object{"id": n.Hash, "tree_id": n.Tree, "message": n.Message, "timestamp": Stamp(n.Committer.When),
			"author": Object{"name": n.Author.Name, "email": n.Author.Email}, "committer": Object{"name": n.Committer.Name, "email": n.Committer.Email}},
	}, nil
}

// PushedCommit is a commit as a push event shows it.
func (w *Writer) PushedCommit(ctx context.Context, r *model.Repository, hash string) (Object, error) {
	c, err := r.Git.Read(ctx, hash)
	if err != nil {
		return nil, err
	}
	base := ""
	if len(c.Parents) > 0 {
		base = c.Parents[0]
	}
	files, err := r.Git.Changes(ctx, base, hash)
	if err != nil {
		return nil, err
	}
	paths := map[string][]string{"added": {}, "removed": {}, "modified": {}}
	for _, f := range files {
		switch f.Status {
		case "renamed":
			paths["added"], paths["removed"] = append(paths["added"], f.Path), append(paths["removed"], f.Previous)
		case "changed":
			paths["modified"] = append(paths["modified"], f.Path)
		default:
			paths[f.Status] = append(paths[f.Status], f.Path)
		}
	}
	who := func(p bare.Person) Object {
		o := Object{"name": p.Name, "email": p.Email}
		if u := w.Known.UserByEmail(p.Email); u != nil {
			o["username"] = u.Login
		}
		return o
	}
	return Object{"id": c.Hash, "tree_id": c.Tree, "distinct": true, "message": c.Message, "timestamp": Stamp(c.Committer.When),
		"url": w.Web("/%s/commit/%s", r.FullName(), c.Hash), "author": who(c.Author), "committer": who(c.Committer),
		"added": paths["added"], "removed": paths["removed"], "modified": paths["modified"]}, nil
}
