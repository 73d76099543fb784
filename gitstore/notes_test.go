package gitstore

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/test/gitserver"
)

func openNotes(t *testing.T, url string) *Notes {
	t.Helper()
	n, err := OpenNotes(NotesOptions{Options: Options{URL: url, Dir: t.TempDir()}, Author: author(), Now: when})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// appendLine returns a change that adds a line to each note.
func appendLine(line string) func(string, []byte) []byte {
	return func(_ string, note []byte) []byte { return append(note, (line + "\n")...) }
}

func TestNotes(t *testing.T) {
	t.Parallel()
	for _, tr := range transports() {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			r, o := tr.make(t)
			a := r.Commit(gitserver.Change{Message: "a", Files: map[string]string{"a": "1"}})
			b := r.Commit(gitserver.Change{Message: "b", Files: map[string]string{"a": "2"}})
			n, err := OpenNotes(NotesOptions{Options: o, Author: author(), Now: when})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = n.Close() }()
			if err := n.Update(t.Context(), []string{a, b}, appendLine(`{"state":"pending"}`)); err != nil {
				t.Fatal(err)
			}
			if err := n.Update(t.Context(), []string{b}, appendLine(`{"state":"success"}`)); err != nil {
				t.Fatal(err)
			}
			want := "{\"state\":\"pending\"}\n{\"state\":\"success\"}"
			if got := r.Git("notes", "--ref=plateform", "show", b); got != want {
				t.Errorf("git shows %q", got)
			}
			if got := r.Git("log", "-1", "--notes=plateform", "--format=%N", a); strings.TrimSpace(got) != `{"state":"pending"}` {
				t.Errorf("git log shows %q", got)
			}
			got, err := n.Read(t.Context(), []string{a, b, strings.Repeat("1", 40)})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(map[string][]byte{a: []byte("{\"state\":\"pending\"}\n"), b: []byte(want + "\n")}, got); d != "" {
				t.Error(d)
			}
			before := r.Git("rev-parse", NotesRef)
			if err := n.Update(t.Context(), []string{a, b}, func(_ string, note []byte) []byte { return note }); err != nil {
				t.Fatal(err)
			}
			if after := r.Git("rev-parse", NotesRef); after != before {
				t.Error("no change made a commit")
			}
			if err := n.Update(t.Context(), []string{a}, func(string, []byte) []byte { return nil }); err != nil {
				t.Fatal(err)
			}
			if got := r.Git("notes", "--ref=plateform", "list"); strings.Contains(got, a) || !strings.Contains(got, b) {
				t.Errorf("after removing one: %s", got)
			}
			r.Check()
		})
	}
}

func TestNotesThatGitFannedOut(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	r.Commit(gitserver.Change{Message: "a", Files: map[string]string{"a": "1"}})
	// Many notes in one go: git fans them out by itself.
	var stream bytes.Buffer
	blob := gitserver.Git(t, r.Dir, []byte("old\n"), "hash-object", "-w", "--stdin")
	stream.WriteString("commit refs/notes/plateform\ncommitter A <a@b> now\ndata 0\n")
	var commits []string
	for i := range 700 {
		c := fmt.Sprintf("%02x%02x%036x", i%251, i%241, i)
		commits = append(commits, c)
		d := 1 + i%3 // one, two and three levels, as they come about over time
		fmt.Fprintf(&stream, "M 100644 %s %s\n", blob, notePath(c, d-1))
	}
	gitserver.Git(t, r.Dir, stream.Bytes(), "fast-import", "--quiet", "--date-format=now")
	n := openNotes(t, r.Dir)
	some := []string{commits[0], commits[1], commits[2], commits[600], commits[699]}
	if err := n.Update(t.Context(), some, appendLine("new")); err != nil {
		t.Fatal(err)
	}
	for _, c := range some {
		if got := r.Git("notes", "--ref=plateform", "show", c); got != "old\nnew" {
			t.Errorf("the note of %s is %q", c, got)
		}
	}
	if got := strings.Count(r.Git("notes", "--ref=plateform", "list"), "\n"); got != 699 {
		t.Errorf("%d notes", got+1)
	}
	// A note in two places is one note.
	split := commits[0]
	head := fetch(t, n.store)
	push(t, n.store, head, setFiles("twice", map[string]string{notePath(split, 0): "first", notePath(split, 1): "second\n"}))
	got, err := n.Read(t.Context(), []string{split})
	if err != nil || string(got[split]) != "first\nsecond\n" {
		t.Errorf("%q %v", got[split], err)
	}
	if err := n.Update(t.Context(), []string{split}, appendLine("third")); err != nil {
		t.Fatal(err)
	}
	if got := r.Git("notes", "--ref=plateform", "show", split); got != "first\nsecond\nthird" {
		t.Errorf("put together: %q", got)
	}
}

func TestNotesRefuse(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]NotesOptions{
		"another ref": {Options: Options{URL: "/x"}, Ref: "refs/heads/main", Now: when},
		"a bad ref":   {Options: Options{URL: "/x"}, Ref: "refs/notes/a..b", Now: when},
		"no clock":    {Options: Options{URL: "/x"}},
		"a bad URL":   {Options: Options{URL: "ext::x"}, Now: when},
	} {
		if _, err := OpenNotes(o); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
	r := gitserver.CreateBare(t, t.TempDir())
	n := openNotes(t, r.Dir)
	for _, c := range []string{"", "main", "../../x", strings.Repeat("g", 40)} {
		if err := n.Update(t.Context(), []string{c}, appendLine("x")); err == nil {
			t.Errorf("a note on %q", c)
		}
		if got, err := n.Read(t.Context(), []string{c}); err != nil || len(got) > 0 {
			t.Errorf("the note of %q: %v %v", c, got, err)
		}
	}
}

func FuzzNotePath(f *testing.F) {
	f.Add("00112233445566778899aabbccddeeff00112233", uint8(2))
	f.Fuzz(func(t *testing.T, commit string, depth uint8) {
		if len(commit) != 40 || strings.Contains(commit, "/") {
			return
		}
		p := notePath(commit, int(depth%(maxFanout+1)))
		if strings.ReplaceAll(p, "/", "") != commit {
			t.Fatalf("%q is not the path of %q", p, commit)
		}
	})
}
