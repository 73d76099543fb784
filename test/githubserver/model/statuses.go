package model

import (
	"slices"
	"time"
)

// Status is what a commit is said to be like, in one context.
type Status struct {
	ID                                  int64
	SHA                                 string
	State, Target, Description, Context string
	Creator                             *User
	Created                             time.Time
}

// StatusesOf a commit, newest first.
func (r *Repository) StatusesOf(sha string) []*Status {
	var list []*Status
	for _, s := range slices.Backward(r.Commits.Statuses) {
		if s.SHA == sha {
			list = append(list, s)
		}
	}
	return list
}

// LatestStatuses of a commit: one of each context.
func (r *Repository) LatestStatuses(sha string) []*Status {
	seen := map[string]bool{}
	return slices.DeleteFunc(r.StatusesOf(sha), func(s *Status) bool {
		again := seen[s.Context]
		seen[s.Context] = true
		return again
	})
}
