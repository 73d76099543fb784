package model

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/test/githubserver/bare"
)

// Role is what somebody may do in a repository.
type Role int

// The roles, from the least to the most.
const (
	None Role = iota
	Read
	Triage
	Write
	Maintain
	Admin
)

// String is the name of the role, as GitHub says it.
func (r Role) String() string {
	return [...]string{"none", "read", "triage", "write", "maintain", "admin"}[r]
}

// Legacy is the role in the words that GitHub had before there were so many.
func (r Role) Legacy() string {
	return [...]string{"none", "read", "read", "write", "write", "admin"}[r]
}

// Repository is a repository with all that hangs on it.
type Repository struct {
	ID            int64
	Owner         *User
	Name          string
	Private       bool
	Fork          *Repository // what it was forked from
	Git           *bare.Repo
	Created       time.Time
	Pushed        time.Time
	Moves         []Activity // of its refs, the oldest first
	Collaborators map[int64]Role
	Pulls         []*Pull // by number: pulls[0] is #1
	Comments      []*Comment
	Hooks         []*Hook
	Rules         rules
	Commits       commitFacts
}

// Activity is a move of a ref that happened: by whom and when.
type Activity struct {
	Move
	ID     int64
	By     *User
	Forced bool
	At     time.Time
}

// commitFacts are what was said of commits.
type commitFacts struct {
	Statuses    []*Status
	Runs        []*CheckRun
	Suites      []*CheckSuite
	Deployments []*Deployment
}

// DefaultBranch of every repository here.
const DefaultBranch = "main"

// FullName is OWNER/NAME.
func (r *Repository) FullName() string { return r.Owner.Login + "/" + r.Name }

// CopyBranches takes over the branches of what the repository was forked from.
func (r *Repository) CopyBranches(ctx context.Context) error {
	branches, err := r.Fork.Git.Branches(ctx)
	if err != nil {
		return err
	}
	for name, hash := range branches {
		if err := r.Git.Take(ctx, r.Fork.Git, hash); err != nil {
			return err
		}
		if err := r.Git.Force(ctx, "refs/heads/"+name, hash); err != nil {
			return err
		}
	}
	return nil
}

// RepoByName finds a repository by OWNER/NAME; nil when there is none.
func (d *Directory) RepoByName(fullName string) *Repository {
	for _, r := range d.Repos {
		if strings.EqualFold(r.FullName(), fullName) {
			return r
		}
	}
	return nil
}

// SortedRepos are all repositories, oldest first.
func (d *Directory) SortedRepos() []*Repository {
	return slices.SortedFunc(maps.Values(d.Repos), func(a, b *Repository) int { return int(a.ID - b.ID) })
}

// Role is what somebody may do in a repository; nobody known reads what is public.
func (r *Repository) Role(u *User) Role {
	role := None
	if !r.Private {
		role = Read
	}
	if u == nil {
		return role
	}
	if u == r.Owner {
		return Admin
	}
	return max(role, r.Collaborators[u.ID])
}
