package forge

import (
	"context"
	"fmt"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/model"
)

// Commit makes a commit on a branch as somebody who edits files on the page, and returns its hash. Rules do not hold it up.
func (f *Forge) Commit(ctx context.Context, n NewCommit) (string, error) {
	var hash string
	err := f.Locked(func(w *World) error {
		r, u := w.RepoByName(n.Repo), w.Users[n.Author]
		if r == nil || u == nil {
			return fmt.Errorf("there is no repository %s, or no user %d", n.Repo, n.Author)
		}
		if n.Branch == "" {
			n.Branch = model.DefaultBranch
		}
		var err error
		hash, err = w.commit(ctx, r, u, n)
		return err
	})
	return hash, err
}

// NewCommit is a commit to be made.
type NewCommit struct {
	// Repo is OWNER/NAME, Branch is main when empty. A branch that is not there begins where From is; main when empty.
	Repo, Branch, From string
	// Author is a user's id.
	Author  int64
	Message string
	// Files to set, and paths to remove.
	Files  map[string]string
	Remove []string
}

func (w *World) commit(ctx context.Context, r *model.Repository, u *model.User, n NewCommit) (string, error) {
	ref := "refs/heads/" + n.Branch
	old, err := r.Git.Ref(ctx, ref)
	base := old
	if err != nil {
		old = bare.Zero
		if n.From == "" {
			n.From = model.DefaultBranch
		}
		if base, err = r.Git.Resolve(ctx, n.From); err != nil {
			base = "" // the first commit of all
		}
	}
	tree, err := r.Git.Tree(ctx, base, n.Files, n.Remove)
	if err != nil {
		return "", err
	}
	who := bare.Person{Name: u.Login, Email: u.Email(), When: w.Now()}
	m := bare.NewCommit{Tree: tree, Author: who, Committer: bare.Person{Name: "GitHub", Email: "noreply@github.com", When: w.Now()}, Message: n.Message}
	if base != "" {
		m.Parents = []string{base}
	}
	hash, err := r.Git.Make(ctx, m)
	if err != nil {
		return "", err
	}
	if err := r.Git.Move(ctx, ref, old, hash); err != nil {
		return "", err
	}
	return hash, w.Moved(ctx, r, model.Move{Ref: ref, Old: old, To: hash}, model.Principal{User: u})
}
