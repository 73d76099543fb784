// Package gitforge tells people on a plain Git remote how far their changes are. Reports are lines of JSON in the Git
// notes of the config commits, under refs/notes/plateform, so that
//
//	git fetch origin refs/notes/plateform:refs/notes/plateform
//	git log --notes=plateform
//
// shows them, and whoever can read the repository can read them.
package gitforge

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/plateform/plateform/reconciler"
)

// openWindow is how many of the newest config commits Open looks at: runs are over long before as many commits follow.
const openWindow = 200

// fullHash matches the hash of a commit, as notes are filed under it.
var fullHash = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Notes are the notes of one ref of the config repository.
//
// Implementations are safe for use by several goroutines.
type Notes interface {
	// Update changes the notes of the commits in one push. For each commit, change gets the note as it is, empty when
	// there is none, and returns the note as it shall be. When somebody else was faster, change is asked again with what
	// the others wrote; nothing they wrote is lost. When no note changes, nothing is pushed.
	Update(ctx context.Context, commits []string, change func(commit string, note []byte) []byte) error
	// Read returns the notes as they are now of those of the commits that have one.
	Read(ctx context.Context, commits []string) (map[string][]byte, error)
}

// Forge is a reconciler.Forge that writes notes. It is safe for use by several goroutines: what is reported while a
// push is under way goes out together in the next one.
type Forge struct {
	notes  Notes
	config reconciler.Reader
	queue  *queue
}

var _ reconciler.Forge = (*Forge)(nil)

// New returns a Forge on the notes of the repository that config reads.
func New(notes Notes, config reconciler.Reader) *Forge {
	return &Forge{notes: notes, config: config, queue: newQueue()}
}

// Report implements reconciler.Forge.
func (f *Forge) Report(ctx context.Context, reports []reconciler.Report) error {
	if len(reports) == 0 {
		return nil
	}
	for _, r := range reports {
		if !fullHash.MatchString(r.Commit) {
			return fmt.Errorf("cannot report %s on %q: not the full hash of a commit", r.Context, r.Commit)
		}
	}
	if err := f.queue.do(ctx, reports, f.write); err != nil {
		return fmt.Errorf("writing %d reports to the notes of the config repository: %w", len(reports), err)
	}
	return nil
}

// write puts the news among the reports into the notes, in one push. What is news is decided on the notes that the push
// builds on, so that two processes cannot both give a verdict.
func (f *Forge) write(ctx context.Context, reports []reconciler.Report) error {
	var commits []string
	byCommit := map[string][]reconciler.Report{}
	for _, r := range reports {
		if byCommit[r.Commit] == nil {
			commits = append(commits, r.Commit)
		}
		byCommit[r.Commit] = append(byCommit[r.Commit], tidy(r))
	}
	return f.notes.Update(ctx, commits, func(commit string, note []byte) []byte {
		return appendLines(note, reconciler.News(decode(note), byCommit[commit]))
	})
}

// Open implements reconciler.Forge. Reports come in the order of their commits, oldest first.
func (f *Forge) Open(ctx context.Context, head string) ([]reconciler.Report, error) {
	commits, err := f.newest(head)
	if err != nil {
		return nil, err
	}
	if len(commits) == 0 {
		return nil, nil
	}
	notes, err := f.notes.Read(ctx, commits)
	if err != nil {
		return nil, fmt.Errorf("reading the notes of the config repository: %w", err)
	}
	var open []reconciler.Report
	for _, commit := range slices.Backward(commits) {
		for _, r := range unfinished(decode(notes[commit])) {
			r.Commit = commit
			open = append(open, r)
		}
	}
	return open, nil
}

// newest returns the newest commits up to head along the first parent, newest first.
func (f *Forge) newest(head string) ([]string, error) {
	var commits []string
	for hash := head; hash != "" && len(commits) < openWindow; {
		c, err := f.config.Commit(hash)
		if err != nil {
			return nil, fmt.Errorf("reading the config history at %s: %w", hash, err)
		}
		commits = append(commits, hash)
		hash = ""
		if len(c.Parents) > 0 {
			hash = c.Parents[0]
		}
	}
	return commits, nil
}

// unfinished returns the newest report of each context and source that has no terminal one, in the order in which they
// first appear.
func unfinished(reports []reconciler.Report) []reconciler.Report {
	type thread struct{ context, source string }
	var order []thread
	newest := map[thread]reconciler.Report{}
	for _, r := range reports {
		k := thread{r.Context, r.Source}
		last, seen := newest[k]
		if !seen {
			order = append(order, k)
		}
		if !seen || !last.Terminal() {
			newest[k] = r
		}
	}
	var open []reconciler.Report
	for _, k := range order {
		if !newest[k].Terminal() {
			open = append(open, newest[k])
		}
	}
	return open
}
