package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
	"github.com/plateform/plateform/webhook"
)

// hook is a webhook as GitHub tells it.
type hook struct {
	// whose it is: the App's, or the repository's.
	whose                  string
	url, secret, content   string
	insecure, told, active bool
	// code is what the newest delivery was answered, if it was told anything: 0 when nobody answered. when says of which time.
	code int
	when string
}

// checkHook asks where GitHub tells of what happens, whether that is signed, and what became of the newest delivery. With a login that may
// not know, nothing is said to be wrong.
func (d onGitHub) checkHook(ctx context.Context, config auth.Repository) []Diagnosis {
	what := "GitHub"
	if d.settings.Webhooks.GitHub == nil {
		return nil
	}
	ask := d.hookOfRepository
	if itself, isApp := d.github.Itself(); isApp {
		ask = func(ctx context.Context, _ auth.Repository) (*hook, error) {
			return hookOfApp(ctx, d.github.Client.As(itself))
		}
	}
	h, err := ask(ctx, config)
	switch {
	case client.Denied(err):
		return []Diagnosis{ok(what, "%s: the login may not know of webhooks; \"Recent Deliveries\" in the settings of the webhook says how they are answered", config)}
	case err != nil:
		return []Diagnosis{broken(what, err, "see that this machine reaches "+d.github.Site.API.String())}
	case h == nil:
		return []Diagnosis{warn(what, fmt.Sprintf("%s has no webhook that leads to %s: what happens there is found by looking, later", config, webhook.GitHubPath),
			"add one in its settings, with the secret of webhooks.github.secretFile; or take webhooks out of serve.yaml")}
	}
	return h.judge(what)
}

// judge says what is wrong with a webhook.
func (h hook) judge(what string) []Diagnosis {
	var found []Diagnosis
	add := func(d Diagnosis) { found = append(found, d) }
	at, err := url.Parse(h.url)
	switch {
	case h.url == "" || !h.active:
		return []Diagnosis{warn(what, "the webhook of "+h.whose+" is not active: what happens is found by looking, later",
			"make it active in its settings, with the URL https://HOST"+webhook.GitHubPath+" that leads to listen in serve.yaml, and the secret of webhooks.github.secretFile")}
	case err != nil || at.Path != webhook.GitHubPath:
		add(fail(what, fmt.Sprintf("the webhook of %s leads to %s, where serve takes none", h.whose, shownURL(h.url)), "have it end in "+webhook.GitHubPath))
	}
	if h.secret == "" {
		add(fail(what, "the webhook of "+h.whose+" has no secret, so that each delivery is refused", "set the one of webhooks.github.secretFile in its settings"))
	}
	if h.content != "json" {
		add(fail(what, fmt.Sprintf("the webhook of %s sends %q, which is refused", h.whose, h.content), "set its content type to application/json"))
	}
	if h.insecure {
		add(warn(what, "the webhook of "+h.whose+" does not verify the certificate of where it leads", "turn SSL verification on in its settings"))
	}
	if wrong, fix := answered(h.code); h.told && wrong != "" {
		add(warn(what, fmt.Sprintf("the newest delivery of the webhook of %s%s was %s", h.whose, h.when, wrong), fix))
	}
	if len(found) > 0 {
		return found
	}
	if !h.told {
		return []Diagnosis{ok(what, "the webhook of %s leads to %s, with a secret; nothing was delivered yet", h.whose, shownURL(h.url))}
	}
	return []Diagnosis{ok(what, "the webhook of %s leads to %s, with a secret, and its newest delivery arrived", h.whose, shownURL(h.url))}
}

// answered says what is wrong with how a delivery was answered; empty when nothing is.
func answered(code int) (wrong, fix string) {
	if code/100 == 2 {
		return "", ""
	}
	switch code {
	case 0:
		return "not answered", "let GitHub reach listen in serve.yaml, through a proxy that speaks https, and run serve"
	case http.StatusUnauthorized:
		return "refused with 401: it was not signed", "set the secret of webhooks.github.secretFile in its settings"
	case http.StatusForbidden:
		return "refused with 403: it was signed with another secret", "set the one of webhooks.github.secretFile in its settings"
	case http.StatusNotFound:
		return "answered with 404", "have the proxy pass " + webhook.GitHubPath + " on to listen in serve.yaml"
	}
	return fmt.Sprintf("answered with %d", code), "see that serve runs, and that the proxy in front of it passes deliveries on as they are; the log says what it refuses"
}

// shownURL is a URL without what may be a secret in it.
func shownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "what is no URL"
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}

// hookOf is a webhook of somebody.
func hookOf(whose string, config *github.HookConfig, active bool) *hook {
	return &hook{whose: whose, url: config.GetURL(), secret: config.GetSecret(), content: config.GetContentType(), insecure: config.GetInsecureSSL() == "1", active: active}
}

// hookOfApp asks for the one of the App.
func hookOfApp(ctx context.Context, api *github.Client) (*hook, error) {
	config, _, err := api.Apps.GetHookConfig(ctx)
	if err != nil {
		return nil, client.Explain(err)
	}
	h := hookOf("the GitHub App", config, true)
	newest, _, err := api.Apps.ListHookDeliveries(ctx, &github.ListCursorOptions{PerPage: 1})
	if err != nil {
		return nil, client.Explain(err)
	}
	if len(newest) > 0 {
		h.told, h.code, h.when = true, newest[0].GetStatusCode(), newest[0].GetDeliveredAt().Format(", of 2006-01-02 15:04 UTC,")
	}
	return h, nil
}

// hookOfRepository asks for the one of a repository that leads here; nil when there is none.
func (d onGitHub) hookOfRepository(ctx context.Context, r auth.Repository) (*hook, error) {
	api := d.github.Client.As(auth.LoginTo(d.github.Tokens, r, auth.ReadMetadata()))
	hooks, _, err := api.Repositories.ListHooks(ctx, r.Owner, r.Name, &github.ListOptions{PerPage: 100})
	if err != nil {
		return nil, client.Explain(err)
	}
	for _, there := range hooks {
		if !strings.Contains(there.Config.GetURL(), webhook.GitHubPath) {
			continue
		}
		h := hookOf(r.String(), there.Config, there.GetActive())
		code, isNumber := there.LastResponse["code"].(float64)
		if status, _ := there.LastResponse["status"].(string); status != "" && status != "unused" {
			h.told = true
		}
		if isNumber {
			h.code = int(code)
		}
		return h, nil
	}
	return nil, nil
}
