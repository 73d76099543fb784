package githubserver

import (
	"net/http"
	"strings"

	"github.com/plateform/plateform/test/githubserver/model"
)

// endpoint is how an operation is done, and who may ask for it.
type endpoint struct {
	do func(*call) answer
	// needs are the permissions that a token with permissions has to have one of: "issues,pull_requests:write".
	needs string
	// role that a person needs in the repository.
	role model.Role
	// asApp is for an App as itself, asClient for one with its client id and secret.
	asApp, asClient bool
}

// allowed says whether whoever calls may do that, and what is answered otherwise. GitHub hides what one may not read.
func (c *call) allowed(e endpoint) (answer, bool) {
	anonymous := c.who.User == nil && c.who.App == nil
	switch {
	case e.asClient && c.who.Client == nil:
		return problem(http.StatusUnauthorized, "Requires authentication"), false
	case e.asClient && c.who.Client.ClientID != c.vars["client_id"]:
		return notFound(), false
	case e.asClient:
		return answer{}, true
	case e.asApp && c.who.App == nil:
		return problem(http.StatusUnauthorized, "A JSON web token could not be decoded"), false
	case e.asApp:
		return answer{}, true
	case c.who.App != nil:
		return forbidden("Resource not accessible by integration"), false
	case anonymous && (isWrite(c.request.Method) || c.op.Name == "GET /user"):
		if c.repo != nil && c.repo.Private {
			return notFound(), false
		}
		return problem(http.StatusUnauthorized, "Requires authentication"), false
	case c.repo == nil:
		return answer{}, true
	}
	if !c.who.Sees(c.repo) {
		return notFound(), false
	}
	if !c.who.Permitted(c.repo, e.needs) {
		a := forbidden("Resource not accessible by integration")
		if c.who.Installed() == nil {
			a = forbidden("Resource not accessible by personal access token")
		}
		a.header.Set("X-Accepted-GitHub-Permissions", strings.ReplaceAll(e.needs, ":", "="))
		return a, false
	}
	if c.who.Installed() == nil && c.repo.Role(c.who.User) < e.role {
		if e.role == model.Admin {
			return forbidden("Must have admin rights to Repository."), false
		}
		return forbidden("Must have " + e.role.String() + " access to the repository."), false
	}
	return answer{}, true
}
