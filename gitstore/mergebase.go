package gitstore

import (
	"container/heap"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// MergeBase returns the newest commit that two commits both come from, or "" when their histories have nothing in
// common.
func (r *reader) MergeBase(a, b string) (string, error) {
	w := &paintWalk{r: r, paint: map[plumbing.Hash]paint{}}
	if err := w.add(plumbing.NewHash(a), paintA); err != nil {
		return "", err
	}
	if err := w.add(plumbing.NewHash(b), paintB); err != nil {
		return "", err
	}
	h, err := w.meet()
	return hashString(h), err
}

// paint says from which sides a commit was reached.
type paint uint8

const (
	paintA paint = 1 << iota
	paintB
	paintDone
)

// paintWalk goes back from two commits at once, newest commit first, and paints what it reaches.
type paintWalk struct {
	r     *reader
	paint map[plumbing.Hash]paint
	queue commitQueue
}

// add paints a commit and puts it in the queue, unless it has this paint already.
func (w *paintWalk) add(h plumbing.Hash, p paint) error {
	if w.paint[h]&p == p {
		return nil
	}
	c, err := w.r.commit(h.String())
	if err != nil {
		return err
	}
	w.paint[h] |= p
	heap.Push(&w.queue, queued{h, c})
	return nil
}

// meet returns the first commit that is reached from both sides. Clocks that go wrong can make it an older one than
// there is, never one that is none.
func (w *paintWalk) meet() (plumbing.Hash, error) {
	for w.queue.Len() > 0 {
		q := heap.Pop(&w.queue).(queued)
		p := w.paint[q.hash]
		if p&paintA != 0 && p&paintB != 0 {
			return q.hash, nil
		}
		for _, parent := range q.commit.ParentHashes {
			if err := w.add(parent, p); err != nil {
				return plumbing.ZeroHash, err
			}
		}
	}
	return plumbing.ZeroHash, nil
}

type queued struct {
	hash   plumbing.Hash
	commit *object.Commit
}

// commitQueue is a heap with the newest commit on top.
type commitQueue []queued

func (q commitQueue) Len() int { return len(q) }
func (q commitQueue) Less(i, j int) bool {
	return q[i].commit.Committer.When.After(q[j].commit.Committer.When)
}
func (q commitQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *commitQueue) Push(x any)   { *q = append(*q, x.(queued)) }
func (q *commitQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}
