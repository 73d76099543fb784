package githubserver

import (
	"net/http"

	"github.com/plateform/plateform/test/githubserver/wire"
)

// checkToken tells an App whom a user's token belongs to that was issued to it; any other is none that it may know of.
func checkToken(c *call) answer {
	var asked struct {
		Token string `json:"access_token"`
	}
	if err := c.decode(&asked); err != nil {
		return problem(http.StatusBadRequest, "Problems parsing JSON")
	}
	if asked.Token == "" {
		return unprocessable("Validation Failed")
	}
	t := c.world.Valid(asked.Token)
	if t == nil || t.Issued == nil || t.Issued != c.who.Client {
		return notFound()
	}
	return ok(c.world.AuthorizationJSON(wire.Authorization{Token: t, Text: asked.Token}))
}
