package model

import (
	"time"
)

// Comment is what somebody said under a pull request.
type Comment struct {
	ID        int64
	Pull      *Pull
	Author    *User
	App       *App
	Body      string
	Created   time.Time
	Updated   time.Time
	Reactions []*Reaction
}

// Reaction is a sign under a comment.
type Reaction struct {
	ID      int64
	User    *User
	Content string
	Created time.Time
}

// Comment finds a comment; nil when there is none.
func (r *Repository) Comment(id int64) *Comment {
	for _, n := range r.Comments {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// Association is how somebody stands to a repository.
func (r *Repository) Association(u *User) string {
	switch {
	case u == nil:
		return "NONE"
	case u == r.Owner:
		return "OWNER"
	case r.Collaborators[u.ID] >= Read:
		return "COLLABORATOR"
	}
	return "NONE"
}
