package forge

import (
	"fmt"

	"github.com/plateform/plateform/test/githubserver/model"
)

// Say adds a comment.
func (w *World) Say(r *model.Repository, p *model.Pull, who model.Principal, body string) (*model.Comment, error) {
	n := &model.Comment{ID: w.ID(), Pull: p, Author: who.User, Body: body, Created: w.Now(), Updated: w.Now()}
	if i := who.Installed(); i != nil {
		n.App = i.App
	}
	r.Comments = append(r.Comments, n)
	return n, w.EmitComment(r, n, "created", "", who.User)
}

// Comment has somebody say something under a pull request, and returns the comment's id.
func (f *Forge) Comment(repo string, number int, userID int64, body string) (int64, error) {
	var id int64
	err := f.Locked(func(w *World) error {
		r, p, err := w.FindPull(repo, number)
		if err != nil {
			return err
		}
		n, err := w.Say(r, p, model.Principal{User: w.Users[userID]}, body)
		if err == nil {
			id = n.ID
		}
		return err
	})
	return id, err
}

// EditComment changes what somebody said.
func (f *Forge) EditComment(repo string, commentID, userID int64, body string) error {
	return f.Locked(func(w *World) error {
		r := w.RepoByName(repo)
		if r == nil || r.Comment(commentID) == nil {
			return fmt.Errorf("there is no comment %d in %s", commentID, repo)
		}
		return w.Edit(r, r.Comment(commentID), w.Users[userID], body)
	})
}

// Edit changes what somebody said.
func (w *World) Edit(r *model.Repository, n *model.Comment, by *model.User, body string) error {
	before := n.Body
	n.Body, n.Updated = body, w.Now()
	return w.EmitComment(r, n, "edited", before, by)
}
