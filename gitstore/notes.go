package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/plateform/plateform/gitstore/transport"
	"github.com/plateform/plateform/manifest"
)

// NotesRef is where Plateform keeps its notes.
const NotesRef = "refs/notes/plateform"

// NotesOptions of Notes. Branch is not used.
type NotesOptions struct {
	Options
	// Ref of the notes. Default NotesRef.
	Ref string
	// Author of the commits that hold the notes.
	Author manifest.Signature
	// Now tells the time of those commits.
	Now func() time.Time
}

// Notes are the notes of commits on a remote, as git notes keeps them. It is safe for use by several goroutines, and
// other writers of the same ref lose nothing.
type Notes struct {
	store  *Store
	author manifest.Signature
	now    func() time.Time

	mu   sync.Mutex
	seen bool   // head is known
	head string // where the ref was last seen
}

// OpenNotes returns the notes of a remote. It makes no network call.
func OpenNotes(o NotesOptions) (*Notes, error) {
	o.Options = o.withDefaults()
	if o.Ref == "" {
		o.Ref = NotesRef
	}
	short, ok := strings.CutPrefix(o.Ref, "refs/notes/")
	if !ok {
		return nil, fmt.Errorf("%q is no ref of notes: it must begin with refs/notes/", o.Ref)
	}
	if err := errors.Join(transport.CheckURL(o.URL), checkBranch(short)); err != nil {
		return nil, err
	}
	if o.Now == nil {
		return nil, errors.New("notes need a clock")
	}
	return &Notes{store: open(o.Options, plumbing.ReferenceName(o.Ref)), author: o.Author, now: o.Now}, nil
}

// Close removes what is kept on disk.
func (n *Notes) Close() error { return n.store.Close() }

// maxNotesTries bounds how often Update begins again because others were faster. Each time one of them has got through,
// so this is a number of writers, not of seconds.
const maxNotesTries = 200

// Update changes the notes of the commits in one push. For each commit, change gets the note as it was last seen, empty
// when there was none, and returns the note as it shall be, empty to remove it. When no note changes, nothing is
// sent. When the notes are no longer as they were last seen, change is asked again with what the others wrote.
func (n *Notes) Update(ctx context.Context, commits []string, change func(commit string, note []byte) []byte) error {
	head, err := n.lastSeen(ctx)
	for range maxNotesTries {
		if err != nil {
			return err
		}
		files := map[string][]byte{}
		for _, c := range commits {
			if err := n.change(head, c, change, files); err != nil {
				return err
			}
		}
		if len(files) == 0 {
			return nil
		}
		if err = n.push(ctx, head, files); !errors.Is(err, manifest.ErrMoved) {
			return err
		}
		head, err = n.fetch(ctx)
	}
	return fmt.Errorf("writing notes: %w, %d times in a row", manifest.ErrMoved, maxNotesTries)
}

// push makes one commit of the files.
func (n *Notes) push(ctx context.Context, head string, files map[string][]byte) error {
	author := n.author
	author.When = n.now()
	edit := manifest.Edit{Message: "Notes added by Plateform", Author: author, Files: files}
	hashes, err := n.store.Push(ctx, head, []manifest.Edit{edit})
	if err != nil {
		n.see("", false)
		return err
	}
	n.see(hashes[len(hashes)-1], true)
	return nil
}

// lastSeen returns where the ref was last seen, and looks when it never was or when the last push went wrong. A push from
// there is a compare-and-swap, so looking first would only cost a round trip.
func (n *Notes) lastSeen(ctx context.Context) (string, error) {
	n.mu.Lock()
	head, seen := n.head, n.seen
	n.mu.Unlock()
	if seen {
		return head, nil
	}
	return n.fetch(ctx)
}

func (n *Notes) fetch(ctx context.Context) (string, error) {
	head, err := n.store.Fetch(ctx)
	if err != nil {
		return "", err
	}
	n.see(head, true)
	return head, nil
}

func (n *Notes) see(head string, seen bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.head, n.seen = head, seen
}

// change puts into files what a change of one commit's note does.
func (n *Notes) change(head, commit string, change func(string, []byte) []byte, files map[string][]byte) error {
	if !plumbing.IsHash(commit) {
		return fmt.Errorf("a note on %q: not the full hash of a commit", commit)
	}
	note, paths, err := n.find(head, commit)
	if err != nil {
		return err
	}
	wanted := change(commit, bytes.Clone(note))
	if bytes.Equal(wanted, note) {
		return nil
	}
	for _, p := range paths {
		files[p] = nil
	}
	if len(wanted) == 0 {
		return nil
	}
	if len(paths) == 0 {
		paths = []string{commit[:2] + "/" + commit[2:]}
	}
	files[paths[0]] = wanted
	return nil
}

// Read returns the notes as they are now of those of the commits that have one.
func (n *Notes) Read(ctx context.Context, commits []string) (map[string][]byte, error) {
	head, err := n.fetch(ctx)
	if err != nil {
		return nil, err
	}
	notes := map[string][]byte{}
	for _, c := range commits {
		note, _, err := n.find(head, c)
		if err != nil {
			return nil, err
		}
		if len(note) > 0 {
			notes[c] = note
		}
	}
	return notes, nil
}

// maxFanout bounds the folders of two digits that a note may be in. Git makes more of them the more notes there are.
const maxFanout = 4

// find returns the note of a commit and where it is. Two writers that fan out differently can make two files of one
// note, which Git reads one after the other.
func (n *Notes) find(head, commit string) (note []byte, paths []string, err error) {
	if head == "" || !plumbing.IsHash(commit) {
		return nil, nil, nil
	}
	for depth := range maxFanout + 1 {
		p := notePath(commit, depth)
		data, err := n.store.Read(head, p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		paths = append(paths, p)
		note = joinNotes(note, data)
	}
	return note, paths, nil
}

// notePath is the file of a commit's note below depth folders.
func notePath(commit string, depth int) string {
	var p strings.Builder
	for i := range depth {
		p.WriteString(commit[2*i : 2*i+2])
		p.WriteByte('/')
	}
	return p.String() + commit[2*depth:]
}

// joinNotes puts one note behind another, on lines of its own.
func joinNotes(a, b []byte) []byte {
	if len(a) > 0 && a[len(a)-1] != '\n' {
		a = append(a, '\n')
	}
	return append(a, b...)
}
