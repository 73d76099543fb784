package config

import (
	"errors"
	"slices"
)

// Rebase returns a catalog at the newest commit that a rewritten history has in common with what another knows, and the commits
// from there to its head. Without such a commit, not further back than it pays, the catalog is empty, and the head the only
// commit.
func Rebase(c *Catalog, head string) (catalog *Catalog, base string, commits []string) {
	history := History{Reader: c.Reader}
	catalog = NewCatalog(c.Reader, c.charts)
	known := map[string]bool{}
	for hash := range history.FirstParents(c.Commit) {
		known[hash] = true
	}
	path := slices.Collect(history.FirstParents(head))
	at := slices.IndexFunc(path, func(hash string) bool { return known[hash] })
	if at < 0 {
		return catalog, "", []string{head}
	}
	if _, err := catalog.Advance(path[at]); err != nil {
		return NewCatalog(c.Reader, c.charts), "", []string{head}
	}
	commits = path[:at]
	slices.Reverse(commits)
	return catalog, path[at], commits
}

// StepOf brings the catalog to a commit from the one before it, and returns what the commit did; nothing when that cannot be told.
func (c *Catalog) StepOf(hash string) (Step, error) {
	commit, err := c.Reader.Commit(hash)
	if err != nil || len(commit.Parents) == 0 {
		return Step{}, nil //nolint:nilerr // it is gone with a history that was rewritten, or the first of all
	}
	var step Step
	for _, to := range []string{commit.Parents[0], hash} {
		if step, err = c.Advance(to); err != nil && !errors.Is(err, ErrUnusable) {
			return Step{}, err
		}
	}
	return step, nil
}
