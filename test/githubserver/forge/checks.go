package forge

import (
	"time"

	"github.com/plateform/plateform/test/githubserver/model"
)

// Suite finds the check suite of an App for a commit, or makes it.
func (w *World) Suite(r *model.Repository, a *model.App, sha, branch string) *model.CheckSuite {
	if s := r.SuiteOf(a, sha); s != nil {
		return s
	}
	s := &model.CheckSuite{ID: w.ID(), App: a, SHA: sha, Branch: branch, Created: w.Now()}
	r.Commits.Suites = append(r.Commits.Suites, s)
	return s
}

// Rerequest sets a check run back, and has its App told.
func (w *World) Rerequest(r *model.Repository, run *model.CheckRun, by *model.User) error {
	run.Status, run.Conclusion, run.Completed = "queued", "", time.Time{}
	return w.EmitRun(r, run, "rerequested", by)
}

// Rerequest asks for a check run again, as somebody does who clicks "Re-run".
func (f *Forge) Rerequest(repo string, checkRunID, userID int64) error {
	return f.Locked(func(w *World) error {
		r := w.RepoByName(repo)
		if r == nil || r.Run(checkRunID) == nil {
			return model.Words("there is no such check run, or no such repository: " + repo)
		}
		return w.Rerequest(r, r.Run(checkRunID), w.Users[userID])
	})
}
