package forge

import (
	"crypto/rsa"
	"fmt"
	"maps"

	"github.com/plateform/plateform/test/githubserver/model"
)

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
	// ClientID and ClientSecret are what it asks with who a user's token belongs to.
	ClientID, ClientSecret string
}

// AddApp registers an App. Its bot is SLUG[bot].
func (f *Forge) AddApp(n NewApp) error {
	return f.Locked(func(w *World) error {
		owner := w.UserByLogin(n.Owner)
		if owner == nil || w.Apps[n.ID] != nil || n.Key == nil {
			return fmt.Errorf("the App %d cannot be registered: it needs an owner, a key, and an id of its own", n.ID)
		}
		actor := &model.User{ID: w.ID(), Login: n.Slug + "[bot]", Kind: model.Bot, Created: w.Now()}
		w.Users[actor.ID] = actor
		w.Apps[n.ID] = &model.App{ID: n.ID, Slug: n.Slug, Name: n.Slug, Owner: owner, Bot: actor, Key: n.Key, Permissions: maps.Clone(n.Permissions),
			Events: append([]string{}, n.Events...), Created: w.Now(), ClientID: n.ClientID, ClientSecret: n.ClientSecret}
		w.Hooks.SetHook(appHook(n.ID, n.HookURL, n.Secret))
		return nil
	})
}

// MoveAppHook has the App's webhook go somewhere else, or be signed with another secret.
func (f *Forge) MoveAppHook(id int64, url, secret string) {
	f.world.Hooks.SetHook(appHook(id, url, secret))
}

// Install installs an App at an account, for some repositories or, when none is named, for all, and returns the
// installation's id.
func (f *Forge) Install(appID int64, login string, repositories ...string) (int64, error) {
	var id int64
	err := f.Locked(func(w *World) error {
		a, account := w.Apps[appID], w.UserByLogin(login)
		if a == nil || account == nil {
			return fmt.Errorf("there is no App %d or no account %s", appID, login)
		}
		i := &model.Installation{ID: w.ID(), App: a, Account: account, Permissions: maps.Clone(a.Permissions), Created: w.Now()}
		if len(repositories) > 0 {
			i.Repositories = map[int64]bool{}
		}
		for _, name := range repositories {
			r := w.RepoByName(name)
			if r == nil || r.Owner != account {
				return fmt.Errorf("there is no repository %s of %s", name, login)
			}
			i.Repositories[r.ID] = true
		}
		w.Installations[i.ID], id = i, i.ID
		return w.emitInstallation(i, "created")
	})
	return id, err
}

// Uninstall takes an App away from an account: its tokens are worth nothing any more.
func (f *Forge) Uninstall(installationID int64) error {
	return changeInstallation(f, installationID, "deleted", func(i *model.Installation) { i.Deleted = true })
}

// Suspend suspends an installation, or ends that.
func (f *Forge) Suspend(installationID int64, suspended bool) error {
	action := map[bool]string{true: "suspend", false: "unsuspend"}[suspended]
	return changeInstallation(f, installationID, action, func(i *model.Installation) { i.Suspended = suspended })
}

// Permit changes the permissions of an installation, as its owner does who accepts new ones.
func (f *Forge) Permit(installationID int64, permissions map[string]string) error {
	return changeInstallation(f, installationID, "new_permissions_accepted", func(i *model.Installation) { i.Permissions = maps.Clone(permissions) })
}

func changeInstallation(f *Forge, id int64, action string, change func(*model.Installation)) error {
	return f.Locked(func(w *World) error {
		i := w.Installations[id]
		if i == nil || i.Deleted {
			return fmt.Errorf("there is no installation %d", id)
		}
		change(i)
		return w.emitInstallation(i, action)
	})
}
