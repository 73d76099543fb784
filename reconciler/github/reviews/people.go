package reviews

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

func personOf(u *github.User) reconciler.Person {
	return reconciler.Person{ID: u.GetID(), Login: u.GetLogin()}
}

// activity is a move of a branch.
type activity struct {
	After string       `json:"after"`
	Actor *github.User `json:"actor"`
}

// pusher is who pushed the head of a pull request, also in a fork; nobody when GitHub does not say. For a private fork of his own,
// which Plateform does not see, its author answers: he says who may push there.
func (r *Reviews) pusher(ctx context.Context, p *github.PullRequest) (reconciler.Person, error) {
	head := p.GetHead()
	repository := head.GetRepo()
	if repository == nil { // the fork is gone
		return reconciler.Person{}, nil
	}
	api := r.as(auth.ReadContents())
	path := fmt.Sprintf("repos/%s/%s/activity?per_page=30&ref=%s", repository.GetOwner().GetLogin(), repository.GetName(), url.QueryEscape("refs/heads/"+head.GetRef()))
	request, err := api.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return reconciler.Person{}, fmt.Errorf("asking who pushed: %w", err)
	}
	var moves []activity
	_, err = api.Do(ctx, request, &moves)
	if err = client.Explain(err); client.Answered(err, http.StatusNotFound, http.StatusForbidden, http.StatusUnprocessableEntity) {
		return ownerOfFork(p), nil // it is private, or GitHub is an older one, which does not keep this
	}
	if err != nil {
		return reconciler.Person{}, err
	}
	for _, move := range moves { // the newest first
		if move.After == head.GetSHA() && move.Actor != nil {
			return personOf(move.Actor), nil
		}
	}
	return reconciler.Person{}, nil
}

// ownerOfFork is the author of a pull request when the fork that it comes from is theirs; nobody otherwise.
func ownerOfFork(p *github.PullRequest) reconciler.Person {
	repository := p.GetHead().GetRepo()
	owner := repository.GetOwner()
	if repository.GetID() == p.GetBase().GetRepo().GetID() || owner.GetType() != "User" || owner.GetID() != p.GetUser().GetID() {
		return reconciler.Person{}
	}
	return personOf(owner)
}

// Remark implements reconciler.Remarks.
func (r *Reviews) Remark(ctx context.Context, id int64) (*reconciler.Remark, error) {
	comment, _, err := r.as(auth.ReadPulls()).Issues.GetComment(ctx, r.Config.Owner, r.Config.Name, id)
	if err = client.Explain(err); client.Answered(err, http.StatusNotFound, http.StatusGone) {
		return nil, nil
	}
	if err != nil {
		return nil, r.explain(fmt.Sprintf("reading comment %d", id), "read pull requests", err)
	}
	remark := remarkOf(comment)
	return &remark, nil
}

// Remarks implements reconciler.Remarks.
func (r *Reviews) Remarks(ctx context.Context, since time.Time) ([]reconciler.Remark, error) {
	api := r.as(auth.ReadPulls())
	options := &github.IssueListCommentsOptions{Sort: github.String("updated"), Direction: github.String("asc"), Since: &since}
	var remarks []reconciler.Remark
	err := pages(&options.ListOptions, func() (*github.Response, error) {
		page, res, err := api.Issues.ListComments(ctx, r.Config.Owner, r.Config.Name, 0, options)
		for _, comment := range page {
			remarks = append(remarks, remarkOf(comment))
		}
		return res, err
	})
	if err != nil {
		return nil, r.explain("listing comments", "read pull requests", err)
	}
	return remarks, nil
}

func remarkOf(c *github.IssueComment) reconciler.Remark {
	number, _ := strconv.Atoi(path.Base(c.GetIssueURL())) // of what is no number there is no proposal
	return reconciler.Remark{
		ID: c.GetID(), Proposal: number, Author: personOf(c.GetUser()), Text: c.GetBody(), At: c.GetCreatedAt().Time,
		Edited: !c.GetUpdatedAt().Equal(c.GetCreatedAt()),
	}
}
