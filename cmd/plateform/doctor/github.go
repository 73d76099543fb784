package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// checkGitHub asks whether the login at GitHub may do what it is for in the two repositories, as far as they are there.
func (d *examination) checkGitHub(ctx context.Context) []Diagnosis {
	if d.github == nil {
		return nil
	}
	var found []Diagnosis
	for _, remote := range []installation.RemoteSettings{d.settings.Config, d.settings.GitOps} {
		r, ok := d.github.Site.Repository(remote.URL)
		if !ok {
			continue
		}
		may := d.askGitHub(ctx, r, remote.URL == d.settings.Config.URL)
		if found = append(found, may); may.Status == Fine {
			found = append(found, d.checkRules(ctx, r, remote.Branch)...)
		}
	}
	return found
}

// askGitHub asks about one repository, where statuses are written, too, if it is that of config.
func (d *examination) askGitHub(ctx context.Context, r auth.Repository, config bool) Diagnosis {
	what := "GitHub"
	needs, may := auth.GitOpsRepository(), "contents can be written"
	if config {
		needs, may = auth.ConfigRepository(), "contents, commit statuses, checks, pull requests and deployments can be written"
	}
	if d.settings.GitHub.App.ID != 0 {
		_, err := d.github.Tokens.Token(ctx, r, needs)
		var unreachable *auth.NotReachableError
		if errors.As(err, &unreachable) {
			return fail(what, fmt.Sprintf("%s: %s", r, unreachable.What), unreachable.Fix)
		}
		if err != nil {
			return broken(what, err, "check github.app in serve.yaml, and that this machine reaches "+d.github.Site.API.String())
		}
		return ok(what, "%s: %s, by the GitHub App %d", r, may, d.settings.GitHub.App.ID)
	}
	api := d.github.Client.As(auth.LoginTo(d.github.Tokens, r, needs))
	there, _, err := api.Repositories.Get(ctx, r.Owner, r.Name)
	if err = client.Explain(err); client.Denied(err) {
		return fail(what, fmt.Sprintf("%s: %v", r, err), "give the token of github.tokenFile access to it")
	}
	if err != nil {
		return broken(what, err, "check github.tokenFile in serve.yaml, and that this machine reaches "+d.github.Site.API.String())
	}
	if !there.GetPermissions()["push"] {
		return fail(what, fmt.Sprintf("%s: the owner of the token may not write there", r), "give that account the role Write")
	}
	return ok(what, "%s: the owner of the token may write there; the token needs Contents%s, which GitHub does not tell of one",
		r, map[bool]string{true: ", Commit statuses, Pull requests and Deployments"}[config])
}
