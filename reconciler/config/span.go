package config

import (
	"fmt"
	"slices"

	"github.com/plateform/plateform/reconciler"
)

// Span returns the commits after from up to and including to along the first parents, oldest first. from "" is before
// the first commit. When to does not lead back to from that way but has it among its ancestors, the way is one step.
// related is false when it does not lead back at all.
func Span(reader reconciler.Reader, from, to string) (commits []string, related bool, err error) {
	for hash := to; hash != from; {
		commits = append(commits, hash)
		commit, err := reader.Commit(hash)
		if err != nil {
			return nil, false, fmt.Errorf("walking config commit %.10s back: %w", hash, err)
		}
		if len(commit.Parents) == 0 {
			if from == "" {
				break
			}
			reached, err := isAncestor(reader, from, to)
			return []string{to}, reached, err
		}
		hash = commit.Parents[0]
	}
	slices.Reverse(commits)
	return commits, true, nil
}

// isAncestor says that a commit can be reached from another over any parents.
func isAncestor(reader reconciler.Reader, ancestor, from string) (bool, error) {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; {
		hash := queue[0]
		queue = queue[1:]
		if hash == ancestor {
			return true, nil
		}
		commit, err := reader.Commit(hash)
		if err != nil {
			return false, fmt.Errorf("walking config commit %.10s back: %w", hash, err)
		}
		for _, parent := range commit.Parents {
			if !seen[parent] {
				seen[parent] = true
				queue = append(queue, parent)
			}
		}
	}
	return false, nil
}
