package reviews

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// setStatus has the newest commit status of a check's name read like it. It has room for a title only.
func (r *Reviews) setStatus(ctx context.Context, c reconciler.Check) error {
	full := sum("full", c.Name, c.Commit)
	if r.refused.Contains(full) {
		return nil
	}
	api := r.as(auth.WriteStatuses())
	want := &github.RepoStatus{
		State: github.String(string(c.State)), Context: &c.Name, Description: github.String(client.Description(c.Title)), TargetURL: optional(address(c.URL)),
	}
	var newest *github.RepoStatus
	options := &github.ListOptions{}
	err := pages(options, func() (*github.Response, error) {
		page, res, err := api.Repositories.ListStatuses(ctx, r.Config.Owner, r.Config.Name, c.Commit, options)
		for _, s := range page {
			if newest == nil && s.GetContext() == c.Name {
				newest = s
			}
		}
		if newest != nil && res != nil {
			res.NextPage = 0 // they come newest first
		}
		return res, err
	})
	if err != nil && !errors.Is(err, errTooMany) {
		return err
	}
	if newest != nil && !c.Again && newest.GetState() == want.GetState() && newest.GetDescription() == want.GetDescription() && newest.GetTargetURL() == want.GetTargetURL() {
		return nil
	}
	_, _, err = api.Repositories.CreateStatus(ctx, r.Config.Owner, r.Config.Name, c.Commit, want)
	err = client.Explain(err)
	if client.Answered(err, http.StatusUnprocessableEntity) && strings.Contains(strings.ToLower(err.Error()), "maximum number of statuses") {
		r.refused.Add(full, true)
		r.Log.Warn("GitHub takes no more statuses on a commit; its newest one stays", "check", c.Name, "commit", manifest.Short(c.Commit), "error", err.Error())
		return nil
	}
	return err
}
