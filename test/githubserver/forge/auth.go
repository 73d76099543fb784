package forge

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/plateform/plateform/test/githubserver/model"
)

// Token makes a personal access token; scopes are what it says of itself, "repo" for one that may do all that its owner may.
func (f *Forge) Token(userID int64, scopes string) (string, error) {
	var text string
	err := f.Locked(func(w *World) error {
		u := w.Users[userID]
		if u == nil {
			return fmt.Errorf("there is no user %d", userID)
		}
		text = model.NewToken("ghp_")
		t := &model.Token{User: u, Scopes: scopes}
		if scopes != "" && !strings.Contains(scopes, "repo") {
			t.Permissions = map[string]string{"metadata": "read"}
		}
		w.Tokens[text] = t
		return nil
	})
	return text, err
}

// FineGrainedToken makes a personal access token with permissions, for some repositories of those that its owner sees.
func (f *Forge) FineGrainedToken(userID int64, permissions map[string]string, repositories ...string) (string, error) {
	var text string
	err := f.Locked(func(w *World) error {
		t := &model.Token{User: w.Users[userID], Permissions: maps.Clone(permissions), Repositories: map[int64]bool{}}
		if t.User == nil {
			return fmt.Errorf("there is no user %d", userID)
		}
		for _, name := range repositories {
			r := w.RepoByName(name)
			if r == nil {
				return fmt.Errorf("there is no repository %s", name)
			}
			t.Repositories[r.ID] = true
		}
		text = model.NewToken("github_pat_")
		w.Tokens[text] = t
		return nil
	})
	return text, err
}

// UserToken is the token that an App gets for a person who authorized it: it allows what both may do. It ends after a while; 0 is never.
func (f *Forge) UserToken(appID, userID int64, life time.Duration) (string, error) {
	var text string
	err := f.Locked(func(w *World) error {
		a, u := w.Apps[appID], w.Users[userID]
		if a == nil || a.ClientID == "" || u == nil {
			return fmt.Errorf("there is no App %d with a client id, or no user %d", appID, userID)
		}
		t := &model.Token{ID: w.ID(), User: u, Issued: a, Made: w.Now(), Permissions: maps.Clone(a.Permissions), Repositories: map[int64]bool{}}
		if life > 0 {
			t.Expires = w.Now().Add(life)
		}
		for _, r := range w.Repos {
			for _, i := range w.InstallationsOf(r) {
				t.Repositories[r.ID] = t.Repositories[r.ID] || i.App == a
			}
		}
		text = model.NewToken("ghu_")
		w.Tokens[text] = t
		return nil
	})
	return text, err
}

// Revoke has a token be worth nothing from now on.
func (f *Forge) Revoke(text string) {
	_ = f.Locked(func(w *World) error {
		delete(w.Tokens, text)
		return nil
	})
}
