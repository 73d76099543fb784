package up_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/up"
)

// workplace is a folder with an app, and room for mirrors.
type workplace struct {
	*testing.T
	git     git.Command
	mirrors string
}

const program = "package main\n\nfunc main() {}\n"

func newWorkplace(t *testing.T) *workplace {
	t.Helper()
	w := &workplace{T: t, git: git.Command{Dir: t.TempDir(), Env: []string{
		"GIT_AUTHOR_NAME=alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_COMMITTER_NAME=alice", "GIT_COMMITTER_EMAIL=alice@example.com",
	}}, mirrors: t.TempDir()}
	w.write("go.mod", "module example.com/app\n\ngo 1.24\n")
	w.write("main.go", program)
	return w
}

func (w *workplace) write(name, content string) {
	w.Helper()
	file := filepath.Join(w.git.Dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		w.Fatal(err)
	}
}

// run runs git in the folder.
func (w *workplace) run(args ...string) string {
	w.Helper()
	return w.in(w.git, args...)
}

func (w *workplace) in(g git.Command, args ...string) string {
	w.Helper()
	out, err := g.Run(w.Context(), args...)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// commit makes the folder a repository, where it is none, and commits all of it.
func (w *workplace) commit(message string) string {
	w.Helper()
	w.run("init", "--quiet", "--initial-branch=trunk")
	w.run("add", "--all")
	w.run("commit", "--quiet", "--message", message)
	return w.run("rev-parse", "HEAD")
}

func (w *workplace) look(sub string) up.Folder {
	w.Helper()
	f, err := up.Look(w.Context(), filepath.Join(w.git.Dir, sub))
	if err != nil {
		w.Fatal(err)
	}
	return f
}

func (w *workplace) open(saved bool) *up.Mirror {
	w.Helper()
	f := w.look("")
	dir, _, err := up.MirrorDir(w.Context(), w.mirrors, f)
	if err != nil {
		w.Fatal(err)
	}
	m, err := up.OpenMirror(w.Context(), dir, f, saved)
	if err != nil {
		w.Fatal(err)
	}
	return m
}

// take has a mirror take what is new, which there has to be, or not.
func (w *workplace) take(m *up.Mirror, news bool) string {
	w.Helper()
	commit, moved, err := m.Take(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	if moved != news {
		w.Fatalf("taking found news: %t, want %t", moved, news)
	}
	return commit
}

// files are those of a commit of a mirror, by name.
func (w *workplace) files(m *up.Mirror, commit string) string {
	w.Helper()
	return strings.ReplaceAll(w.in(git.Command{Dir: m.URL()}, "ls-tree", "-r", "--name-only", commit), "\n", " ")
}

func TestCommitsAreFollowed(t *testing.T) {
	w := newWorkplace(t)
	first := w.commit("First")
	w.write("main.go", program+"// edited\n")
	m := w.open(false)
	if m.Saved() || m.Uncommitted(t.Context()) != 1 {
		t.Errorf("it follows files: %t, with %d uncommitted", m.Saved(), m.Uncommitted(t.Context()))
	}
	if got := w.take(m, true); got != first {
		t.Errorf("took %s, want %s", got, first)
	}
	w.take(m, false)
	second := w.commit("Second")
	if got := w.take(m, true); got != second || m.Uncommitted(t.Context()) != 0 {
		t.Errorf("took %s, want %s", got, second)
	}
	w.run("reset", "--quiet", "--hard", first)
	if got := w.take(m, true); got != first {
		t.Errorf("took %s after going back, want %s", got, first)
	}
	again := w.open(false)
	if got := w.take(again, false); got != first {
		t.Errorf("opened again it is at %s, want %s", got, first)
	}
}

func TestSavedFilesAreFollowedWithoutTouchingTheRepository(t *testing.T) {
	w := newWorkplace(t)
	w.write(".gitignore", "*.log\n")
	w.commit("First")
	w.write("staged.go", "package main\n")
	w.run("add", "staged.go")
	w.write("debug.log", "x")
	w.write(".git/info/exclude", "private.txt\n")
	w.write("private.txt", "x")
	before := w.run("status", "--porcelain=v2", "--branch") + w.run("rev-parse", "HEAD") + w.run("for-each-ref") + w.run("count-objects")
	m := w.open(true)
	commit := w.take(m, true)
	if got := w.files(m, commit); got != ".gitignore go.mod main.go staged.go" {
		t.Errorf("it has %s", got)
	}
	w.take(m, false)
	if after := w.run("status", "--porcelain=v2", "--branch") + w.run("rev-parse", "HEAD") + w.run("for-each-ref") + w.run("count-objects"); after != before {
		t.Errorf("the folder's repository changed (-before +after):\n%s", cmp.Diff(before, after))
	}
	w.write("main.go", program+"// saved\n")
	if err := os.Remove(filepath.Join(w.git.Dir, "staged.go")); err != nil {
		t.Fatal(err)
	}
	commit = w.take(m, true)
	if got := w.files(m, commit); got != ".gitignore go.mod main.go" {
		t.Errorf("after a save it has %s", got)
	}
	if got := w.in(git.Command{Dir: m.URL()}, "show", commit+":main.go"); !strings.Contains(got, "saved") {
		t.Errorf("after a save main.go is %s", got)
	}
	if again := w.open(true); w.take(again, false) != commit {
		t.Error("opened again it moved")
	}
}

func TestAFolderWithoutCommitsIsFollowedAsItIs(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*workplace)
		want    string
	}{
		"no repository": {func(*workplace) {}, "go.mod main.go"},
		"no commit yet": {func(w *workplace) { w.run("init", "--quiet") }, "go.mod main.go node_modules/x/y.js"}, // its own .gitignore has to say so
		"ignored by the repository around it": {func(w *workplace) {
			outer := newWorkplace(w.T)
			outer.write(".gitignore", "apps/\n")
			outer.commit("First")
			inner := filepath.Join(outer.git.Dir, "apps")
			if err := os.CopyFS(inner, os.DirFS(w.git.Dir)); err != nil {
				w.Fatal(err)
			}
			w.git.Dir = inner
		}, "go.mod main.go"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkplace(t)
			test.prepare(w)
			w.write("node_modules/x/y.js", "x")
			m := w.open(false)
			if !m.Saved() {
				t.Error("it is said to follow commits")
			}
			if got := w.files(m, w.take(m, true)); got != test.want {
				t.Errorf("it has %s, want %s", got, test.want)
			}
		})
	}
}

func TestFoldersOfOneNameHaveMirrorsOfTheirOwn(t *testing.T) {
	w := newWorkplace(t)
	for _, sub := range []string{"a/My Shop!", "b/my-shop"} {
		w.write(sub+"/go.mod", "module example.com/x\n\ngo 1.24\n")
		w.write(sub+"/main.go", program)
	}
	w.commit("First")
	var names []string
	for _, sub := range []string{"a/My Shop!", "b/my-shop", "a/My Shop!"} {
		f := w.look(sub)
		if f.Path != sub || f.Root != w.look("").Root {
			t.Errorf("%s is %s of %s", sub, f.Path, f.Root)
		}
		dir, name, err := up.MirrorDir(t.Context(), w.mirrors, f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := up.OpenMirror(t.Context(), dir, f, false); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{"my-shop", "my-shop-2", "my-shop"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestFollowHandsOverEachCommit(t *testing.T) {
	w := newWorkplace(t)
	first := w.commit("First")
	m := w.open(false)
	ctx, stop := context.WithCancel(t.Context())
	commits, troubles := make(chan string, 10), make(chan error, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Follow(ctx, func(commit string) { commits <- commit }, func(err error) { troubles <- err })
	}()
	await := func(want string) {
		t.Helper()
		select {
		case got := <-commits:
			if got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatal("nothing came")
		}
	}
	await(first)
	w.write("main.go", program+"// 2\n")
	await(w.commit("Second"))
	if err := os.Rename(filepath.Join(w.git.Dir, ".git"), filepath.Join(w.git.Dir, "away")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-troubles:
	case <-time.After(time.Minute):
		t.Fatal("nobody was told that the repository is gone")
	}
	if err := os.Rename(filepath.Join(w.git.Dir, "away"), filepath.Join(w.git.Dir, ".git")); err != nil {
		t.Fatal(err)
	}
	w.write("main.go", program+"// 3\n")
	await(w.commit("Third"))
	stop()
	<-done
	if len(troubles) > 0 {
		t.Errorf("one trouble was told again: %v", <-troubles)
	}
}
