package model

import (
	"crypto/rsa"
	"slices"
	"time"
)

// App is a GitHub App.
type App struct {
	ID         int64
	Slug, Name string
	Owner      *User
	Bot        *User
	Key        *rsa.PublicKey
	// ClientID and ClientSecret are what the App asks with who a user's token belongs to; empty when it has none.
	ClientID, ClientSecret string
	Permissions            map[string]string
	Events                 []string
	Created                time.Time
}

// Installation is an App at an account.
type Installation struct {
	ID           int64
	App          *App
	Account      *User
	Repositories map[int64]bool // nil for all of the account's
	Permissions  map[string]string
	Suspended    bool
	Deleted      bool
	Created      time.Time
}

// Covers says that an installation is for a repository.
func (i *Installation) Covers(r *Repository) bool {
	return !i.Deleted && r.Owner == i.Account && (i.Repositories == nil || i.Repositories[r.ID])
}

// InstallationsOf are the installations that cover a repository, oldest first.
func (d *Directory) InstallationsOf(r *Repository) []*Installation {
	var list []*Installation
	for _, i := range d.Installations {
		if i.Covers(r) && !i.Suspended {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b *Installation) int { return int(a.ID - b.ID) })
	return list
}

// Selection says whether the installation is for all repositories, in GitHub's words.
func (i *Installation) Selection() string {
	if i.Repositories == nil {
		return "all"
	}
	return "selected"
}
