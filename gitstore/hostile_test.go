package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// hostileTree makes a commit of a tree as git would never write one.
func hostileTree(t *testing.T, r *gitserver.Repo) string {
	t.Helper()
	blob := r.Git("hash-object", "-w", "--stdin")
	raw := func(hash string) string {
		var b strings.Builder
		for i := 0; i < len(hash); i += 2 {
			var n byte
			if _, err := fmt.Sscanf(hash[i:i+2], "%02x", &n); err != nil {
				t.Fatal(err)
			}
			b.WriteByte(n)
		}
		return b.String()
	}
	var tree strings.Builder
	for _, name := range []string{"z", "..", ".", ".git", ".GIT", `back\slash`, "new\nline", "with/slash", "$(id)", "z", "ok", "\xff\xfe"} {
		fmt.Fprintf(&tree, "100644 %s\x00%s", name, raw(blob))
	}
	inner := gitserver.Git(t, r.Dir, []byte(fmt.Sprintf("100644 x\x00%s", raw(blob))), "hash-object", "-w", "-t", "tree", "--literally", "--stdin")
	for _, name := range []string{"..", ".git", "dir"} {
		fmt.Fprintf(&tree, "40000 %s\x00%s", name, raw(inner))
	}
	h := gitserver.Git(t, r.Dir, []byte(tree.String()), "hash-object", "-w", "-t", "tree", "--literally", "--stdin")
	c := r.Git("commit-tree", "-m", "hostile", h)
	r.Git("update-ref", "refs/heads/main", c)
	return c
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	head := hostileTree(t, r)
	s := openStore(t, Options{URL: r.Dir})
	if got := fetch(t, s); got != head {
		t.Fatal(got)
	}
	entries, err := s.List(head, "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	want := []string{"$(id)", `back\slash`, "dir", "new\nline", "ok", "z", "\xff\xfe"}
	if d := cmp.Diff(want, names); d != "" {
		t.Fatal(d)
	}
	changes, err := s.Diff("", head)
	if err != nil || len(changes) != len(want) {
		t.Fatalf("%v %v", changes, err)
	}
	for _, p := range []string{"..", ".git", "../x", ".git/x", "with/slash"} {
		if _, err := s.Read(head, p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("reading %q: %v", p, err)
		}
		if e, err := s.List(head, p); err != nil || len(e) > 0 {
			t.Errorf("listing %q: %v %v", p, e, err)
		}
	}
	// A commit on top leaves alone what it does not touch.
	h := push(t, s, head, setFiles("on top", map[string]string{"dir/y": "1"}))
	namesOf := func(rev string) []string {
		names := strings.Split(r.Git("ls-tree", "--name-only", "-z", rev), "\x00")
		slices.Sort(names)
		return slices.Compact(names)
	}
	if d := cmp.Diff(namesOf(head), namesOf(h[0])); d != "" {
		t.Error(d)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := NewRemote(RemoteOptions{}).Checkout(t.Context(), r.Dir, head, dir); err == nil {
		t.Error("a hostile tree was checked out")
	}
	for _, outside := range []string{"../x", "../../x"} {
		if _, err := os.Stat(filepath.Join(dir, outside)); err == nil {
			t.Errorf("%s was written", outside)
		}
	}
}

func TestTreeBomb(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	inner := gitserver.Git(t, r.Dir, nil, "hash-object", "-w", "-t", "blob", "--stdin")
	kind, mode := "blob", "100644"
	for range 12 {
		var s strings.Builder
		for i := range 10 {
			fmt.Fprintf(&s, "%s %s %s\td%d\n", mode, kind, inner, i)
		}
		inner = gitserver.Git(t, r.Dir, []byte(s.String()), "mktree")
		kind, mode = "tree", "040000"
	}
	r.Git("update-ref", "refs/heads/main", r.Git("commit-tree", "-m", "bomb", inner))
	s := openStore(t, Options{URL: r.Dir})
	head := fetch(t, s)
	d := differ{from: s.from(), seen: new(atomic.Int64), limit: 10_000}
	root, err := s.root(head)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.trees("", [20]byte{}, root, 0); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
	remote := NewRemote(RemoteOptions{MaxBytes: 1 << 20})
	defer remote.Close()
	if err := remote.Checkout(t.Context(), r.Dir, head, filepath.Join(t.TempDir(), "out")); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("checking it out: %v", err)
	}
}

func TestPathsThatNoEditMayHave(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	s := openStore(t, Options{URL: r.Dir})
	fetch(t, s)
	for _, p := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", ".", "./a", ".git/hooks/x", "a/.GIT/b", "a\\b", "a\x00b", "a\nb"} {
		if _, err := s.Push(t.Context(), "", []manifest.Edit{setFiles("x", map[string]string{p: "1"})}); err == nil {
			t.Errorf("%q was committed", p)
		}
	}
	both := map[string]string{"a": "1", "a/b": "2"}
	if _, err := s.Push(t.Context(), "", []manifest.Edit{setFiles("x", both)}); err == nil {
		t.Error("a file and a folder of one name were committed")
	}
	if head := r.Head("main"); head != "" {
		t.Fatalf("something was pushed: %s", head)
	}
}

func TestMessagesAndNamesThatGitWouldRefuse(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	s := openStore(t, Options{URL: r.Dir})
	fetch(t, s)
	e := setFiles("Subject\x00 with a zero\xff\n\n\n", map[string]string{"a": "1"})
	e.Author.Name, e.Author.Email = "Mallory <root@x>\nparent 0", "a>b\n"
	push(t, s, "", e)
	r.Check()
	if got := r.Git("log", "--format=%an|%ae|%s"); got != "Mallory root@xparent 0|ab|Subject with a zero?" {
		t.Errorf("got %q", got)
	}
}

func TestBranches(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"main": true, "a/b": true, "feature-1.x": true, "": false, "-x": false, "a b": false,
		"a..b": false, "a~1": false, "$(id)": true, "a:b": false, "a\nb": false, "x.lock": false, "/a": false, "a/.b": false, "@": false} {
		if err := checkBranch(name); (err == nil) != ok {
			t.Errorf("branch %q: %v", name, err)
		}
	}
}

func TestDiffTellsOfLinks(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	s := openStore(t, Options{URL: r.Dir})
	commit := func(modes map[string]string, files map[string]string) string {
		r.Commit(gitserver.Change{Message: "x", Files: files, Modes: modes})
		return fetch(t, s)
	}
	link := map[string]string{"a": "120000"}
	file := commit(nil, map[string]string{"a": "target"})
	linked := commit(link, map[string]string{"a": "target"}) // the very same bytes
	moved := commit(link, map[string]string{"a": "other"})
	script := commit(map[string]string{"a": "100755"}, map[string]string{"a": "other"})
	executable := commit(map[string]string{"a": "100644"}, map[string]string{"a": "other"})
	cases := []struct {
		name, from, to string
		there, special bool
	}{
		{"a file becomes a link", file, linked, true, true},
		{"a link to elsewhere", linked, moved, true, true},
		{"a link becomes a file", moved, script, true, false},
		{"a link as such", "", moved, true, true},
		{"a file may be run or not", script, executable, false, false},
	}
	for _, c := range cases {
		changes, err := s.Diff(c.from, c.to)
		if err != nil {
			t.Fatal(err)
		}
		if c.there != (len(changes) == 1) || c.there && (changes[0].Special != c.special || changes[0].After == "") {
			t.Errorf("%s: %+v", c.name, changes)
		}
	}
	if _, err := s.Read(moved, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading a link: %v", err)
	}
}
