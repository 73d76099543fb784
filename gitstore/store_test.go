package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// TestContract runs what a Repository must do against every way to reach one.
func TestContract(t *testing.T) {
	checks := []struct {
		name  string
		check func(t *testing.T, r *gitserver.Repo, o Options)
	}{
		{"empty repository", checkEmpty},
		{"missing branch", checkMissingBranch},
		{"reading", checkReading},
		{"following", checkFollowing},
		{"rewritten history", checkRewritten},
		{"moved", checkMoved},
		{"refused", checkRefused},
		{"several commits", checkSeveral},
	}
	for _, tr := range transports() {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range checks {
				t.Run(c.name, func(t *testing.T) {
					r, o := tr.make(t)
					c.check(t, r, o)
					r.Check()
				})
			}
		})
	}
}

func checkEmpty(t *testing.T, r *gitserver.Repo, o Options) {
	s := openStore(t, o)
	if head := fetch(t, s); head != "" {
		t.Fatalf("the head of an empty repository is %q", head)
	}
	first := push(t, s, "", setFiles("First\n\nWorkspace: ws\n", map[string]string{"a/b.yaml": "one\n", "c": ""}))[0]
	if got := r.Head("main"); got != first {
		t.Fatalf("main is at %q, not at %s", got, first)
	}
	want := "First||Workspace: ws|Plateform <plateform@users.noreply.github.com> 1795348800"
	if got := r.Git("log", "-1", "--format=%s||%(trailers:separator=%x00)|%an <%ae> %at", "main"); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	if got := r.Read("main", "a/b.yaml"); got != "one\n" {
		t.Fatalf("a/b.yaml is %q", got)
	}
	if head := fetch(t, openStore(t, o)); head != first {
		t.Fatalf("another store sees %q", head)
	}
	if _, err := s.Push(t.Context(), "", []manifest.Edit{setFiles("Again", nil)}); !errors.Is(err, manifest.ErrMoved) {
		t.Fatalf("a second first commit: %v", err)
	}
}

func checkMissingBranch(t *testing.T, r *gitserver.Repo, o Options) {
	r.Commit(gitserver.Change{Branch: "main", Message: "elsewhere", Files: map[string]string{"x": "1"}})
	o.Branch = "feature/gitops"
	s := openStore(t, o)
	if head := fetch(t, s); head != "" {
		t.Fatalf("the head of a missing branch is %q", head)
	}
	h := push(t, s, "", setFiles("Start", map[string]string{"y": "2"}))
	if got := r.Head("feature/gitops"); got != h[0] {
		t.Fatalf("the branch is at %q", got)
	}
	r.Git("update-ref", "-d", "refs/heads/feature/gitops")
	if head := fetch(t, s); head != "" {
		t.Fatalf("the head of a deleted branch is %q", head)
	}
}

func checkReading(t *testing.T, r *gitserver.Repo, o Options) {
	r.Commit(gitserver.Change{Message: "a tree of all kinds", Author: "Bob <bob@example.com>",
		Files: map[string]string{"platform.yaml": "kind: Platform\n", "ws/a/x": "x", "ws/b": "b", "run.sh": "#!", "link": "platform.yaml",
			"sub": "0123456789012345678901234567890123456789", "ws.txt": "", "wsdir/x": "1"},
		Modes: map[string]string{"run.sh": "100755", "link": "120000", "sub": "160000"}})
	s := openStore(t, o)
	head := fetch(t, s)
	c, err := s.Commit(head)
	if err != nil || c.Author.Name != "Bob" || c.Author.Email != "bob@example.com" || c.Message != "a tree of all kinds" || c.Hash != head {
		t.Fatalf("%+v %v", c, err)
	}
	entries, err := s.List(head, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if want := r.Git("rev-parse", head+":"+e.Name); e.Hash != want {
			t.Errorf("%s has the hash %s, not %s", e.Name, e.Hash, want)
		}
		got = append(got, fmt.Sprint(e.Name, " ", e.Dir))
	}
	want := []string{"platform.yaml false", "run.sh false", "ws true", "ws.txt false", "wsdir true"}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	for _, missing := range []string{"link", "sub", "ws", "nothing", "ws/nothing", "nothing/x", "platform.yaml/x", "", "..", ".git/config", "ws/../platform.yaml"} {
		if _, err := s.Read(head, missing); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("reading %q: %v", missing, err)
		}
	}
	if e, err := s.List(head, "nothing/at/all"); err != nil || len(e) != 0 {
		t.Errorf("a missing folder: %v %v", e, err)
	}
	data, err := s.Read(head, "ws/a/x")
	if err != nil || string(data) != "x" {
		t.Fatalf("%q %v", data, err)
	}
	data[0] = 'y'
	if again, _ := s.Read(head, "ws/a/x"); string(again) != "x" {
		t.Error("a caller changed what others read")
	}
	for _, unknown := range []string{strings.Repeat("0", 39) + "1", "main", ""} {
		if _, err := s.Commit(unknown); !errors.Is(err, ErrNoCommit) {
			t.Errorf("an unknown commit %q: %v", unknown, err)
		}
	}
}

func checkFollowing(t *testing.T, r *gitserver.Repo, o Options) {
	s := openStore(t, o)
	before, files := "", map[string]string{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 9 {
		c := gitserver.Change{Message: fmt.Sprint("round ", round), Files: map[string]string{}}
		for range 1 + rnd.IntN(8) {
			p := fmt.Sprintf("d%d/e%d/f%d", rnd.IntN(3), rnd.IntN(3), rnd.IntN(4))
			c.Files[p] = fmt.Sprint(rnd.IntN(5))
			files[p] = c.Files[p]
		}
		if round%3 == 2 {
			victim := slices.Sorted(maps.Keys(files))[0]
			delete(files, victim)
			delete(c.Files, victim)
			c.Remove = []string{victim}
		}
		r.Commit(c)
		head := fetch(t, s)
		sameDiff(t, r, s, before, head)
		for p, want := range files {
			if got, err := s.Read(head, p); err != nil || string(got) != want {
				t.Fatalf("%s is %q %v, not %q", p, got, err, want)
			}
		}
		before = head
	}
}

// sameDiff compares Diff with git diff-tree.
func sameDiff(t *testing.T, r *gitserver.Repo, s Reader, from, to string) {
	t.Helper()
	type differ interface {
		Diff(from, to string) ([]manifest.Change, error)
	}
	changes, err := s.(differ).Diff(from, to)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, c := range changes {
		zero := strings.Repeat("0", 40)
		got = append(got, strings.Join([]string{max(c.Before, zero), max(c.After, zero), c.Path}, " "))
	}
	base := from
	if from == "" {
		base = r.Git("hash-object", "-t", "tree", "-w", "/dev/null")
	}
	want := []string{}
	for line := range strings.Lines(r.Git("diff-tree", "-r", "--no-renames", base, to)) {
		f := strings.Fields(line)
		if f[2] != f[3] {
			want = append(want, f[2]+" "+f[3]+" "+f[5])
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%s..%s: %s", from, to, d)
	}
}

func checkRewritten(t *testing.T, r *gitserver.Repo, o Options) {
	first := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"a": "2"}})
	s := openStore(t, o)
	old := fetch(t, s)
	rewritten := r.Commit(gitserver.Change{Message: "2b", Parent: first, Files: map[string]string{"a": "2b", "b": "new"}})
	if head := fetch(t, s); head != rewritten {
		t.Fatalf("the head is %s after a forced push, not %s", head, rewritten)
	}
	sameDiff(t, r, s, old, rewritten)
	unrelated := r.Commit(gitserver.Change{Message: "another root", Parent: "none", Files: map[string]string{"z": "z"}})
	if head := fetch(t, s); head != unrelated {
		t.Fatalf("the head is %s after the history was replaced, not %s", head, unrelated)
	}
	sameDiff(t, r, s, rewritten, unrelated)
	if data, err := s.Read(old, "a"); err != nil || string(data) != "2" {
		t.Fatalf("what was replaced can be read no more: %q %v", data, err)
	}
	r.Git("update-ref", "refs/heads/main", first)
	if head := fetch(t, s); head != first {
		t.Fatalf("the head is %s after a reset, not %s", head, first)
	}
}

func checkMoved(t *testing.T, r *gitserver.Repo, o Options) {
	r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	s := openStore(t, o)
	base := fetch(t, s)
	theirs := r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"a": "2"}})
	_, err := s.Push(t.Context(), base, []manifest.Edit{setFiles("ours", map[string]string{"b": "1"})})
	if !errors.Is(err, manifest.ErrMoved) {
		t.Fatalf("pushing to a branch that moved: %v", err)
	}
	if head := r.Head("main"); head != theirs {
		t.Fatalf("the branch is at %s", head)
	}
	base = fetch(t, s)
	ours := push(t, s, base, setFiles("ours", map[string]string{"b": "1"}))
	if got := r.Git("rev-list", "--reverse", theirs+"..main"); got != ours[0] {
		t.Fatalf("on top of theirs: %s", got)
	}
}

func checkRefused(t *testing.T, r *gitserver.Repo, o Options) {
	base := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	r.Hook("pre-receive", "echo 'releases are frozen until Monday' >&2; exit 1")
	s := openStore(t, o)
	fetch(t, s)
	edit := setFiles("ours", map[string]string{"b": "1"})
	_, err := s.Push(t.Context(), base, []manifest.Edit{edit})
	var refused *RefusedError
	if !errors.As(err, &refused) || errors.Is(err, manifest.ErrMoved) {
		t.Fatalf("a push that a hook refuses: %v", err)
	}
	if !strings.Contains(err.Error(), "releases are frozen until Monday") {
		t.Fatalf("the message of the hook is missing: %v", err)
	}
	if head := r.Head("main"); head != base {
		t.Fatalf("the branch is at %s", head)
	}
	r.Hook("pre-receive", "")
	push(t, s, base, edit)
}

func checkSeveral(t *testing.T, r *gitserver.Repo, o Options) {
	files := map[string]string{"keep.txt": "k", "tool": "#!/bin/sh\n", "link": "keep.txt"}
	for i := range 60 {
		files[fmt.Sprintf("workspaces/ws-%02d/workspace.yaml", i)] = fmt.Sprint(i)
	}
	r.Commit(gitserver.Change{Message: "1", Files: files, Modes: map[string]string{"tool": "100755", "link": "120000"}})
	s := openStore(t, o)
	base := fetch(t, s)
	var edits []manifest.Edit
	for i := range 150 {
		edits = append(edits, setFiles(fmt.Sprint("commit ", i), map[string]string{fmt.Sprintf("workspaces/ws-%02d/p/%d.yaml", i%60, i): fmt.Sprint(i)}))
	}
	last := setFiles("Last", map[string]string{"tool": "#!/bin/bash\n", "keep.txt/now/a/folder": "1"})
	last.Files["keep.txt"] = nil
	last.Files["workspaces/ws-00/workspace.yaml"] = nil
	last.Files["workspaces/ws-01/p/1.yaml"] = nil
	last.Files["nothing/here"] = nil
	edits = append(edits, last, manifest.Edit{Message: "An empty one", Author: author()})
	hashes := push(t, s, base, edits...)
	if got := strings.Fields(r.Git("rev-list", "--reverse", base+"..main")); !slices.Equal(got, hashes) {
		t.Fatalf("git sees %d other commits", len(got))
	}
	sameDiff(t, r, s, base, hashes[len(hashes)-1])
	sameDiff(t, r, s, hashes[70], hashes[len(hashes)-2])
	if got := r.Git("ls-tree", "main", "tool", "link"); !strings.Contains(got, "100755 blob") || !strings.Contains(got, "120000 blob") {
		t.Fatalf("modes were lost: %s", got)
	}
	if got := r.Git("diff-tree", "-r", hashes[len(hashes)-1]); strings.Contains(got, "\n") {
		t.Fatalf("the empty commit changes %s", got)
	}
	fresh := openStore(t, o)
	if head := fetch(t, fresh); head != hashes[len(hashes)-1] {
		t.Fatalf("another store sees %s", head)
	}
	sameDiff(t, r, fresh, base, hashes[len(hashes)-1])
}

func TestGoroutinesReadWhileOthersWrite(t *testing.T) {
	t.Parallel()
	r := gitserver.CreateBare(t, t.TempDir())
	base := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a/b/c": "0"}})
	// Small bounds: what is read moves to disk and is fetched anew all the time.
	s := openStore(t, Options{URL: r.Dir, MemoryObjects: 8, MaxPacks: 2, CacheBytes: 4 << 10})
	fetch(t, s)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if data, err := s.Read(base, "a/b/c"); err != nil || string(data) != "0" {
					t.Errorf("%q %v", data, err)
					return
				}
			}
		})
	}
	head := base
	for i := range 10 {
		push(t, s, head, setFiles("ours", map[string]string{"a/b/c": fmt.Sprint(i + 1), fmt.Sprint("f", i): "x"}))
		head = r.Commit(gitserver.Change{Message: "theirs", Files: map[string]string{fmt.Sprint("t", i): "y"}})
		if got := fetch(t, s); got != head {
			t.Fatalf("%s is not %s", got, head)
		}
	}
	close(done)
	readers.Wait()
	if n := s.db.Load().Packs(); n > 4 {
		t.Errorf("%d packs have piled up", n)
	}
	sameDiff(t, r, s, base, head)
	r.Check()
}
