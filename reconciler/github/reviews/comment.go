package reviews

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// comment is one of an issue. go-github does not know the App.
type comment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User struct {
		ID   int64  `json:"id"`
		Type string `json:"type"`
	} `json:"user"`
	App *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

// Comment implements reconciler.Reviews. Of several comments with the marker, which processes write that do not know of each other,
// the oldest stays.
func (r *Reviews) Comment(ctx context.Context, number int, c reconciler.Comment) error {
	done, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	if c.Waits {
		ctx = client.WithPriority(ctx, client.Progress)
	}
	doing := fmt.Sprintf("commenting on pull request %d", number)
	if !hasLine(c.Text, c.Marker) || !hasLine(c.Text, c.Same) {
		return fmt.Errorf("%s: %w", doing, errors.New("the text does not hold its marker"))
	}
	if c.Text = fit(c.Text, maxBody); !hasLine(c.Text, c.Same) { // it was cut off
		c.Text = fit(c.Text, maxBody-length(c.Same)-1) + "\n" + c.Same
	}
	err = client.Explain(r.comment(ctx, commentKey{number, c.Marker}, c))
	if client.Answered(err, http.StatusForbidden) && strings.Contains(strings.ToLower(err.Error()), "locked") {
		return fmt.Errorf("%s in %s: %w (unlock its conversation)", doing, r.Config, err)
	}
	return r.explain(doing, "comment on pull requests", err)
}

func (r *Reviews) comment(ctx context.Context, key commentKey, c reconciler.Comment) error {
	api := r.as(auth.WritePulls())
	shown, err := r.shown(ctx, api, key)
	if err != nil {
		return err
	}
	if shown != nil {
		err := r.edit(ctx, api, *shown, c)
		if !client.Answered(client.Explain(err), http.StatusNotFound) {
			return err
		}
		// Somebody has deleted it meanwhile.
		if shown, err = r.shown(ctx, api, key); err != nil {
			return err
		}
		if shown != nil {
			return r.edit(ctx, api, *shown, c)
		}
	}
	made, _, err := api.Issues.CreateComment(ctx, r.Config.Owner, r.Config.Name, key.number, &github.IssueComment{Body: &c.Text})
	if err != nil {
		return err
	}
	r.comments.Add(key, made.GetID())
	// Another process may have written one at the same time: both look, and agree on the oldest.
	if shown, err = r.shown(ctx, api, key); err != nil || shown == nil {
		return err
	}
	return r.edit(ctx, api, *shown, c)
}

// shown is the comment with a marker; nil when there is none. Others of it are deleted.
func (r *Reviews) shown(ctx context.Context, api *github.Client, key commentKey) (*comment, error) {
	all, err := r.withMarker(ctx, api, key)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return r.unlisted(ctx, api, key)
	}
	for _, other := range all[1:] {
		_, err := api.Issues.DeleteComment(ctx, r.Config.Owner, r.Config.Name, other.ID)
		if err != nil && !client.Answered(client.Explain(err), http.StatusNotFound) {
			return nil, err
		}
	}
	r.comments.Add(key, all[0].ID)
	return &all[0], nil
}

// Commented implements reconciler.Remarks.
func (r *Reviews) Commented(ctx context.Context, number int, marker string) (bool, error) {
	all, err := r.withMarker(ctx, r.as(auth.ReadPulls()), commentKey{number, marker})
	return len(all) > 0, r.explain(fmt.Sprintf("listing the comments on pull request %d", number), "read pull requests", err)
}

// unlisted is the comment that was written, where GitHub's list does not have it yet.
func (r *Reviews) unlisted(ctx context.Context, api *github.Client, key commentKey) (*comment, error) {
	id, known := r.comments.Get(key)
	if !known {
		return nil, nil
	}
	var c comment
	_, err := r.get(ctx, api, fmt.Sprintf("issues/comments/%d", id), &c)
	if client.Answered(client.Explain(err), http.StatusNotFound) {
		r.comments.Remove(key)
		return nil, nil
	}
	return &c, err
}

// withMarker lists the comments with a marker that Plateform wrote, oldest first. Who pastes it writes no such comment.
func (r *Reviews) withMarker(ctx context.Context, api *github.Client, key commentKey) ([]comment, error) {
	wrote, err := r.author(ctx, api)
	if err != nil {
		return nil, err
	}
	var all []comment
	options := &github.ListOptions{}
	err = pages(options, func() (*github.Response, error) {
		var page []comment
		res, err := r.get(ctx, api, fmt.Sprintf("issues/%d/comments?per_page=%d&page=%d", key.number, options.PerPage, max(options.Page, 1)), &page)
		for _, c := range page {
			if wrote(c) && hasLine(c.Body, key.marker) {
				all = append(all, c)
			}
		}
		return res, err
	})
	slices.SortFunc(all, func(a, b comment) int { return int(a.ID - b.ID) })
	return all, err
}

// author says of comments whether Plateform wrote them: what a person says through the App is theirs.
func (r *Reviews) author(ctx context.Context, api *github.Client) (func(comment) bool, error) {
	if r.App != 0 {
		return func(c comment) bool { return c.App != nil && c.App.ID == r.App && c.User.Type == "Bot" }, nil
	}
	user, _, err := api.Users.Get(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("asking whose token it is: %w", client.Explain(err))
	}
	return func(c comment) bool { return c.User.ID == user.GetID() }, nil
}

// get reads something of the repository.
func (r *Reviews) get(ctx context.Context, api *github.Client, path string, into any) (*github.Response, error) {
	req, err := api.NewRequest(http.MethodGet, fmt.Sprintf("repos/%s/%s/%s", r.Config.Owner, r.Config.Name, path), nil)
	if err != nil {
		return nil, err
	}
	return api.Do(ctx, req, into)
}

// edit has a comment say something, unless it says that already.
func (r *Reviews) edit(ctx context.Context, api *github.Client, there comment, c reconciler.Comment) error {
	if hasLine(there.Body, c.Same) {
		return nil
	}
	_, _, err := api.Issues.EditComment(ctx, r.Config.Owner, r.Config.Name, there.ID, &github.IssueComment{Body: &c.Text})
	return err
}

// hasLine says that a text has a line: GitHub may keep line ends its own way.
func hasLine(text, line string) bool {
	for l := range strings.Lines(text) {
		if strings.TrimRight(l, "\r\n") == line {
			return line != ""
		}
	}
	return false
}
