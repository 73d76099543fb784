package wire

import (
	"github.com/plateform/plateform/test/githubserver/model"
)

// UserJSON is a user as GitHub shows them everywhere; null for nobody.
func (w *Writer) UserJSON(u *model.User) any {
	if u == nil {
		return nil
	}
	links := Object{
		"login": u.Login, "id": u.ID, "node_id": NodeID("User", u.ID), "gravatar_id": "", "type": u.Kind, "site_admin": false,
		"avatar_url": w.Web("/avatars/%d", u.ID), "url": w.API("/users/%s", u.Login), "html_url": w.Web("/%s", u.Login),
		"user_view_type": "public",
	}
	for name, path := range map[string]string{
		"followers_url": "followers", "subscriptions_url": "subscriptions", "organizations_url": "orgs", "repos_url": "repos",
		"received_events_url": "received_events", "following_url": "following{/other_user}", "gists_url": "gists{/gist_id}",
		"starred_url": "starred{/owner}{/repo}", "events_url": "events{/privacy}",
	} {
		links[name] = w.API("/users/%s/", u.Login) + path
	}
	return links
}

// ProfileJSON is a user as shown by themselves or to others.
func (w *Writer) ProfileJSON(u *model.User, private bool) Object {
	p := w.UserJSON(u).(Object)
	for _, name := range []string{"name", "company", "blog", "location", "email", "hireable", "bio"} {
		p[name] = nil
	}
	for _, name := range []string{"public_repos", "public_gists", "followers", "following"} {
		p[name] = 0
	}
	p["created_at"], p["updated_at"] = Stamp(u.Created), Stamp(u.Created)
	if private {
		p["user_view_type"], p["two_factor_authentication"] = "private", true
		for _, name := range []string{"private_gists", "total_private_repos", "owned_private_repos", "disk_usage", "collaborators"} {
			p[name] = 0
		}
	}
	return p
}
