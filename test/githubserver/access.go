package githubserver

import (
	"net/http"
	"strings"
)

// endpoint is how an operation is done, and who may ask for it.
type endpoint struct {
	do func(*call) answer
	// needs are the permissions that a token with permissions has to have one of: "issues,pull_requests:write".
	needs string
	// role that a person needs in the repository.
	role Role
	// asApp is for an App as itself.
	asApp bool
}

// allowed says whether whoever calls may do that, and what is answered otherwise. GitHub hides what one may not read.
func (c *call) allowed(e endpoint) (answer, bool) {
	anonymous := c.who.user == nil && c.who.app == nil
	switch {
	case e.asApp && c.who.app == nil:
		return problem(http.StatusUnauthorized, "A JSON web token could not be decoded"), false
	case e.asApp:
		return answer{}, true
	case c.who.app != nil:
		return forbidden("Resource not accessible by integration"), false
	case anonymous && (isWrite(c.request.Method) || c.op.Name == "GET /user"):
		if c.repo != nil && c.repo.private {
			return notFound(), false
		}
		return problem(http.StatusUnauthorized, "Requires authentication"), false
	case c.repo == nil:
		return answer{}, true
	}
	if !c.who.sees(c.repo) {
		return notFound(), false
	}
	if !c.who.permitted(c.repo, e.needs) {
		a := forbidden("Resource not accessible by integration")
		if c.who.installed() == nil {
			a = forbidden("Resource not accessible by personal access token")
		}
		a.header.Set("X-Accepted-GitHub-Permissions", strings.ReplaceAll(e.needs, ":", "="))
		return a, false
	}
	if c.who.installed() == nil && c.repo.role(c.who.user) < e.role {
		if e.role == Admin {
			return forbidden("Must have admin rights to Repository."), false
		}
		return forbidden("Must have " + e.role.String() + " access to the repository."), false
	}
	return answer{}, true
}

// covers says that a token is for a repository, apart from what everybody may read.
func (p principal) covers(r *repository) bool {
	if i := p.installed(); i != nil {
		return i.covers(r) && (p.token.repositories == nil || p.token.repositories[r.id])
	}
	return p.user != nil && (p.token == nil || p.token.repositories == nil || p.token.repositories[r.id])
}

// sees says that somebody may know of a repository.
func (p principal) sees(r *repository) bool {
	if !r.private {
		return true
	}
	return p.covers(r) && (p.installed() != nil || r.role(p.user) >= Read)
}

// permitted says that a token has one of the permissions. What is public can be read without.
func (p principal) permitted(r *repository, needs string) bool {
	names, level, _ := strings.Cut(needs, ":")
	if needs == "" || p.token == nil || p.token.permissions == nil && p.covers(r) {
		return true
	}
	if !p.covers(r) {
		return !r.private && level == "read"
	}
	for name := range strings.SplitSeq(names, ",") {
		has := p.token.permissions[name]
		if has == "admin" || has == "write" || has == level {
			return true
		}
	}
	return names == "metadata" && level == "read" || !r.private && level == "read" && names != "administration"
}
