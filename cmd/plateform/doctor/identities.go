package doctor

import (
	"context"
	"errors"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/signin"
	"github.com/plateform/plateform/reconciler/oidc"
)

// ofPeople is an examination of those who tell who somebody is.
type ofPeople struct{ *examination }

// checkSignIn asks GitHub about a token that nobody has, which it refuses in another way than a wrong client secret.
func (d ofPeople) checkSignIn(ctx context.Context) []Diagnosis {
	const what = "sign-in"
	asks, err := d.settings.SignIn(d.github, d.now)
	if err != nil {
		return []Diagnosis{broken(what, err, "put the file there, readable for the user that runs serve")}
	}
	if asks == nil {
		return nil
	}
	var wrong *signin.ClientRefusedError
	switch err := asks.Probe(ctx); {
	case err == nil:
		return []Diagnosis{ok(what, "GitHub takes the client id %s with its client secret", d.settings.API.GitHub.ClientID)}
	case errors.As(err, &wrong):
		return []Diagnosis{fail(what, wrong.Error(), wrong.Fix())}
	case reconciler.RetryAfter(err) > 0:
		return []Diagnosis{broken(what, err, "run plateform doctor again then")}
	default:
		return []Diagnosis{broken(what, err, "check api.github and github.baseURL in serve.yaml, and that this machine reaches that GitHub")}
	}
}

// checkIssuer asks the OpenID Connect issuer who it is and which keys it has.
func (d ofPeople) checkIssuer(ctx context.Context) []Diagnosis {
	const what = "issuer"
	verifier, err := d.settings.Issuer(d.now)
	if err != nil {
		return []Diagnosis{broken(what, err, "check api.oidc in serve.yaml")}
	}
	if verifier == nil {
		return nil
	}
	keys, err := verifier.Probe(ctx)
	var unreachable *oidc.UnreachableError
	switch {
	case errors.As(err, &unreachable):
		return []Diagnosis{fail(what, unreachable.What, unreachable.Fix)}
	case err != nil:
		return []Diagnosis{broken(what, err, "check api.oidc in serve.yaml")}
	}
	o := d.settings.API.OIDC
	return []Diagnosis{ok(what, "%s tells %s for signatures; whether tokens for %s have the claim %s shows with the first one", o.Issuer, terminal.Count(keys, "key"), o.Audience, o.Claim)}
}
