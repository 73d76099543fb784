package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// onGitHub is an examination of what is on GitHub.
type onGitHub struct{ *examination }

// checkGitHub asks whether the login at GitHub may do what it is for in the two repositories, as far as they are there.
func (d *examination) checkGitHub(ctx context.Context) []Diagnosis {
	if d.github == nil {
		return nil
	}
	g := onGitHub{d}
	var found []Diagnosis
	for _, remote := range []installation.RemoteSettings{d.settings.Config, d.settings.GitOps} {
		r, ok := d.github.Site.Repository(remote.URL)
		if !ok {
			continue
		}
		may := g.ask(ctx, r, remote.URL == d.settings.Config.URL)
		if found = append(found, may); may.Status == Fine {
			found = append(found, g.checkRules(ctx, r, remote.Branch)...)
			found = append(found, g.checkProtection(ctx, r, remote.Branch)...)
		}
	}
	found = append(found, g.checkEvents(ctx)...)
	if config, ok := d.github.Site.Repository(d.settings.Config.URL); ok {
		found = append(found, g.checkHook(ctx, config)...)
	}
	return found
}

// checkEvents asks which events the App is told of, where webhooks are taken.
func (d onGitHub) checkEvents(ctx context.Context) []Diagnosis {
	what := "GitHub"
	itself, isApp := d.github.Itself()
	if !isApp || d.settings.Webhooks.GitHub == nil {
		return nil
	}
	app, _, err := d.github.Client.As(itself).Apps.Get(ctx, "")
	if err = client.Explain(err); err != nil {
		return []Diagnosis{broken(what, err, "check github.app in serve.yaml, and that this machine reaches "+d.github.Site.API.String())}
	}
	var missing []string
	for _, event := range auth.Events() {
		if !slices.Contains(app.Events, event) {
			missing = append(missing, event)
		}
	}
	if len(missing) > 0 {
		return []Diagnosis{warn(what, "the GitHub App is not told of "+strings.Join(missing, ", ")+": what happens there is found by looking, later",
			"subscribe it to these events in its settings")}
	}
	return []Diagnosis{ok(what, "the GitHub App is told of all that matters")}
}

// ask asks about one repository, where statuses are written, too, if it is that of config.
func (d onGitHub) ask(ctx context.Context, r auth.Repository, config bool) Diagnosis {
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
