package auth

import (
	"context"
	"errors"

	"github.com/plateform/plateform/reconciler/github/client"
)

// gitUser is the name that goes with a token over HTTPS.
const gitUser = "x-access-token"

// Git logs in at the repositories of one GitHub over HTTPS, with the tokens that the API is called with.
type Git struct {
	Site   Site
	Tokens Tokens
	// Needs is what a token has to allow.
	Needs Permissions
	// Public says that repositories for which there is no token are asked as anybody may.
	Public bool
}

// Login is what to log in with at a URL; empty where nobody has to be told a token. It is asked for each operation.
func (g Git) Login(ctx context.Context, url string) (username, password string, err error) {
	r, ok := g.Site.Repository(url)
	if !ok || !g.Site.MayLogin(url) {
		return "", "", nil
	}
	token, err := g.Tokens.Token(ctx, r, g.Needs)
	var unreachable *NotReachableError
	if g.Public && errors.As(err, &unreachable) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	return gitUser, string(token), nil
}

// Rejected notes that a repository did not take a password that Login gave out.
func (g Git) Rejected(url, password string) {
	if r, ok := g.Site.Repository(url); ok {
		g.Tokens.Rejected(r, g.Needs, client.Secret(password))
	}
}
