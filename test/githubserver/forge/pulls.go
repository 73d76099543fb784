package forge

import (
	"context"
	"fmt"
	"time"

	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

// NewPull is a pull request to be opened.
type NewPull struct {
	// Repo that it is to be merged into, and Base, the branch; main when empty.
	Repo, Base string
	// HeadRepo that the change is in; Repo itself when empty. Head is the branch.
	HeadRepo, Head string
	Title, Body    string
	// Draft says that it is not to be merged yet.
	Draft bool
	// Author is a user's id.
	Author int64
}

// OpenPull opens a pull request, and returns its number.
func (f *Forge) OpenPull(ctx context.Context, n NewPull) (int, error) {
	var number int
	err := f.Locked(func(w *World) error {
		r := w.RepoByName(n.Repo)
		head := r
		if n.HeadRepo != "" {
			head = w.RepoByName(n.HeadRepo)
		}
		author := w.Users[n.Author]
		if r == nil || head == nil || author == nil {
			return fmt.Errorf("there is no repository %s, or no user %d", n.Repo, n.Author)
		}
		if n.Base == "" {
			n.Base = model.DefaultBranch
		}
		p, err := w.OpenPull(ctx, r, &model.Pull{Title: n.Title, Body: n.Body, Draft: n.Draft, Author: author, Base: model.End{Repo: r, Ref: n.Base}, Head: model.End{Repo: head, Ref: n.Head}})
		if err == nil {
			number = p.Number
		}
		return err
	})
	return number, err
}

// OpenPull opens a pull request whose ends name branches.
func (w *World) OpenPull(ctx context.Context, r *model.Repository, p *model.Pull) (*model.Pull, error) {
	for _, e := range []*model.End{&p.Base, &p.Head} {
		sha, err := e.Repo.Git.Ref(ctx, "refs/heads/"+e.Ref)
		if err != nil {
			return nil, model.Words("there is no branch " + e.Ref + " in " + e.Repo.FullName())
		}
		e.SHA = sha
	}
	for _, other := range r.Pulls {
		if other.Open && other.Base.Ref == p.Base.Ref && other.Head.Repo == p.Head.Repo && other.Head.Ref == p.Head.Ref {
			return nil, model.Words("A pull request already exists for " + p.Head.Label() + ".")
		}
	}
	if err := r.Git.Take(ctx, p.Head.Repo.Git, p.Head.SHA); err != nil {
		return nil, err
	}
	if r.Git.Contains(ctx, p.Base.SHA, p.Head.SHA) {
		return nil, model.Words("No commits between " + p.Base.Ref + " and " + p.Head.Ref)
	}
	now := w.Now()
	p.ID, p.Number, p.Repo, p.Open, p.Created, p.Updated = w.ID(), len(r.Pulls)+1, r, true, now, now
	if err := r.Git.Force(ctx, p.Ref(), p.Head.SHA); err != nil {
		return nil, err
	}
	r.Pulls = append(r.Pulls, p)
	return p, w.emitPull(ctx, p, "opened", p.Author, nil)
}

// PullEdit is what is changed of a pull request.
type PullEdit struct {
	Title, Body, Base *string
	State             string
	// Draft can be changed by people on its page alone.
	Draft *bool
}

// ClosePull closes a pull request without merging it.
func (f *Forge) ClosePull(ctx context.Context, repo string, number int, userID int64) error {
	return editPull(ctx, f, pullOf{repo, number, userID}, PullEdit{State: "closed"})
}

// ReopenPull opens a pull request again.
func (f *Forge) ReopenPull(ctx context.Context, repo string, number int, userID int64) error {
	return editPull(ctx, f, pullOf{repo, number, userID}, PullEdit{State: "open"})
}

// Ready says of a draft that it may be merged.
func (f *Forge) Ready(ctx context.Context, repo string, number int, userID int64) error {
	draft := false
	return editPull(ctx, f, pullOf{repo, number, userID}, PullEdit{Draft: &draft})
}

// pullOf is a pull request, and who does something to it.
type pullOf struct {
	repo   string
	number int
	by     int64
}

func editPull(ctx context.Context, f *Forge, of pullOf, edit PullEdit) error {
	return f.Locked(func(w *World) error {
		_, p, err := w.FindPull(of.repo, of.number)
		if err != nil {
			return err
		}
		return w.EditPull(ctx, p, w.Users[of.by], edit)
	})
}

// EditPull changes a pull request, and tells of each kind of change.
func (w *World) EditPull(ctx context.Context, p *model.Pull, by *model.User, edit PullEdit) error {
	changes := wire.Object{}
	if edit.Title != nil && *edit.Title != p.Title {
		changes["title"], p.Title = wire.Object{"from": p.Title}, *edit.Title
	}
	if edit.Body != nil && *edit.Body != p.Body {
		changes["body"], p.Body = wire.Object{"from": p.Body}, *edit.Body
	}
	if edit.Base != nil && *edit.Base != p.Base.Ref {
		sha, err := p.Repo.Git.Ref(ctx, "refs/heads/"+*edit.Base)
		if err != nil {
			return model.Words("Proposed base branch '" + *edit.Base + "' was not found")
		}
		changes["base"] = wire.Object{"ref": wire.Object{"from": p.Base.Ref}, "sha": wire.Object{"from": p.Base.SHA}}
		p.Base.Ref, p.Base.SHA = *edit.Base, sha
	}
	p.Updated = w.Now()
	if len(changes) > 0 {
		if err := w.emitPull(ctx, p, "edited", by, wire.Object{"changes": changes}); err != nil {
			return err
		}
	}
	if edit.Draft != nil && *edit.Draft != p.Draft {
		p.Draft = *edit.Draft
		action := map[bool]string{true: "converted_to_draft", false: "ready_for_review"}[p.Draft]
		if err := w.emitPull(ctx, p, action, by, nil); err != nil {
			return err
		}
	}
	switch {
	case edit.State == "closed" && p.Open:
		p.Open, p.Closed = false, w.Now()
		return w.emitPull(ctx, p, "closed", by, nil)
	case edit.State == "open" && !p.Open:
		if !p.Merge.At.IsZero() {
			return model.Words("state cannot be changed. The pull request is merged.")
		}
		p.Open, p.Closed = true, time.Time{}
		return w.emitPull(ctx, p, "reopened", by, nil)
	}
	return nil
}
