// Package gitforge tells people on a plain Git remote how far their changes are. What it says are lines of JSON in the Git
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
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/words"
)

// recallWindow is how many of the newest config commits Recall looks at: runs are over long before as many commits follow,
// and what failed longer ago may be built once more.
const recallWindow = 1000

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

// Forge is a reconciler.Forge that writes notes. It is safe for use by several goroutines, and beside other processes.
type Forge struct {
	notes  Notes
	config reconciler.Reader
}

var _ reconciler.Forge = (*Forge)(nil)

// New returns a Forge on the notes of the repository that config reads.
func New(notes Notes, config reconciler.Reader) *Forge {
	return &Forge{notes: notes, config: config}
}

// Report implements reconciler.Forge.
func (f *Forge) Report(ctx context.Context, reports []reconciler.Report) error {
	_, err := f.Publish(ctx, reports)
	return err
}

// Publish is Report, and returns what each commit of the reports says then, oldest first: all news among the reports go out
// in one push. What is news is decided on the notes that the push builds on, so that two processes cannot both give a verdict.
func (f *Forge) Publish(ctx context.Context, reports []reconciler.Report) (map[string][]reconciler.Statement, error) {
	if len(reports) == 0 {
		return nil, nil
	}
	var commits []string
	byCommit := map[string][]reconciler.Statement{}
	for _, r := range reports {
		if !manifest.IsCommit(r.Commit) {
			continue // no commit has that name: nobody can be told there, and those behind it have to be
		}
		if byCommit[r.Commit] == nil {
			commits = append(commits, r.Commit)
		}
		byCommit[r.Commit] = append(byCommit[r.Commit], words.Statement(r))
	}
	said := map[string][]reconciler.Statement{}
	err := f.notes.Update(ctx, commits, func(commit string, note []byte) []byte {
		before := decode(note)
		news := reconciler.News(before, byCommit[commit])
		said[commit] = append(before, news...)
		return appendLines(note, news)
	})
	if err != nil {
		return nil, fmt.Errorf("writing %s to the notes of the config repository: %w", manifest.Count(len(reports), "report"), err)
	}
	return said, nil
}

// Said returns what commits of the config repository say already, oldest first, as the notes were last seen: the server is asked
// only when they never were.
func (f *Forge) Said(ctx context.Context, commits []string) (map[string][]reconciler.Statement, error) {
	said := map[string][]reconciler.Statement{}
	err := f.notes.Update(ctx, commits, func(commit string, note []byte) []byte {
		if before := decode(note); len(before) > 0 {
			said[commit] = before
		}
		return note
	})
	if err != nil {
		return nil, fmt.Errorf("reading the notes of the config repository: %w", err)
	}
	return said, nil
}

// Recall implements reconciler.Forge. Statements come in the order of their commits, oldest first.
func (f *Forge) Recall(ctx context.Context, head string) ([]reconciler.Recalled, error) {
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
	var recalled []reconciler.Recalled
	for _, commit := range slices.Backward(commits) {
		for _, s := range worthRecalling(decode(notes[commit])) {
			recalled = append(recalled, reconciler.Recalled{Commit: commit, Statement: s})
		}
	}
	return recalled, nil
}

// Told returns all that the newest config commits up to head say, in the order of the commits, oldest first, as the notes were last seen: the
// server is asked only when they never were.
func (f *Forge) Told(ctx context.Context, head string) ([]reconciler.Recalled, error) {
	commits, err := f.newest(head)
	if err != nil || len(commits) == 0 {
		return nil, err
	}
	said, err := f.Said(ctx, commits)
	if err != nil {
		return nil, err
	}
	var told []reconciler.Recalled
	for _, commit := range slices.Backward(commits) {
		for _, s := range said[commit] {
			told = append(told, reconciler.Recalled{Commit: commit, Statement: s})
		}
	}
	return told, nil
}

// newest returns the newest commits up to head along the first parent, newest first.
func (f *Forge) newest(head string) ([]string, error) {
	var commits []string
	for hash := head; hash != "" && len(commits) < recallWindow; {
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

// worthRecalling returns, of what one commit says, the newest statement of each context and source that has no verdict,
// and all about builds that failed or came to what runs.
func worthRecalling(said []reconciler.Statement) []reconciler.Statement {
	type thread struct{ context, source string }
	newest, ended := map[thread]int{}, map[thread]bool{}
	for i, s := range said {
		k := thread{s.Context, s.Source}
		newest[k] = i
		ended[k] = s.Terminal() || ended[k] && !s.Waits // what has come to a stop is open again
	}
	var recalled []reconciler.Statement
	for i, s := range said {
		k := thread{s.Context, s.Source}
		if s.Terminal() && s.Build+s.Unchanged != "" || newest[k] == i && !ended[k] {
			recalled = append(recalled, s)
		}
	}
	return recalled
}
