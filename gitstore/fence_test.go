package gitstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// fenceFunc is a Fence.
type fenceFunc func() error

// Check implements Fence.
func (f fenceFunc) Check() error { return f() }

var errFenced = errors.New("another process leads")

// A process that may not write any more sends nothing that changes a remote: no commit, no merge, no note. It reads as before, and
// writes again once it may.
func TestAFenceKeepsEverythingBack(t *testing.T) {
	t.Parallel()
	var closed error
	srv, r, s, base := served(t, Options{Fence: fenceFunc(func() error { return closed })})
	base = push(t, s, base, setFiles("first", map[string]string{"b": "1"}))[0]
	r.Git("update-ref", "refs/pull/1/head", proposed(r, base))
	notes, err := OpenNotes(NotesOptions{Options: s.options, Author: author(), Now: when})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = notes.Close() })
	say := func(_ string, note []byte) []byte { return append(note, "more\n"...) }
	if err := notes.Update(t.Context(), []string{base}, say); err != nil {
		t.Fatal(err)
	}
	p := s.Proposals()
	t.Cleanup(func() { _ = p.Close() })
	head, err := p.Fetch(t.Context(), "refs/pull/1/head", base)
	if err != nil {
		t.Fatal(err)
	}
	merged, err := p.Merge(t.Context(), base, head, manifest.Edit{Message: "Merge", Author: author()})
	if err != nil {
		t.Fatal(err)
	}

	closed = errFenced
	refs, sent := r.Git("for-each-ref"), srv.Count("config", gitserver.PushPack)
	if _, err := s.Push(t.Context(), base, []manifest.Edit{setFiles("late", map[string]string{"b": "2"})}); !errors.Is(err, errFenced) {
		t.Errorf("a push ended with %v", err)
	}
	if err := p.Push(t.Context(), merged); !errors.Is(err, errFenced) {
		t.Errorf("the push of a merge ended with %v", err)
	}
	if err := notes.Update(t.Context(), []string{base}, say); !errors.Is(err, errFenced) {
		t.Errorf("a note ended with %v", err)
	}
	if now := r.Git("for-each-ref"); now != refs || srv.Count("config", gitserver.PushPack) != sent {
		t.Errorf("something was sent:\n%s\nbefore:\n%s", now, refs)
	}
	if fetch(t, s) != base {
		t.Error("it cannot be read")
	}

	closed = nil
	if err := errors.Join(p.Push(t.Context(), merged), notes.Update(t.Context(), []string{base}, say)); err != nil {
		t.Errorf("it is not written once it may be: %v", err)
	}
	if got := r.Git("notes", "--ref=plateform", "show", base); strings.Count(got, "more") != 2 {
		t.Errorf("the note is %q", got)
	}
}

// proposed is a commit on top of another that is on no branch.
func proposed(r *gitserver.Repo, base string) string {
	return strings.TrimSpace(r.Git("-c", "user.name=A", "-c", "user.email=a@example.com", "commit-tree", "-p", base, "-m", "Propose", r.Git("rev-parse", base+"~1^{tree}")))
}
