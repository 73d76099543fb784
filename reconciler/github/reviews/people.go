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

// pusher is who pushed the head of a pull request; nobody when GitHub does not say. Into a fork of one's own one pushes oneself, or
// those push whom one lets.
func (r *Reviews) pusher(ctx context.Context, p *github.PullRequest) (reconciler.Person, error) {
	head := p.GetHead()
	if head.GetRepo().GetID() != p.GetBase().GetRepo().GetID() {
		if owner := head.GetRepo().GetOwner(); owner.GetType() == "User" && owner.GetID() == p.GetUser().GetID() {
			return personOf(owner), nil
		}
		return reconciler.Person{}, nil
	}
	var moves []activity
	_, err := r.get(ctx, r.as(auth.ReadContents()), "activity?per_page=30&ref="+url.QueryEscape("refs/heads/"+head.GetRef()), &moves)
	if err = client.Explain(err); isRefusal(err, http.StatusNotFound) || isRefusal(err, http.StatusForbidden) || isRefusal(err, http.StatusUnprocessableEntity) {
		return reconciler.Person{}, nil // an older GitHub does not keep this
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

// Remark implements reconciler.Remarks.
func (r *Reviews) Remark(ctx context.Context, id int64) (*reconciler.Remark, error) {
	comment, _, err := r.as(auth.ReadPulls()).Issues.GetComment(ctx, r.Config.Owner, r.Config.Name, id)
	if err = client.Explain(err); isRefusal(err, http.StatusNotFound) || isRefusal(err, http.StatusGone) {
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
