package rights

import (
	"fmt"
	"iter"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// askedRetry is a commit whose message asks to retry projects.
type askedRetry struct {
	commit   string
	projects []manifest.Key
}

// retries judges the projects that the messages of the new commits ask to retry: with some ways of merging the messages, or the
// commits themselves, come to stand on the branch.
func (c *check) retries([]manifest.Change) error {
	asked, err := c.askedRetries()
	if err != nil {
		return err
	}
	for _, a := range asked {
		for _, k := range a.projects {
			if len(c.problems) > maxProblems { // it is refused, and more is not told
				return nil
			}
			if len(manifest.CheckFolders("", k)) > 0 { // no project is called so
				continue
			}
			t, lacking, err := c.lacking(developers, k.Workspace)
			if err != nil {
				return err
			}
			if len(lacking) == 0 {
				continue
			}
			merged, err := c.isMerged(a.commit)
			if err != nil {
				return err
			}
			if merged {
				break
			}
			c.refuse(demand{file: manifest.ProjectFile(k), need: developers, what: fmt.Sprintf("retry a project, as the message of %.10s does", a.commit)}, t, lacking)
		}
	}
	return nil
}

// isMerged says that a commit led to the base already. All that did are found in one walk, however many are asked for.
func (c *check) isMerged(commit string) (bool, error) {
	if c.merged != nil || c.base == "" {
		return c.merged[commit], nil
	}
	merged := map[string]bool{c.base: true}
	for queue := []string{c.base}; len(queue) > 0; {
		hash := queue[0]
		queue = queue[1:]
		known, err := c.reader.Commit(hash)
		if err != nil {
			return false, fmt.Errorf("walking config commit %.10s back: %w", hash, err)
		}
		for _, parent := range known.Parents {
			if !merged[parent] {
				merged[parent] = true
				queue = append(queue, parent)
			}
		}
	}
	c.merged = merged
	return merged[commit], nil
}

// askedRetries finds them among the commits that lead to the head, up to those on the branch, the newest config.Far of them. A
// few that were merged long ago may be among them.
func (c *check) askedRetries() ([]askedRetry, error) {
	const ahead = 16 // the branch is usually left not far from its head: it is read no further than it takes
	branch, stop := iter.Pull(config.History{Reader: c.reader}.FirstParents(c.base))
	defer stop()
	seen := map[string]bool{}
	var asked []askedRetry
	queue := []string{c.head}
	for n := 0; len(queue) > 0 && n < config.Far; n++ {
		for range ahead {
			if hash, more := branch(); more {
				seen[hash] = true
			}
		}
		hash := queue[0]
		queue = queue[1:]
		if seen[hash] {
			continue
		}
		seen[hash] = true
		commit, err := c.reader.Commit(hash)
		if err != nil {
			return nil, fmt.Errorf("reading config commit %.10s: %w", hash, err)
		}
		if projects := config.Retries(commit); len(projects) > 0 {
			asked = append(asked, askedRetry{hash, projects})
		}
		queue = append(queue, commit.Parents...)
	}
	return asked, nil
}
