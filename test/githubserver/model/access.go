package model

import (
	"strings"
)

// Covers says that a token is for a repository, apart from what everybody may read.
func (p Principal) Covers(r *Repository) bool {
	if i := p.Installed(); i != nil {
		return i.Covers(r) && (p.Token.Repositories == nil || p.Token.Repositories[r.ID])
	}
	return p.User != nil && (p.Token == nil || p.Token.Repositories == nil || p.Token.Repositories[r.ID])
}

// Sees says that somebody may know of a repository.
func (p Principal) Sees(r *Repository) bool {
	if !r.Private {
		return true
	}
	return p.Covers(r) && (p.Installed() != nil || r.Role(p.User) >= Read)
}

// Permitted says that a token has one of the permissions. What is public can be read without.
func (p Principal) Permitted(r *Repository, needs string) bool {
	names, level, _ := strings.Cut(needs, ":")
	if needs == "" || p.Token == nil || p.Token.Permissions == nil && p.Covers(r) {
		return true
	}
	if !p.Covers(r) {
		return !r.Private && level == "read"
	}
	for name := range strings.SplitSeq(names, ",") {
		has := p.Token.Permissions[name]
		if has == "admin" || has == "write" || has == level {
			return true
		}
	}
	return names == "metadata" && level == "read" || !r.Private && level == "read" && names != "administration"
}
