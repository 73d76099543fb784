package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/plateform/plateform/manifest"
)

// maxCommits is how many commits of a branch are looked at, the newest first.
const maxCommits = 10_000

// line is a branch along its first parents: a merge counts as one commit that did all it brought. Commits are read when
// somebody gets to them, and kept.
type line struct {
	Branch
	max   int
	next  string  // the commit to read next; empty at the end
	steps []*step // those that were read, the newest first
	// floor is the commit below the oldest that counts, when there are older ones than are looked at: what was there then
	// is known, and how it came about is not.
	floor string
	// brought says which commit of the line brought a commit in; nil before somebody asked.
	brought map[string]string
}

// step is one commit of a line.
type step struct {
	manifest.Commit
	changes  []manifest.Change
	compared bool
}

// parent is the commit before, on the same line; empty for the first one.
func (s *step) parent() string {
	if len(s.Parents) == 0 {
		return ""
	}
	return s.Parents[0]
}

func newLine(b Branch) *line { return &line{Branch: b, max: maxCommits, next: b.Head} }

// all goes along the commits, from the newest to the oldest that is looked at.
func (l *line) all(ctx context.Context) iter.Seq2[*step, error] {
	return func(yield func(*step, error) bool) {
		for i := 0; ; i++ {
			if i == len(l.steps) {
				if more, err := l.grow(ctx); err != nil {
					yield(nil, err)
					return
				} else if !more {
					return
				}
			}
			if !yield(l.steps[i], nil) {
				return
			}
		}
	}
}

// walk reads all commits that are looked at.
func (l *line) walk(ctx context.Context) error {
	for _, err := range l.all(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

// grow reads one more commit; false at the end.
func (l *line) grow(ctx context.Context) (bool, error) {
	if l.next == "" || l.floor != "" {
		return false, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	commit, err := l.Reader.Commit(l.next)
	switch {
	case errors.Is(err, ErrNoCommit) && len(l.steps) > 0: // a shallow clone ends here
		oldest := l.steps[len(l.steps)-1]
		oldest.compared, l.floor = true, oldest.Hash
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading the history of %s: %w", l.Name, err)
	case len(l.steps) >= l.max:
		l.floor = l.next
		return false, nil
	}
	s := &step{Commit: commit}
	s.Hash = l.next
	l.steps = append(l.steps, s)
	if l.next = s.parent(); len(s.Cut) > 0 { // a shallow clone ends here
		s.compared, l.floor = true, s.Hash
	}
	return true, nil
}

// changesOf says what a commit of the line did to files.
func (l *line) changesOf(ctx context.Context, s *step) ([]manifest.Change, error) {
	if s.compared {
		return s.changes, nil
	}
	if s == l.steps[len(l.steps)-1] { // is its parent at hand?
		if _, err := l.grow(ctx); err != nil {
			return nil, err
		}
		if s.compared {
			return s.changes, nil
		}
	}
	changes, err := l.Reader.Diff(s.parent(), s.Hash)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", l.Name, err)
	}
	s.changes, s.compared = changes, true
	return changes, nil
}

// cut says that there are older commits than are looked at.
func (l *line) cut() bool { return l.floor != "" }

// newest names what was looked at, for messages.
func (l *line) newest() string {
	n := fmt.Sprint(len(l.steps))
	if thousands := len(l.steps) / 1000; thousands > 0 {
		n = fmt.Sprintf("%d,%03d", thousands, len(l.steps)%1000)
	}
	return "the newest " + n + " commits"
}

// starting finds the commits of the branch that begin with some letters, sorted, with those that merges brought in.
func (l *line) starting(ctx context.Context, prefix string) ([]string, error) {
	brought, err := l.origins(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	for hash := range brought {
		if len(hash) >= len(prefix) && hash[:len(prefix)] == prefix {
			found = append(found, hash)
		}
	}
	slices.Sort(found)
	return found, nil
}

// origins says for the commits that the head comes from which commit of the line brought each in: itself, or a merge.
func (l *line) origins(ctx context.Context) (map[string]string, error) {
	if l.brought != nil {
		return l.brought, nil
	}
	if err := l.walk(ctx); err != nil {
		return nil, err
	}
	brought := make(map[string]string, len(l.steps))
	for _, s := range l.steps {
		brought[s.Hash] = s.Hash
	}
	left := l.max // of those beside the line
	for _, merge := range slices.Backward(l.steps) {
		for beside := slices.Clone(merge.Parents[min(1, len(merge.Parents)):]); len(beside) > 0 && left > 0; {
			hash := beside[len(beside)-1]
			beside = beside[:len(beside)-1]
			if brought[hash] != "" {
				continue
			}
			left--
			commit, err := l.beside(ctx, hash)
			if err != nil {
				return nil, err
			}
			if commit != nil {
				brought[hash] = merge.Hash
				beside = append(beside, commit.Parents...)
			}
		}
	}
	l.brought = brought
	return brought, nil
}

// beside reads a commit of a branch that was merged; nil when it is not at hand, or older than all that is looked at.
func (l *line) beside(ctx context.Context, hash string) (*manifest.Commit, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	commit, err := l.Reader.Commit(hash)
	switch {
	case errors.Is(err, ErrNoCommit):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the history of %s: %w", l.Name, err)
	case l.cut() && commit.Author.When.Before(l.steps[len(l.steps)-1].Author.When):
		return nil, nil
	}
	return &commit, nil
}
