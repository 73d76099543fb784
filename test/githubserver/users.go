package githubserver

import (
	"github.com/plateform/plateform/test/githubserver/model"
)

func getUser(c *call) answer {
	if c.who.User == nil || c.who.Installed() != nil {
		return forbidden("Resource not accessible by integration")
	}
	return ok(c.world.ProfileJSON(c.who.User, true))
}

func getUserByLogin(c *call) answer { return c.profile(c.world.UserByLogin(c.vars["username"])) }

func getUserByID(c *call) answer {
	id, _ := c.number("account_id")
	return c.profile(c.world.Users[id])
}

func (c *call) profile(u *model.User) answer {
	if u == nil {
		return notFound()
	}
	return ok(c.world.ProfileJSON(u, false))
}
