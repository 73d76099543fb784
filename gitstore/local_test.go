package gitstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// cloned returns a repository with some history and a checkout of it.
func cloned(t *testing.T, args ...string) (*gitserver.Repo, string) {
	t.Helper()
	r := gitserver.CreateBare(t, t.TempDir())
	r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"platform.yaml": "p", "workspaces/a/workspace.yaml": "w", "empty": ""}})
	r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"platform.yaml": "q"}})
	dir := filepath.Join(t.TempDir(), "checkout")
	gitserver.Git(t, t.TempDir(), nil, append(append([]string{"clone", "-q"}, args...), r.Dir, dir)...)
	return r, dir
}

func openLocal(t *testing.T, dir string) *Local {
	t.Helper()
	l, err := OpenLocal(context.WithoutCancel(t.Context()), dir) // it is closed after the end of the test's own context
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestLocal(t *testing.T) {
	t.Parallel()
	shapes := map[string]func(t *testing.T, r *gitserver.Repo, dir string) string{
		"loose objects": func(t *testing.T, _ *gitserver.Repo, dir string) string { return dir },
		"packed": func(t *testing.T, _ *gitserver.Repo, dir string) string {
			gitserver.Git(t, dir, nil, "gc", "-q")
			return dir
		},
		"a folder inside": func(t *testing.T, _ *gitserver.Repo, dir string) string { return filepath.Join(dir, "workspaces", "a") },
		"another work tree": func(t *testing.T, _ *gitserver.Repo, dir string) string {
			tree := filepath.Join(t.TempDir(), "tree")
			gitserver.Git(t, dir, nil, "worktree", "add", "-q", "-b", "side", tree)
			return tree
		},
		"bare": func(t *testing.T, r *gitserver.Repo, _ string) string { return r.Dir },
		"borrowed objects": func(t *testing.T, r *gitserver.Repo, _ string) string {
			dir := filepath.Join(t.TempDir(), "shared")
			gitserver.Git(t, t.TempDir(), nil, "clone", "-q", "--shared", r.Dir, dir)
			return dir
		},
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			r, dir := cloned(t)
			l := openLocal(t, shape(t, r, dir))
			head, branch, err := l.Head()
			if err != nil || head != r.Head("main") || branch != "main" && branch != "side" {
				t.Fatalf("HEAD is %s on %s: %v", head, branch, err)
			}
			if data, err := l.Read(head, "workspaces/a/workspace.yaml"); err != nil || string(data) != "w" {
				t.Fatalf("%q %v", data, err)
			}
			before, err := l.Resolve("HEAD~1")
			if err != nil {
				t.Fatal(err)
			}
			sameDiff(t, r, l, before, head)
			if err := fstest.TestFS(FS(l, head), "platform.yaml", "workspaces/a/workspace.yaml", "empty"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	_, dir := cloned(t)
	git := func(args ...string) string { return gitserver.Git(t, dir, nil, args...) }
	git("tag", "light")
	git("tag", "-a", "-m", "a tag", "v1")
	git("tag", "-a", "-m", "a tag of a tag", "v2", "v1")
	git("checkout", "-q", "-b", "topic", "HEAD~1")
	git("commit", "-q", "--allow-empty", "-m", "on topic")
	git("merge", "-q", "--no-ff", "-m", "merged", "main")
	head := git("rev-parse", "HEAD")
	git("pack-refs", "--all")
	for _, packed := range []bool{false, true} {
		if packed {
			git("gc", "-q")
		}
		l := openLocal(t, dir)
		for _, rev := range []string{"HEAD", "@", "HEAD~1", "HEAD^2", "HEAD^2~1", "HEAD~2", "HEAD^^", "HEAD^0", "HEAD^1", "main", "topic",
			"origin/main", "origin", "refs/heads/main", "heads/main", "light", "v1", "v2", "v2~1", head, head[:7], head[:12], strings.ToUpper(head[:9])} {
			want := git("rev-parse", rev+"^{commit}")
			if got, err := l.Resolve(rev); err != nil || got != want {
				t.Errorf("%s is %s %v, not %s", rev, got, err, want)
			}
		}
		for _, rev := range []string{"", "nothing", "HEAD~9", "HEAD^3", "HEAD^{tree}", "HEAD~x", "~1", strings.Repeat("0", 40), "abc", "0000000",
			git("rev-parse", "HEAD^{tree}"), git("rev-parse", "HEAD^{tree}")[:8], "HEAD@{1}", "../HEAD"} {
			if got, err := l.Resolve(rev); err == nil {
				t.Errorf("%q resolves to %s", rev, got)
			}
		}
	}
}

func TestLocalWithoutCommits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := OpenLocal(t.Context(), dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a folder outside of any repository: %v", err)
	}
	gitserver.Git(t, dir, nil, "init", "-q", "-b", "trunk")
	l := openLocal(t, dir)
	if head, branch, err := l.Head(); err != nil || head != "" || branch != "trunk" {
		t.Fatalf("%q %q %v", head, branch, err)
	}
	if changes, err := l.Diff("", ""); err != nil || len(changes) > 0 {
		t.Fatalf("%v %v", changes, err)
	}
}

func TestLocalWithBrokenFiles(t *testing.T) {
	t.Parallel()
	_, dir := cloned(t)
	gitserver.Git(t, dir, nil, "gc", "-q")
	indexes, err := filepath.Glob(filepath.Join(dir, ".git", "objects", "pack", "*.idx"))
	if err != nil || len(indexes) != 1 {
		t.Fatal(indexes, err)
	}
	data, err := os.ReadFile(indexes[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(indexes[0], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 7, 1000, 1100, len(data) / 3} {
		if err := os.WriteFile(indexes[0], data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := OpenLocal(t.Context(), dir); err == nil {
			t.Errorf("an index of %d bytes was opened: %v", n, l.Close())
		}
	}
}

// brokenReader fails in all it does.
type brokenReader struct{ err error }

func (b brokenReader) List(string, string) ([]manifest.Entry, error) { return nil, b.err }
func (b brokenReader) Read(string, string) ([]byte, error)           { return nil, b.err }

func TestFSPassesErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	f := FS(brokenReader{broken}, "x")
	if _, err := f.Open("a"); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := fs.ReadFile(f, "a"); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := fs.ReadDir(f, "."); !errors.Is(err, broken) {
		t.Error(err)
	}
}
