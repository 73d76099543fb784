package installation

import (
	"net/http"

	"context"
	"fmt"
	"strings"
	"time"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/signin"
	"github.com/plateform/plateform/reconciler/oidc"
)

// identities checks who is to tell who people are.
func (c *settingsCheck) identities(s APISettings) {
	if in := s.GitHub; in != nil {
		if in.ClientID == "" || strings.ContainsAny(in.ClientID, " \t\r\n/") {
			c.add("api.github.clientId", fmt.Sprintf("api.github.clientId %q is no client id of a GitHub App", in.ClientID), "copy the Client ID from the settings of the App on GitHub")
		}
		if in.ClientSecretFile == "" {
			c.add("api.github", "api.github has no clientSecretFile", "make a client secret in the settings of the App on GitHub, and name a file with it")
		}
	}
	issuer := s.OIDC
	if issuer == nil {
		return
	}
	switch err := oidc.CheckIssuer(issuer.Issuer); {
	case issuer.Issuer == "":
		c.add("api.oidc", "api.oidc has no issuer", "write what tokens have as iss, as https://login.example.com/realms/acme")
	case err != nil:
		shown := issuer.Issuer
		if strings.Contains(shown, "@") {
			shown = "***"
		}
		c.add("api.oidc.issuer", fmt.Sprintf("api.oidc.issuer %q is no address of an issuer: %v", shown, err), "write what tokens have as iss, as https://login.example.com/realms/acme")
	}
	if issuer.Audience == "" {
		c.add("api.oidc", "api.oidc has no audience", "name what only tokens for Plateform have as aud, and have the issuer add it to them; without one, tokens for any other program would be good here")
	}
}

// SignIn asks GitHub whom the tokens of an App belong to, within the budget of all other calls; nil when no App is named for that.
func (s *Settings) SignIn(g *GitHub, now func() time.Time) (*signin.SignIn, error) {
	in := s.API.GitHub
	if in == nil {
		return nil, nil
	}
	if g == nil {
		var err error
		if g, err = s.GitHub.reach(now, http.DefaultTransport); err != nil {
			return nil, err
		}
	}
	if _, err := ReadSecret(in.ClientSecretFile); err != nil {
		return nil, exit.Usage("api.github.clientSecretFile: %w", err)
	}
	return signin.New(signin.Options{Client: g.Client, ClientID: in.ClientID, SecretFile: in.ClientSecretFile, Now: now})
}

// Issuer verifies the tokens of an OpenID Connect issuer; nil when none is named.
func (s *Settings) Issuer(now func() time.Time) (*oidc.Verifier, error) {
	o := s.API.OIDC
	if o == nil {
		return nil, nil
	}
	authorities, err := authoritiesIn(o.CAFile)
	if err != nil {
		return nil, exit.Usage("api.oidc.caFile: %w", err)
	}
	v, err := oidc.New(oidc.Options{Issuer: o.Issuer, Audience: o.Audience, Claim: o.Claim, Authorities: authorities, Now: now})
	if err != nil {
		return nil, exit.Usage("api.oidc: %w", err)
	}
	return v, nil
}

// Identities tells who people are by all that may tell it, asking nobody yet; nil when serve.yaml names nobody.
func (s *Settings) Identities(g *GitHub, now func() time.Time) (reconciler.Identities, error) {
	hub, err := s.SignIn(g, now)
	if err != nil {
		return nil, err
	}
	issuer, err := s.Issuer(now)
	if err != nil {
		return nil, err
	}
	var all identities
	if hub != nil {
		all.github = hub
	}
	if issuer != nil {
		all.issuer = issuer
	}
	if all == (identities{}) {
		return nil, nil
	}
	return all, nil
}

// Identities tells who somebody is by a token; nil when serve.yaml names nobody who could tell.
func (i *Installation) Identities() reconciler.Identities { return i.identities }

// identities asks whom a token looks like; either is nil where its tokens are not taken.
type identities struct {
	github, issuer reconciler.Identities
}

// Identify implements reconciler.Identities.
func (all identities) Identify(ctx context.Context, token string) (reconciler.Identity, error) {
	asked, kind := all.issuer, "of an issuer"
	switch {
	case ofGitHub(token):
		asked, kind = all.github, "of GitHub"
	case strings.Count(token, ".") != 2:
		return reconciler.Identity{}, fmt.Errorf("%w: it is neither a token of GitHub nor a JSON Web Token", reconciler.ErrNoIdentity)
	}
	if asked == nil {
		return reconciler.Identity{}, fmt.Errorf("%w: tokens %s are not taken here", reconciler.ErrNoIdentity, kind)
	}
	return asked.Identify(ctx, token)
}

// ofGitHub says that a token begins as those of GitHub do: gh, a letter for its kind, and _, or github_pat_.
func ofGitHub(token string) bool {
	rest, ok := strings.CutPrefix(token, "gh")
	return ok && len(rest) > 1 && rest[1] == '_' || strings.HasPrefix(token, "github_pat_")
}
