package model

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/plateform/plateform/test/githubserver/bare"
)

// Pull is a pull request.
type Pull struct {
	ID          int64
	Number      int
	Title, Body string
	Author      *User
	Draft       bool
	Base, Head  End
	Open        bool
	Created     time.Time
	Updated     time.Time
	Closed      time.Time
	Merge       Merge
	Repo        *Repository // that it is to be merged into
}

// End is one end of a pull request.
type End struct {
	Repo *Repository // nil for a fork that is gone
	Ref  string
	SHA  string
}

// Merge is how a pull request was merged; the zero value is: not.
type Merge struct {
	At     time.Time
	By     *User
	Commit string
	// landed are the commits that it added to the base and that are not its own.
	Landed []string
}

// Ref is where the head of a pull request is in the repository it is for.
func (p *Pull) Ref() string { return fmt.Sprintf("refs/pull/%d/head", p.Number) }

// Label is OWNER:BRANCH.
func (e End) Label() string {
	if e.Repo == nil {
		return "unknown:" + e.Ref
	}
	return e.Repo.Owner.Login + ":" + e.Ref
}

// FindPull finds a pull request and the repository it is for.
func (d *Directory) FindPull(repo string, number int) (*Repository, *Pull, error) {
	r := d.RepoByName(repo)
	if r == nil || number < 1 || number > len(r.Pulls) {
		return nil, nil, fmt.Errorf("there is no pull request %s#%d", repo, number)
	}
	return r, r.Pulls[number-1], nil
}

// HeadOf finds the repository of an owner that is this one, or a fork of it.
func (d *Directory) HeadOf(r *Repository, owner, name string) *Repository {
	for _, other := range d.SortedRepos() {
		related := other == r || other.Fork == r || r.Fork == other
		if related && strings.EqualFold(other.Owner.Login, owner) && (name == "" || other.Name == name || other.FullName() == name) {
			return other
		}
	}
	return nil
}

// MostFiles and MostCommits are how far the lists of a pull request go.
const (
	MostFiles   = 3000
	MostCommits = 250
)

// Changes of a pull request: what its head has and the commit has not that both come from.
func (p *Pull) Changes(ctx context.Context) (base string, files []bare.File, err error) {
	if base, err = p.Repo.Git.MergeBase(ctx, p.Base.SHA, p.Head.SHA); err != nil {
		return "", nil, err
	}
	files, err = p.Repo.Git.Changes(ctx, base, p.Head.SHA)
	return base, files, err
}

// Said is how many comments are under a pull request.
func (p *Pull) Said() int {
	n := 0
	for _, c := range p.Repo.Comments {
		if c.Pull == p {
			n++
		}
	}
	return n
}
