package doctor

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// protection is what has to be known of a branch that is protected in the way that came before rulesets.
type protection struct {
	Admins     struct{ Enabled bool } `json:"enforce_admins"`
	Signatures struct{ Enabled bool } `json:"required_signatures"`
	Lock       struct{ Enabled bool } `json:"lock_branch"`
	Checks     *struct{ Strict bool } `json:"required_status_checks"`
	Reviews    *struct {
		Bypass actors `json:"bypass_pull_request_allowances"`
	} `json:"required_pull_request_reviews"`
	Only *actors `json:"restrictions"`
}

// actors are those whom a protection makes an exception for.
type actors struct {
	Users []struct{ Login string }
	Apps  []struct{ Slug string }
}

// me is who Plateform is on GitHub: an App, or a user who may be an admin of the repository.
type me struct {
	slug, login string
	admin       bool
}

// has says that an exception is made for somebody. A team's members are not asked for.
func (a actors) has(who me) bool {
	if who.slug != "" {
		return slices.ContainsFunc(a.Apps, func(app struct{ Slug string }) bool { return app.Slug == who.slug })
	}
	return slices.ContainsFunc(a.Users, func(u struct{ Login string }) bool { return strings.EqualFold(u.Login, who.login) })
}

// checkProtection asks whether a branch is protected in the way that came before rulesets, and whether that lets Plateform push.
func (d onGitHub) checkProtection(ctx context.Context, r auth.Repository, branch string) []Diagnosis {
	what := "GitHub"
	api := d.github.Client.As(auth.LoginTo(d.github.Tokens, r, auth.ReadContents()))
	path := fmt.Sprintf("repos/%s/%s/branches/%s", r.Owner, r.Name, url.PathEscape(branch))
	var there struct{ Protection struct{ Enabled bool } }
	err := askFor(ctx, api, path, &there)
	if client.Denied(err) || err == nil && !there.Protection.Enabled { // there is no such branch yet, or nothing protects it
		return nil
	}
	if err != nil {
		return []Diagnosis{broken(what, err, "see that this machine reaches "+d.github.Site.API.String())}
	}
	const instead = "take the branch protection away, and take a ruleset in its place that the GitHub App bypasses, as in examples/github-app/ruleset.json"
	var p protection
	if err := askFor(ctx, d.github.Client.As(auth.LoginTo(d.github.Tokens, r, auth.ReadAdministration())), path+"/protection", &p); err != nil {
		return []Diagnosis{warn(what, fmt.Sprintf("%s: %s has a branch protection, which this login may not read: it may refuse Plateform's pushes", r, branch), instead)}
	}
	who, err := d.whoAmI(ctx, r, api)
	if err != nil {
		return []Diagnosis{broken(what, err, "see that this machine reaches "+d.github.Site.API.String())}
	}
	var found []Diagnosis
	if refused := p.refuses(who); len(refused) > 0 {
		found = append(found, fail(what, fmt.Sprintf("%s: the branch protection of %s wants %s, and lets Plateform not pass it by", r, branch, strings.Join(refused, ", ")), instead))
	}
	if p.Checks != nil && p.Checks.Strict {
		found = append(found, warn(what, fmt.Sprintf("%s: pull requests have to be up to date with %s before they are merged, which every release undoes", r, branch),
			"turn that off in the branch protection: Plateform plans what the merge makes"))
	}
	if len(found) == 0 {
		found = append(found, ok(what, "%s: the branch protection of %s lets Plateform push", r, branch))
	}
	return found
}

// refuses says what of a protection a push of somebody does not keep.
func (p protection) refuses(who me) (why []string) {
	if who.admin && !p.Admins.Enabled {
		return nil
	}
	for _, rule := range []struct {
		wants  string
		broken bool
	}{
		{"signed commits", p.Signatures.Enabled},
		{"status checks on what is pushed", p.Checks != nil},
		{"a pull request", p.Reviews != nil && !p.Reviews.Bypass.has(who)},
		{"pushes of certain people only", p.Only != nil && !p.Only.has(who)},
		{"no pushes at all", p.Lock.Enabled},
	} {
		if rule.broken {
			why = append(why, rule.wants)
		}
	}
	return why
}

// whoAmI asks who Plateform is in a repository.
func (d onGitHub) whoAmI(ctx context.Context, r auth.Repository, api *github.Client) (who me, err error) {
	if itself, isApp := d.github.Itself(); isApp {
		app, _, err := d.github.Client.As(itself).Apps.Get(ctx, "")
		return me{slug: app.GetSlug()}, client.Explain(err)
	}
	user, _, err := api.Users.Get(ctx, "")
	if err != nil {
		return who, client.Explain(err)
	}
	there, _, err := api.Repositories.Get(ctx, r.Owner, r.Name)
	return me{login: user.GetLogin(), admin: there.GetPermissions()["admin"]}, client.Explain(err)
}
