package githubserver

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/wire"
)

func getApp(c *call) answer { return ok(c.world.AppJSON(c.who.App)) }

func listInstallations(c *call) answer {
	var list []*model.Installation
	for _, i := range c.world.Installations {
		if i.App == c.who.App && !i.Deleted {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b *model.Installation) int { return int(a.ID - b.ID) })
	return paged(c, list, func(i *model.Installation) any { return c.world.InstallationJSON(i) })
}

func getRepoInstallation(c *call) answer {
	for _, i := range c.world.Installations {
		if i.App == c.who.App && i.Covers(c.repo) {
			return ok(c.world.InstallationJSON(i))
		}
	}
	return notFound()
}

// tokenLife is how long a token of an installation can be used.
const tokenLife = time.Hour

func createInstallationToken(c *call) answer {
	id, _ := c.number("installation_id")
	i := c.world.Installations[id]
	if i == nil || i.App != c.who.App || i.Deleted {
		return notFound()
	}
	if i.Suspended {
		return forbidden("This installation has been suspended")
	}
	var asked struct {
		Repositories  []string          `json:"repositories"`
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	if len(c.body) > 0 {
		if err := c.decode(&asked); err != nil {
			return problem(http.StatusBadRequest, "Problems parsing JSON")
		}
	}
	t := &model.Token{User: i.App.Bot, Installation: i, Permissions: maps.Clone(i.Permissions), Expires: c.world.Now().Add(tokenLife)}
	if len(asked.Permissions) > 0 {
		for name, level := range asked.Permissions {
			if has := i.Permissions[name]; has != level && has != "write" && has != "admin" {
				return unprocessable("The permissions requested are not granted to this installation.")
			}
		}
		t.Permissions = maps.Clone(asked.Permissions)
	}
	for _, r := range c.world.SortedRepos() {
		if i.Covers(r) && (slices.Contains(asked.Repositories, r.Name) || slices.Contains(asked.RepositoryIDs, r.ID)) {
			if t.Repositories == nil {
				t.Repositories = map[int64]bool{}
			}
			t.Repositories[r.ID] = true
		}
	}
	if len(asked.Repositories)+len(asked.RepositoryIDs) != len(t.Repositories) {
		return unprocessable("There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	text := model.NewToken("ghs_")
	c.world.Tokens[text] = t
	o := wire.Object{"token": text, "expires_at": wire.Stamp(t.Expires), "permissions": t.Permissions, "repository_selection": i.Selection()}
	if t.Repositories != nil {
		o["repository_selection"], o["repositories"] = "selected", c.reposOf(t)
	}
	return created(o)
}

// reposOf shows the repositories of an installation's token.
func (c *call) reposOf(t *model.Token) []any {
	shown := []any{}
	for _, r := range c.world.SortedRepos() {
		if (model.Principal{User: t.User, Token: t}).Covers(r) {
			shown = append(shown, c.world.RepoJSON(r))
		}
	}
	return shown
}

func listInstallationRepositories(c *call) answer {
	if c.who.Installed() == nil {
		return forbidden("You must authenticate with an installation access token in order to list repositories for an installation.")
	}
	all := c.reposOf(c.who.Token)
	from, to := c.bounds(len(all))
	a := ok(wire.Object{"total_count": len(all), "repository_selection": c.who.Installed().Selection(), "repositories": all[from:to]})
	c.linkPages(a.header, len(all))
	return a
}
