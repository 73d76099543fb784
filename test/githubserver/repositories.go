package githubserver

import (
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

func getRepo(c *call) answer {
	o := c.world.RepoJSON(c.repo)
	if c.who.User != nil {
		role := c.repo.Role(c.who.User)
		o["permissions"] = wire.Object{"admin": role >= model.Admin, "maintain": role >= model.Maintain, "push": role >= model.Write, "triage": role >= model.Triage, "pull": role >= model.Read}
	}
	return ok(o)
}

func getPermission(c *call) answer {
	u := c.world.UserByLogin(c.vars["username"])
	if u == nil {
		return notFound()
	}
	role := c.repo.Role(u)
	shown := c.world.UserJSON(u).(wire.Object)
	shown["permissions"] = wire.Object{"admin": role >= model.Admin, "maintain": role >= model.Maintain, "push": role >= model.Write, "triage": role >= model.Triage, "pull": role >= model.Read}
	shown["role_name"] = role.String()
	return ok(wire.Object{"permission": role.Legacy(), "role_name": role.String(), "user": shown})
}
