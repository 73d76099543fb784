package forge

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/model"
)

// NewRepository is a repository to be made.
type NewRepository struct {
	// Name is OWNER/NAME; the owner is there already.
	Name    string
	Private bool
	// ForkOf is the OWNER/NAME that it starts as a copy of.
	ForkOf string
}

// AddRepository makes a repository, empty unless it is a fork, and returns its numeric id. Its branch is main.
func (f *Forge) AddRepository(ctx context.Context, n NewRepository) (int64, error) {
	var id int64
	err := f.Locked(func(w *World) error {
		login, name, _ := strings.Cut(n.Name, "/")
		owner := w.UserByLogin(login)
		if owner == nil || name == "" || w.RepoByName(n.Name) != nil {
			return fmt.Errorf("%s cannot be made: there has to be its owner, and no such repository yet", n.Name)
		}
		r := &model.Repository{ID: w.ID(), Owner: owner, Name: name, Private: n.Private, Created: w.Now(), Collaborators: map[int64]model.Role{}}
		git, err := bare.Create(ctx, filepath.Join(w.dir, strconv.FormatInt(r.ID, 10)+".git"), model.DefaultBranch)
		if err != nil {
			return err
		}
		r.Git = git
		if n.ForkOf != "" {
			if r.Fork = w.RepoByName(n.ForkOf); r.Fork == nil {
				return fmt.Errorf("there is no repository %s to fork", n.ForkOf)
			}
			if err := r.CopyBranches(ctx); err != nil {
				return err
			}
		}
		w.Repos[r.ID], id = r, r.ID
		return nil
	})
	return id, err
}

// SetRole says what somebody may do in a repository; None takes it away.
func (f *Forge) SetRole(repo string, userID int64, role model.Role) error {
	return f.Locked(func(w *World) error {
		r := w.RepoByName(repo)
		if r == nil || w.Users[userID] == nil {
			return fmt.Errorf("there is no repository %s or no user %d", repo, userID)
		}
		r.Collaborators[userID] = role
		return nil
	})
}

// CloneURL of a repository.
func (f *Forge) CloneURL(repo string) string { return f.world.Web("/%s.git", repo) }

// RepositoryDir is the bare repository on disk, for tests that look into it with git. Nothing is to be changed there.
func (f *Forge) RepositoryDir(repo string) (dir string, err error) {
	err = f.Locked(func(w *World) error {
		r := w.RepoByName(repo)
		if r == nil {
			return fmt.Errorf("there is no repository %s", repo)
		}
		dir = r.Git.Dir
		return nil
	})
	return dir, err
}
