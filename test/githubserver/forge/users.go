package forge

import (
	"fmt"

	"github.com/plateform/plateform/test/githubserver/model"
)

// AddUser adds a person with a numeric id of the caller's. Whoever had the login before keeps the id and loses the login,
// as on GitHub, where a login can be taken by somebody else once it has been given up.
func (f *Forge) AddUser(id int64, login string) error {
	return addAccount(f, id, login, model.Personal)
}

// AddOrganization adds an organisation.
func (f *Forge) AddOrganization(id int64, login string) error {
	return addAccount(f, id, login, model.Organisation)
}

func addAccount(f *Forge, id int64, login, kind string) error {
	return f.Locked(func(w *World) error {
		if w.Users[id] != nil {
			return fmt.Errorf("there is an account with id %d already: %s", id, w.Users[id].Login)
		}
		w.GiveUp(login)
		w.Users[id] = &model.User{ID: id, Login: login, Kind: kind, Created: w.Now()}
		return nil
	})
}

// Rename gives an account another login; whoever had that one loses it.
func (f *Forge) Rename(id int64, login string) error {
	return f.Locked(func(w *World) error {
		u := w.Users[id]
		if u == nil {
			return fmt.Errorf("there is no account with id %d", id)
		}
		w.GiveUp(login)
		u.Login = login
		return nil
	})
}
