package githubserver

import (
	"crypto/rsa"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// app is a GitHub App.
type app struct {
	id          int64
	slug, name  string
	owner       *user
	bot         *user
	key         *rsa.PublicKey
	permissions map[string]string
	events      []string
	created     time.Time
}

// installation is an App at an account.
type installation struct {
	id           int64
	app          *app
	account      *user
	repositories map[int64]bool // nil for all of the account's
	permissions  map[string]string
	suspended    bool
	deleted      bool
	created      time.Time
}

// NewApp is an App to be registered.
type NewApp struct {
	ID   int64
	Slug string
	// Owner is a login.
	Owner string
	// Key is the public half of the key that it signs with.
	Key         *rsa.PublicKey
	Permissions map[string]string
	// Events that its webhook gets.
	Events []string
	// HookURL and Secret of its webhook.
	HookURL, Secret string
}

// AddApp registers an App. Its bot is SLUG[bot].
func (s *Server) AddApp(n NewApp) error {
	return s.locked(func(w *world) error {
		owner := w.userByLogin(n.Owner)
		if owner == nil || w.apps[n.ID] != nil || n.Key == nil {
			return fmt.Errorf("the App %d cannot be registered: it needs an owner, a key, and an id of its own", n.ID)
		}
		actor := &user{id: w.id(), login: n.Slug + "[bot]", kind: bot, created: w.now()}
		w.users[actor.id] = actor
		w.apps[n.ID] = &app{id: n.ID, slug: n.Slug, name: n.Slug, owner: owner, bot: actor, key: n.Key, permissions: maps.Clone(n.Permissions),
			events: slices.Clone(n.Events), created: w.now()}
		w.hooks.SetHook(appHook(n.ID, n.HookURL, n.Secret))
		return nil
	})
}

// MoveAppHook has the App's webhook go somewhere else, or be signed with another secret.
func (s *Server) MoveAppHook(id int64, url, secret string) { s.hooks.SetHook(appHook(id, url, secret)) }

// Install installs an App at an account, for some repositories or, when none is named, for all, and returns the
// installation's id.
func (s *Server) Install(appID int64, login string, repositories ...string) (int64, error) {
	var id int64
	err := s.locked(func(w *world) error {
		a, account := w.apps[appID], w.userByLogin(login)
		if a == nil || account == nil {
			return fmt.Errorf("there is no App %d or no account %s", appID, login)
		}
		i := &installation{id: w.id(), app: a, account: account, permissions: maps.Clone(a.permissions), created: w.now()}
		if len(repositories) > 0 {
			i.repositories = map[int64]bool{}
		}
		for _, name := range repositories {
			r := w.repoByName(name)
			if r == nil || r.owner != account {
				return fmt.Errorf("there is no repository %s of %s", name, login)
			}
			i.repositories[r.id] = true
		}
		w.installations[i.id], id = i, i.id
		return w.emitInstallation(i, "created")
	})
	return id, err
}

// Uninstall takes an App away from an account: its tokens are worth nothing any more.
func (s *Server) Uninstall(installationID int64) error {
	return s.changeInstallation(installationID, "deleted", func(i *installation) { i.deleted = true })
}

// Suspend suspends an installation, or ends that.
func (s *Server) Suspend(installationID int64, suspended bool) error {
	action := map[bool]string{true: "suspend", false: "unsuspend"}[suspended]
	return s.changeInstallation(installationID, action, func(i *installation) { i.suspended = suspended })
}

// Permit changes the permissions of an installation, as its owner does who accepts new ones.
func (s *Server) Permit(installationID int64, permissions map[string]string) error {
	return s.changeInstallation(installationID, "new_permissions_accepted", func(i *installation) { i.permissions = maps.Clone(permissions) })
}

func (s *Server) changeInstallation(id int64, action string, change func(*installation)) error {
	return s.locked(func(w *world) error {
		i := w.installations[id]
		if i == nil || i.deleted {
			return fmt.Errorf("there is no installation %d", id)
		}
		change(i)
		return w.emitInstallation(i, action)
	})
}

// covers says that an installation is for a repository.
func (i *installation) covers(r *repository) bool {
	return !i.deleted && r.owner == i.account && (i.repositories == nil || i.repositories[r.id])
}

// installationsOf are the installations that cover a repository, oldest first.
func (w *world) installationsOf(r *repository) []*installation {
	var list []*installation
	for _, i := range w.installations {
		if i.covers(r) && !i.suspended {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b *installation) int { return int(a.id - b.id) })
	return list
}

func (w *world) appJSON(a *app) any {
	if a == nil {
		return nil
	}
	return object{
		"id": a.id, "slug": a.slug, "node_id": nodeID("App", a.id), "owner": w.userJSON(a.owner), "name": a.name, "description": "",
		"external_url": w.web("/apps/%s", a.slug), "html_url": w.web("/apps/%s", a.slug), "created_at": stamp(a.created),
		"updated_at": stamp(a.created), "permissions": a.permissions, "events": a.events,
	}
}

func (w *world) installationJSON(i *installation) object {
	o := object{
		"id": i.id, "account": w.userJSON(i.account), "app_id": i.app.id, "app_slug": i.app.slug, "target_id": i.account.id,
		"target_type": i.account.kind, "single_file_name": nil, "repository_selection": i.selection(), "events": i.app.events,
		"access_tokens_url": w.api("/app/installations/%d/access_tokens", i.id), "html_url": w.web("/settings/installations/%d", i.id),
		"repositories_url": w.api("/installation/repositories"), "permissions": i.permissions, "created_at": stamp(i.created),
		"updated_at": stamp(i.created), "suspended_by": nil, "suspended_at": nil,
	}
	if i.suspended {
		o["suspended_by"], o["suspended_at"] = w.userJSON(i.account), stamp(w.now())
	}
	return o
}

func (i *installation) selection() string {
	if i.repositories == nil {
		return "all"
	}
	return "selected"
}

func getApp(c *call) answer { return ok(c.world.appJSON(c.who.app)) }

func listInstallations(c *call) answer {
	var list []*installation
	for _, i := range c.world.installations {
		if i.app == c.who.app && !i.deleted {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b *installation) int { return int(a.id - b.id) })
	return paged(c, list, func(i *installation) any { return c.world.installationJSON(i) })
}

func getRepoInstallation(c *call) answer {
	for _, i := range c.world.installations {
		if i.app == c.who.app && i.covers(c.repo) {
			return ok(c.world.installationJSON(i))
		}
	}
	return notFound()
}

// tokenLife is how long a token of an installation can be used.
const tokenLife = time.Hour

func createInstallationToken(c *call) answer {
	id, _ := c.number("installation_id")
	i := c.world.installations[id]
	if i == nil || i.app != c.who.app || i.deleted {
		return notFound()
	}
	if i.suspended {
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
	t := &token{user: i.app.bot, installation: i, permissions: maps.Clone(i.permissions), expires: c.world.now().Add(tokenLife)}
	if len(asked.Permissions) > 0 {
		for name, level := range asked.Permissions {
			if has := i.permissions[name]; has != level && has != "write" && has != "admin" {
				return unprocessable("The permissions requested are not granted to this installation.")
			}
		}
		t.permissions = maps.Clone(asked.Permissions)
	}
	for _, r := range c.world.sortedRepos() {
		if i.covers(r) && (slices.Contains(asked.Repositories, r.name) || slices.Contains(asked.RepositoryIDs, r.id)) {
			if t.repositories == nil {
				t.repositories = map[int64]bool{}
			}
			t.repositories[r.id] = true
		}
	}
	if len(asked.Repositories)+len(asked.RepositoryIDs) != len(t.repositories) {
		return unprocessable("There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	text := newToken("ghs_")
	c.world.tokens[text] = t
	o := object{"token": text, "expires_at": stamp(t.expires), "permissions": t.permissions, "repository_selection": i.selection()}
	if t.repositories != nil {
		o["repository_selection"], o["repositories"] = "selected", c.reposOf(t)
	}
	return created(o)
}

// reposOf shows the repositories of an installation's token.
func (c *call) reposOf(t *token) []any {
	shown := []any{}
	for _, r := range c.world.sortedRepos() {
		if (principal{user: t.user, token: t}).covers(r) {
			shown = append(shown, c.world.repoJSON(r))
		}
	}
	return shown
}

func listInstallationRepositories(c *call) answer {
	if c.who.installed() == nil {
		return forbidden("You must authenticate with an installation access token in order to list repositories for an installation.")
	}
	all := c.reposOf(c.who.token)
	from, to := c.bounds(len(all))
	a := ok(object{"total_count": len(all), "repository_selection": c.who.installed().selection(), "repositories": all[from:to]})
	c.linkPages(a.header, len(all))
	return a
}
