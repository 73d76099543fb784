package forge

import (
	"context"
	"fmt"
	"strings"

	"github.com/plateform/plateform/test/githubserver/bare"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

// Method is how a pull request is merged.
type Method string

// The methods.
const (
	MergeCommit Method = "merge"
	Squash      Method = "squash"
	Rebase      Method = "rebase"
)

// Merge merges a pull request as its page does.
func (f *Forge) Merge(ctx context.Context, repo string, number int, userID int64, how Method) error {
	return f.Locked(func(w *World) error {
		_, p, err := w.FindPull(repo, number)
		if err != nil {
			return err
		}
		if w.Users[userID] == nil {
			return fmt.Errorf("there is no user %d", userID)
		}
		return w.MergePull(ctx, p, model.Principal{User: w.Users[userID]}, MergeRequest{Method: how})
	})
}

// MergeRequest is how a pull request is to be merged.
type MergeRequest struct {
	Method         Method
	Title, Message string
}

// errNotMergeable says that a pull request cannot be merged as it is.
const errNotMergeable = model.Words("Pull Request is not mergeable")

// MergePull makes the commits of a merge, moves the base, and lets that take its course.
func (w *World) MergePull(ctx context.Context, p *model.Pull, who model.Principal, how MergeRequest) error {
	if !p.Open {
		return errNotMergeable
	}
	git := p.Repo.Git
	tip, err := git.Ref(ctx, "refs/heads/"+p.Base.Ref)
	if err != nil {
		return errNotMergeable
	}
	if why := p.Repo.RefusesMerge(ctx, p, tip); why != "" && !p.Repo.Bypassed(who, "refs/heads/"+p.Base.Ref) {
		return model.Words(why)
	}
	made, err := w.mergeCommits(ctx, p, who.User, tip, how)
	if err != nil {
		return err
	}
	last := made[len(made)-1]
	if err := git.Move(ctx, "refs/heads/"+p.Base.Ref, tip, last); err != nil {
		return err
	}
	p.Open, p.Closed = false, w.Now()
	p.Merge = model.Merge{At: w.Now(), By: who.User, Commit: last, Landed: made}
	p.Updated = w.Now()
	if err := w.Moved(ctx, p.Repo, model.Move{Ref: "refs/heads/" + p.Base.Ref, Old: tip, To: last}, who); err != nil {
		return err
	}
	return w.emitPull(ctx, p, "closed", who.User, nil)
}

// mergeCommits makes the commits of a merge, oldest first, on the tip of the base.
func (w *World) mergeCommits(ctx context.Context, p *model.Pull, by *model.User, tip string, how MergeRequest) ([]string, error) {
	git := p.Repo.Git
	web := bare.Person{Name: "GitHub", Email: "noreply@github.com", When: w.Now()}
	author := bare.Person{Name: by.Login, Email: by.Email(), When: w.Now()}
	if how.Method == Rebase {
		return w.rebase(ctx, p, web, tip)
	}
	tree, fits := git.Merge(ctx, tip, p.Head.SHA)
	if !fits {
		return nil, errNotMergeable
	}
	c := bare.NewCommit{Tree: tree, Parents: []string{tip, p.Head.SHA}, Author: author, Committer: web}
	title, message := fmt.Sprintf("Merge pull request #%d from %s", p.Number, strings.Replace(p.Head.Label(), ":", "/", 1)), p.Title
	if how.Method == Squash {
		c.Parents = []string{tip}
		c.Author = bare.Person{Name: p.Author.Login, Email: p.Author.Email(), When: w.Now()}
		title, message = fmt.Sprintf("%s (#%d)", p.Title, p.Number), p.Body
	}
	if how.Title != "" {
		title = how.Title
	}
	if how.Message != "" {
		message = how.Message
	}
	c.Message = strings.TrimSpace(title + "\n\n" + message)
	hash, err := git.Make(ctx, c)
	return []string{hash}, err
}

func (w *World) rebase(ctx context.Context, p *model.Pull, web bare.Person, tip string) ([]string, error) {
	list, err := p.Repo.Git.Range(ctx, tip, p.Head.SHA, model.MostCommits)
	if err != nil {
		return nil, err
	}
	var made []string
	for _, c := range list {
		tree, fits := p.Repo.Git.Pick(ctx, tip, c)
		if !fits {
			return nil, errNotMergeable
		}
		if tip, err = p.Repo.Git.Make(ctx, bare.NewCommit{Tree: tree, Parents: []string{tip}, Author: c.Author, Committer: web, Message: c.Message}); err != nil {
			return nil, err
		}
		made = append(made, tip)
	}
	if len(made) == 0 {
		return nil, errNotMergeable
	}
	return made, nil
}

// follow has the pull requests that a moved branch is an end of follow it: their heads move, and those whose head is
// reachable from the base now have become merged.
func (w *World) follow(ctx context.Context, r *model.Repository, m model.Move, who model.Principal) error {
	branch, isBranch := strings.CutPrefix(m.Ref, "refs/heads/")
	if !isBranch {
		return nil
	}
	for _, base := range w.SortedRepos() {
		for _, p := range base.Pulls {
			if !p.Open {
				continue
			}
			if p.Repo == r && p.Base.Ref == branch && m.To == bare.Zero {
				p.Open, p.Closed, p.Updated = false, w.Now(), w.Now()
				if err := w.emitPull(ctx, p, "closed", who.User, nil); err != nil {
					return err
				}
				continue
			}
			if p.Repo == r && p.Base.Ref == branch && m.To != bare.Zero && r.Git.Contains(ctx, m.To, p.Head.SHA) {
				if err := w.landed(ctx, p, m, who.User); err != nil {
					return err
				}
				continue
			}
			if p.Head.Repo == r && p.Head.Ref == branch {
				if err := w.headMoved(ctx, p, m, who.User); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// landed closes a pull request whose head somebody pushed to the base.
func (w *World) landed(ctx context.Context, p *model.Pull, m model.Move, by *model.User) error {
	commit, err := p.Repo.Git.Landing(ctx, m.To, p.Head.SHA)
	if err != nil {
		return err
	}
	p.Open, p.Closed, p.Updated = false, w.Now(), w.Now()
	p.Merge = model.Merge{At: w.Now(), By: by, Commit: commit, Landed: []string{commit}}
	return w.emitPull(ctx, p, "closed", by, nil)
}

// headMoved has a pull request follow its branch; without the branch, or without a commit of its own, it is closed.
func (w *World) headMoved(ctx context.Context, p *model.Pull, m model.Move, by *model.User) error {
	gone := m.To == bare.Zero
	if !gone {
		tip, err := p.Repo.Git.Ref(ctx, "refs/heads/"+p.Base.Ref)
		if err != nil {
			return err
		}
		if err := p.Repo.Git.Take(ctx, p.Head.Repo.Git, m.To); err != nil {
			return err
		}
		if err := p.Repo.Git.Force(ctx, p.Ref(), m.To); err != nil {
			return err
		}
		before := p.Head.SHA
		p.Head.SHA, p.Base.SHA, p.Updated = m.To, tip, w.Now()
		if !p.Repo.Git.Contains(ctx, tip, m.To) {
			return w.emitPull(ctx, p, "synchronize", by, wire.Object{"before": before, "after": m.To})
		}
	}
	p.Open, p.Closed, p.Updated = false, w.Now(), w.Now()
	return w.emitPull(ctx, p, "closed", by, nil)
}
