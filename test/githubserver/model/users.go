package model

import (
	"fmt"
	"strings"
	"time"
)

// User is a person, an organisation, or the bot of an App.
type User struct {
	ID      int64
	Login   string
	Kind    string // User, Organization, Bot
	Created time.Time
}

// Kinds of accounts.
const (
	Personal     = "User"
	Organisation = "Organization"
	Bot          = "Bot"
)

// GiveUp has whoever has a login lose it.
func (d *Directory) GiveUp(login string) {
	if old := d.UserByLogin(login); old != nil {
		old.Login = fmt.Sprintf("%s-was-%d", login, old.ID)
	}
}

// UserByLogin finds an account; nil when nobody has the login.
func (d *Directory) UserByLogin(login string) *User {
	for _, u := range d.Users {
		if strings.EqualFold(u.Login, login) {
			return u
		}
	}
	return nil
}

// UserByEmail finds who wrote a commit, by the address that GitHub gives to everybody, or by the name before the @.
func (d *Directory) UserByEmail(email string) *User {
	name, _, _ := strings.Cut(email, "@")
	if _, login, found := strings.Cut(name, "+"); found {
		name = login
	}
	return d.UserByLogin(name)
}

// Email is the address that GitHub gives to everybody.
func (u *User) Email() string { return fmt.Sprintf("%d+%s@users.noreply.github.com", u.ID, u.Login) }
