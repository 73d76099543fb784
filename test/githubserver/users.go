package githubserver

import (
	"fmt"
	"strings"
	"time"
)

// user is a person, an organisation, or the bot of an App.
type user struct {
	id      int64
	login   string
	kind    string // User, Organization, Bot
	created time.Time
}

// Kinds of accounts.
const (
	personal     = "User"
	organisation = "Organization"
	bot          = "Bot"
)

// AddUser adds a person with a numeric id of the caller's. Whoever had the login before keeps the id and loses the login,
// as on GitHub, where a login can be taken by somebody else once it has been given up.
func (s *Server) AddUser(id int64, login string) error { return s.addAccount(id, login, personal) }

// AddOrganization adds an organisation.
func (s *Server) AddOrganization(id int64, login string) error {
	return s.addAccount(id, login, organisation)
}

func (s *Server) addAccount(id int64, login, kind string) error {
	return s.locked(func(w *world) error {
		if w.users[id] != nil {
			return fmt.Errorf("there is an account with id %d already: %s", id, w.users[id].login)
		}
		w.giveUp(login)
		w.users[id] = &user{id: id, login: login, kind: kind, created: w.now()}
		return nil
	})
}

// Rename gives an account another login; whoever had that one loses it.
func (s *Server) Rename(id int64, login string) error {
	return s.locked(func(w *world) error {
		u := w.users[id]
		if u == nil {
			return fmt.Errorf("there is no account with id %d", id)
		}
		w.giveUp(login)
		u.login = login
		return nil
	})
}

// giveUp has whoever has a login lose it.
func (w *world) giveUp(login string) {
	if old := w.userByLogin(login); old != nil {
		old.login = fmt.Sprintf("%s-was-%d", login, old.id)
	}
}

func (w *world) userByLogin(login string) *user {
	for _, u := range w.users {
		if strings.EqualFold(u.login, login) {
			return u
		}
	}
	return nil
}

// userByEmail finds who wrote a commit, by the address that GitHub gives to everybody, or by the name before the @.
func (w *world) userByEmail(email string) *user {
	name, _, _ := strings.Cut(email, "@")
	if _, login, found := strings.Cut(name, "+"); found {
		name = login
	}
	return w.userByLogin(name)
}

// email is the address that GitHub gives to everybody.
func (u *user) email() string { return fmt.Sprintf("%d+%s@users.noreply.github.com", u.id, u.login) }

// userJSON is a user as GitHub shows them everywhere; null for nobody.
func (w *world) userJSON(u *user) any {
	if u == nil {
		return nil
	}
	links := object{
		"login": u.login, "id": u.id, "node_id": nodeID("User", u.id), "gravatar_id": "", "type": u.kind, "site_admin": false,
		"avatar_url": w.web("/avatars/%d", u.id), "url": w.api("/users/%s", u.login), "html_url": w.web("/%s", u.login),
		"user_view_type": "public",
	}
	for name, path := range map[string]string{
		"followers_url": "followers", "subscriptions_url": "subscriptions", "organizations_url": "orgs", "repos_url": "repos",
		"received_events_url": "received_events", "following_url": "following{/other_user}", "gists_url": "gists{/gist_id}",
		"starred_url": "starred{/owner}{/repo}", "events_url": "events{/privacy}",
	} {
		links[name] = w.api("/users/%s/", u.login) + path
	}
	return links
}

// profileJSON is a user as shown by themselves or to others.
func (w *world) profileJSON(u *user, private bool) object {
	p := w.userJSON(u).(object)
	for _, name := range []string{"name", "company", "blog", "location", "email", "hireable", "bio"} {
		p[name] = nil
	}
	for _, name := range []string{"public_repos", "public_gists", "followers", "following"} {
		p[name] = 0
	}
	p["created_at"], p["updated_at"] = stamp(u.created), stamp(u.created)
	if private {
		p["user_view_type"], p["two_factor_authentication"] = "private", true
		for _, name := range []string{"private_gists", "total_private_repos", "owned_private_repos", "disk_usage", "collaborators"} {
			p[name] = 0
		}
	}
	return p
}

func getUser(c *call) answer {
	if c.who.user == nil || c.who.installed() != nil {
		return forbidden("Resource not accessible by integration")
	}
	return ok(c.world.profileJSON(c.who.user, true))
}

func getUserByLogin(c *call) answer { return c.profile(c.world.userByLogin(c.vars["username"])) }

func getUserByID(c *call) answer {
	id, _ := c.number("account_id")
	return c.profile(c.world.users[id])
}

func (c *call) profile(u *user) answer {
	if u == nil {
		return notFound()
	}
	return ok(c.world.profileJSON(u, false))
}
