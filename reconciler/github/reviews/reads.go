package reviews

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// login is what GitHub allows in the login of a person, or of an App's bot.
var login = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\[bot\])?$`)

// Reads implements reconciler.Reviews.
func (r *Reviews) Reads(ctx context.Context, who reconciler.Person, repository string) (bool, int64, error) {
	at, ok := r.Site.Repository(repository)
	if !ok {
		return false, 0, nil
	}
	doing := fmt.Sprintf("asking whether %s may read %s", who.Login, at)
	api, there, err := r.look(ctx, at)
	if err != nil {
		return false, 0, fmt.Errorf("%s: %w", doing, err)
	}
	switch {
	case there == nil:
		return false, 0, nil
	case !there.GetPrivate():
		return true, there.GetID(), nil
	case who.ID == 0 || !login.MatchString(who.Login):
		return false, there.GetID(), nil
	}
	level, _, err := api.Repositories.GetPermissionLevel(ctx, at.Owner, at.Name, who.Login)
	err = client.Explain(err)
	switch {
	case nobodyCanSay(err):
		return false, there.GetID(), nil
	case err != nil:
		return false, 0, fmt.Errorf("%s: %w", doing, err)
	}
	reads := level.GetUser().GetID() == who.ID && level.GetPermission() != "none" && level.GetPermission() != ""
	return reads, there.GetID(), nil
}

// look finds a repository, and the API with which it is seen; nil when it is not seen. What everybody may read an App sees where it
// is not installed, too.
func (r *Reviews) look(ctx context.Context, at auth.Repository) (*github.Client, *github.Repository, error) {
	for _, from := range []auth.Repository{at, r.Config} {
		api := r.Client.As(auth.LoginTo(r.Tokens, from, auth.ReadMetadata()))
		there, _, err := api.Repositories.Get(ctx, at.Owner, at.Name)
		if err = client.Explain(err); err == nil {
			return api, there, nil
		}
		if !nobodyCanSay(err) {
			return nil, nil, err
		}
	}
	return nil, nil, nil
}

// nobodyCanSay says of an error that asking again does not help.
func nobodyCanSay(err error) bool {
	var unreachable *auth.NotReachableError
	return errors.As(err, &unreachable) || client.Denied(err) || client.Answered(err, http.StatusUnprocessableEntity)
}
