// Package merge joins two lines of history as git merge does: it finds the commit that they have in common, and makes the tree
// that has the changes of both.
package merge

import (
	"container/heap"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Commits returns a commit by its hash.
type Commits func(hash plumbing.Hash) (*object.Commit, error)

// maxWalk bounds how many commits are looked at for the one that two have in common.
const maxWalk = 100_000

// Which of the two a commit was reached from.
const (
	fromOurs = 1 << iota
	fromTheirs
	// stale commits are behind one that both have in common.
	stale
)

// Bases are the best commits that two have in common, from which neither of the others can be reached. There is one nearly always;
// none when the histories have nothing in common; several when each was merged into the other.
func Bases(commits Commits, ours, theirs plumbing.Hash) ([]plumbing.Hash, error) {
	if ours == theirs {
		return []plumbing.Hash{ours}, nil
	}
	w := walk{commits: commits, flags: map[plumbing.Hash]int{}}
	if err := w.reach(ours, fromOurs); err != nil {
		return nil, err
	}
	if err := w.reach(theirs, fromTheirs); err != nil {
		return nil, err
	}
	return w.run()
}

// walk goes back from two commits at once, newest first.
type walk struct {
	commits Commits
	flags   map[plumbing.Hash]int
	queue   byDate
	// found are the commits in common, in the order in which they were found.
	found []plumbing.Hash
}

// reach notes that a commit was reached.
func (w *walk) reach(hash plumbing.Hash, flags int) error {
	before := w.flags[hash]
	if before|flags == before {
		return nil
	}
	c, err := w.commits(hash)
	if err != nil {
		return fmt.Errorf("looking for the commit in common: %w", err)
	}
	w.flags[hash] = before | flags
	heap.Push(&w.queue, c)
	return nil
}

func (w *walk) run() ([]plumbing.Hash, error) {
	for n := 0; w.live(); n++ {
		if n == maxWalk {
			return nil, fmt.Errorf("no commit in common was found among the newest %d", maxWalk)
		}
		c := heap.Pop(&w.queue).(*object.Commit)
		flags := w.flags[c.Hash]
		if flags == fromOurs|fromTheirs && !slices.Contains(w.found, c.Hash) {
			w.found = append(w.found, c.Hash)
			flags |= stale
		}
		for _, parent := range c.ParentHashes {
			if err := w.reach(parent, flags); err != nil {
				return nil, err
			}
		}
	}
	w.found = slices.DeleteFunc(w.found, func(hash plumbing.Hash) bool { return w.flags[hash]&stale != 0 })
	return w.reduce()
}

// reduce leaves out what can be reached from another: commits may claim to be older than those they come from, and are found
// before them then.
func (w *walk) reduce() ([]plumbing.Hash, error) {
	if len(w.found) < 2 {
		return w.found, nil
	}
	behind := map[plumbing.Hash]bool{}
	for _, hash := range w.found {
		c, err := w.commits(hash)
		if err != nil {
			return nil, err
		}
		todo := slices.Clone(c.ParentHashes)
		for seen := map[plumbing.Hash]bool{}; len(todo) > 0; {
			at := todo[len(todo)-1]
			if todo = todo[:len(todo)-1]; seen[at] {
				continue
			}
			if seen[at] = true; len(seen) > maxWalk {
				return nil, fmt.Errorf("which commit in common is the best was not found among %d", maxWalk)
			}
			if c, err = w.commits(at); err != nil {
				return nil, err
			}
			behind[at] = true
			todo = append(todo, c.ParentHashes...)
		}
	}
	return slices.DeleteFunc(w.found, func(hash plumbing.Hash) bool { return behind[hash] }), nil
}

// live says that something in the queue may still lead to a commit in common.
func (w *walk) live() bool {
	for _, c := range w.queue {
		if w.flags[c.Hash]&stale == 0 {
			return true
		}
	}
	return false
}

// byDate is a heap of commits, the newest on top.
type byDate []*object.Commit

func (q byDate) Len() int           { return len(q) }
func (q byDate) Less(i, j int) bool { return q[i].Committer.When.After(q[j].Committer.When) }
func (q byDate) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *byDate) Push(x any)        { *q = append(*q, x.(*object.Commit)) }
func (q *byDate) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
