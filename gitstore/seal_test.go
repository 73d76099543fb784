package gitstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// sealed is an edit whose message names its tree and its parent.
func sealed(subject string, files map[string]string) manifest.Edit {
	e := setFiles("not used", files)
	e.Seal = func(tree, parent string) (string, error) {
		return fmt.Sprintf("%s\n\nTree: %s\nParent: %s.\n", subject, tree, parent), nil
	}
	return e
}

// checkSealed holds that the message of a commit names what the commit has.
func checkSealed(t *testing.T, r *gitserver.Repo, s *Store, hash, subject string) {
	t.Helper()
	c, err := s.Commit(hash)
	if err != nil {
		t.Fatal(err)
	}
	if want := r.Git("rev-parse", hash+"^{tree}"); c.Tree != want {
		t.Errorf("%s has the tree %q, want %s", subject, c.Tree, want)
	}
	want := fmt.Sprintf("%s\n\nTree: %s\nParent: %s.\n", subject, c.Tree, strings.Join(c.Parents, ""))
	if c.Message != want {
		t.Errorf("the message is %q, want %q", c.Message, want)
	}
}

// TestSeal makes messages that depend on their commits, the first one ever among them, and again when somebody was faster.
func TestSeal(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	s := openStore(t, Options{URL: r.Dir})
	fetch(t, s)
	edits := []manifest.Edit{sealed("one", map[string]string{"a": "1"}), setFiles("two", map[string]string{"a": "2"}), sealed("three", map[string]string{"b": "3"})}
	h := push(t, s, "", edits...)
	checkSealed(t, r, s, h[0], "one")
	checkSealed(t, r, s, h[2], "three")
	if c, err := s.Commit(h[1]); err != nil || c.Message != "two\n" {
		t.Errorf("%q %v", c.Message, err)
	}

	head := r.Commit(gitserver.Change{Message: "theirs", Files: map[string]string{"theirs": "1"}})
	ours := sealed("ours", map[string]string{"b": "4"})
	if _, err := s.Push(t.Context(), h[2], []manifest.Edit{ours}); !errors.Is(err, manifest.ErrMoved) {
		t.Fatalf("got %v", err)
	}
	if got := fetch(t, s); got != head {
		t.Fatal(got)
	}
	again := push(t, s, head, ours)
	checkSealed(t, r, s, again[0], "ours")
	if got := r.Git("rev-parse", again[0]+"^"); got != head {
		t.Errorf("the parent is %s, not %s", got, head)
	}
	r.Check()
}

func TestSealThatFails(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	s := openStore(t, Options{URL: r.Dir})
	fetch(t, s)
	noKey := errors.New("no key")
	edit := setFiles("x", map[string]string{"a": "1"})
	edit.Seal = func(string, string) (string, error) { return "", noKey }
	if _, err := s.Push(t.Context(), "", []manifest.Edit{edit}); !errors.Is(err, noKey) {
		t.Fatalf("got %v", err)
	}
	if head := r.Head("main"); head != "" {
		t.Fatalf("something was pushed: %s", head)
	}
}
