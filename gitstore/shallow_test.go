package gitstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// cutRepository has a history of n commits of which the server has the newest few.
func cutRepository(t *testing.T, n int, depth string) (whole, cut *gitserver.Repo) {
	t.Helper()
	s := gitserver.New(t)
	whole = s.Create(t, "whole")
	for i := range n {
		whole.Commit(gitserver.Change{Message: "c", Files: map[string]string{"a": strings.Repeat("x", i+1)}})
	}
	gitserver.Git(t, s.Dir, nil, "clone", "-q", "--bare", "--depth", depth, "file://"+whole.Dir, "cut.git")
	cut = s.Open(t, "cut")
	cut.Git("config", "http.receivepack", "true")
	return whole, cut
}

// TestShallowRemote reads, follows and pushes to a repository whose history was cut on the server.
func TestShallowRemote(t *testing.T) {
	t.Parallel()
	for _, depth := range []string{"1", "3"} {
		for _, way := range []string{"http", "path"} {
			t.Run(way+" "+depth, func(t *testing.T) {
				t.Parallel()
				whole, cut := cutRepository(t, 6, depth)
				url := cut.URL
				if way == "path" {
					url = cut.Dir
				}
				s := openStore(t, Options{URL: url})
				head := fetch(t, s)
				length, end := walk(t, s, head)
				if length != depth || s.HistoryEnd() != end || end == "" {
					t.Fatalf("%s commits down to %q, and the history ends at %q", length, end, s.HistoryEnd())
				}
				head = push(t, s, head, setFiles("next", map[string]string{"b": "1"}))[0]
				head = cut.Commit(gitserver.Change{Message: "theirs", Files: map[string]string{"c": "1"}, Parent: head})
				if got := fetch(t, s); got != head {
					t.Fatalf("the head is %q", got)
				}
				// The server gets the rest. The next commits may refer to any of it.
				cut.Git("fetch", "-q", "--unshallow", whole.Dir)
				head = cut.Commit(gitserver.Change{Message: "as before", Files: map[string]string{"a": "x"}})
				if got := fetch(t, s); got != head || s.HistoryEnd() != "" {
					t.Fatalf("the head is %q, and the history ends at %q", got, s.HistoryEnd())
				}
				if data, err := s.Read(head, "a"); err != nil || string(data) != "x" {
					t.Fatalf("%q %v", data, err)
				}
				if length, end := walk(t, s, head); length != "9" || end != "" {
					t.Fatalf("%s commits down to %q", length, end)
				}
			})
		}
	}
}

// walk goes back along the first parents, and returns how many commits there are and the one where the history was cut.
func walk(t *testing.T, r interface {
	Commit(string) (manifest.Commit, error)
}, head string) (length, end string) {
	t.Helper()
	n := 0
	for {
		c, err := r.Commit(head)
		if err != nil {
			t.Fatal(err)
		}
		n++
		if len(c.Parents) == 0 {
			if len(c.Cut) > 0 {
				end = head
			}
			return string(rune('0' + n)), end
		}
		head = c.Parents[0]
	}
}

// TestShallowSource looks at a source whose history was cut, and checks it out.
func TestShallowSource(t *testing.T) {
	t.Parallel()
	whole, cut := cutRepository(t, 4, "2")
	tips, err := openRemote(t, RemoteOptions{}).Tips(t.Context(), cut.URL, []Place{{}})
	if err != nil || tips[0].Err != nil || tips[0].Commit != whole.Head("main") {
		t.Fatalf("%v %v", tips, err)
	}
	remote := openRemote(t, RemoteOptions{})
	for i, rev := range []string{"main", "main~1", "main~2"} {
		dir := filepath.Join(t.TempDir(), "out")
		err := remote.Checkout(t.Context(), cut.URL, whole.Git("rev-parse", rev), dir)
		if i < 2 && err != nil {
			t.Errorf("%s: %v", rev, err)
		}
		if i == 2 && (!errors.Is(err, ErrNoCommit) || !strings.Contains(err.Error(), "shallow")) {
			t.Errorf("%s: %v", rev, err)
		}
	}
}

// TestLocalKinds reads every kind of checkout that git reads.
func TestLocalKinds(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(t *testing.T, r *gitserver.Repo) string{
		"partial": func(t *testing.T, r *gitserver.Repo) string {
			r.Git("config", "uploadpack.allowFilter", "true")
			r.Git("config", "uploadpack.allowAnySHA1InWant", "true")
			return clone(t, "--filter=blob:none", "--no-checkout", "file://"+r.Dir)
		},
		"partial without trees": func(t *testing.T, r *gitserver.Repo) string {
			r.Git("config", "uploadpack.allowFilter", "true")
			r.Git("config", "uploadpack.allowAnySHA1InWant", "true")
			return clone(t, "--filter=tree:0", "--no-checkout", "file://"+r.Dir)
		},
		"shared":    func(t *testing.T, r *gitserver.Repo) string { return clone(t, "--shared", r.Dir) },
		"reference": func(t *testing.T, r *gitserver.Repo) string { return clone(t, "--reference", r.Dir, "file://"+r.Dir) },
		"sparse":    func(t *testing.T, r *gitserver.Repo) string { return clone(t, "--sparse", "file://"+r.Dir) },
		"old index": func(t *testing.T, r *gitserver.Repo) string {
			dir := clone(t, "file://"+r.Dir)
			gitserver.Git(t, dir, nil, "-c", "pack.indexVersion=1", "repack", "-adfq")
			return dir
		},
		"many packs in one index": func(t *testing.T, r *gitserver.Repo) string {
			dir := clone(t, "file://"+r.Dir)
			gitserver.Git(t, dir, nil, "repack", "-dq", "--write-midx")
			gitserver.Git(t, dir, nil, "commit-graph", "write", "--reachable")
			gitserver.Git(t, dir, nil, "pack-refs", "--all")
			return dir
		},
		"a folder deep below": func(t *testing.T, r *gitserver.Repo) string {
			dir := filepath.Join(clone(t, r.Dir), "x", "y", "z")
			if err := os.MkdirAll(dir, 0o750); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		"linked": func(t *testing.T, r *gitserver.Repo) string {
			dir := filepath.Join(t.TempDir(), "linked")
			gitserver.Git(t, clone(t, r.Dir), nil, "worktree", "add", "-q", "-b", "beside", dir)
			return dir
		},
		"a separate folder for Git": func(t *testing.T, r *gitserver.Repo) string {
			return clone(t, "--separate-git-dir", filepath.Join(t.TempDir(), "git"), r.Dir)
		},
		"core.worktree": func(t *testing.T, r *gitserver.Repo) string {
			dir := clone(t, r.Dir)
			gitserver.Git(t, dir, nil, "config", "core.worktree", t.TempDir())
			return filepath.Join(dir, ".git")
		},
		"submodule": func(t *testing.T, r *gitserver.Repo) string {
			dir := t.TempDir()
			gitserver.Git(t, dir, nil, "init", "-q")
			gitserver.Git(t, dir, nil, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", r.Dir, "sub")
			return filepath.Join(dir, "sub")
		},
		"bare, from within": func(_ *testing.T, r *gitserver.Repo) string { return filepath.Join(r.Dir, "refs") },
	}
	for name, make := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := gitserver.CreateBare(t, t.TempDir())
			r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"platform.yaml": "one", "deep/er/file": "deep"}})
			r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"platform.yaml": "two"}})
			l := openLocal(t, make(t, r))
			head, _, err := l.Head()
			if err != nil || head != r.Head("main") {
				t.Fatalf("the head is %q: %v", head, err)
			}
			before, err := l.Resolve("HEAD~1")
			if err != nil || before != r.Git("rev-parse", "main~1") {
				t.Fatalf("HEAD~1 is %q: %v", before, err)
			}
			for at, want := range map[string]string{before: "one", head: "two"} {
				if data, err := l.Read(at, "platform.yaml"); err != nil || string(data) != want {
					t.Errorf("%q: %v", data, err)
				}
			}
			if data, err := l.Read(head, "deep/er/file"); err != nil || string(data) != "deep" {
				t.Errorf("%q: %v", data, err)
			}
			if changes, err := l.Diff(before, head); err != nil || len(changes) != 1 {
				t.Errorf("%v: %v", changes, err)
			}
			if _, err := l.Commit(strings.Repeat("1", 40)); !errors.Is(err, ErrNoCommit) {
				t.Errorf("a commit that never was: %v", err)
			}
		})
	}
}

// TestLocalShallow ends where a shallow clone does.
func TestLocalShallow(t *testing.T) {
	t.Parallel()
	whole, _ := cutRepository(t, 5, "1")
	l := openLocal(t, clone(t, "--depth", "2", "file://"+whole.Dir))
	head, _, err := l.Head()
	if err != nil {
		t.Fatal(err)
	}
	if length, end := walk(t, l, head); length != "2" || end == "" {
		t.Fatalf("%s commits down to %q", length, end)
	}
	if _, err := l.Resolve("HEAD~3"); err == nil {
		t.Fatal("a commit behind the end was found")
	}
}

func clone(t *testing.T, args ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	gitserver.Git(t, t.TempDir(), nil, append(append([]string{"clone", "-q"}, args...), dir)...)
	return dir
}
