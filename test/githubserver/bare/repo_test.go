package bare_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/test/githubserver/bare"
)

func create(t *testing.T) *bare.Repo {
	t.Helper()
	r, err := bare.Create(t.Context(), filepath.Join(t.TempDir(), "x.git"), "main")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// commit makes a commit on a parent ("" for none) and returns it.
func commit(t *testing.T, r *bare.Repo, parent string, set map[string]string, remove ...string) string {
	t.Helper()
	tree, err := r.Tree(t.Context(), parent, set, remove)
	if err != nil {
		t.Fatal(err)
	}
	who := bare.Person{Name: "Ann", Email: "ann@example.com", When: time.Unix(1700000000, 0)}
	c := bare.NewCommit{Tree: tree, Author: who, Committer: who, Message: "A change\n\nand why"}
	if parent != "" {
		c.Parents = []string{parent}
	}
	hash, err := r.Make(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestCommitsAndFiles(t *testing.T) {
	r := create(t)
	ctx := t.Context()
	first := commit(t, r, "", map[string]string{"a/b.txt": "one\n", "a/c.txt": "x\n", "long.txt": "1\n2\n3\n4\n5\n6\n"})
	second := commit(t, r, first, map[string]string{"a/b.txt": "two\n", "new \"name\".txt": "n\n", "moved.txt": "1\n2\n3\n4\n5\n6\n"}, "a/c.txt", "long.txt")
	files, err := r.Changes(ctx, first, second)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Patches(ctx, first, second, files); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i].Hash = ""
	}
	want := []bare.File{
		{Status: "modified", Path: "a/b.txt", Additions: 1, Deletions: 1, Patch: "@@ -1 +1 @@\n-one\n+two"},
		{Status: "removed", Path: "a/c.txt", Deletions: 1, Patch: "@@ -1 +0,0 @@\n-x"},
		{Status: "renamed", Path: "moved.txt", Previous: "long.txt"},
		{Status: "added", Path: `new "name".txt`, Additions: 1, Patch: "@@ -0,0 +1 @@\n+n"},
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	c, err := r.Read(ctx, second)
	if err != nil || c.Message != "A change\n\nand why" || len(c.Parents) != 1 || c.Parents[0] != first || c.Author.Name != "Ann" {
		t.Errorf("the commit is %+v, %v", c, err)
	}
	entry, err := r.Find(ctx, second, "a/b.txt")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := r.Content(ctx, entry.Hash); err != nil || text != "two\n" {
		t.Errorf("a/b.txt is %q, %v", text, err)
	}
	if _, err := r.Find(ctx, second, "a/c.txt"); !errors.Is(err, bare.ErrNotFound) {
		t.Errorf("a file that is gone: %v", err)
	}
	if list, err := r.Range(ctx, first, second, 10); err != nil || len(list) != 1 {
		t.Errorf("between the two are %d commits, %v", len(list), err)
	}
	if ahead, behind, err := r.Count(ctx, first, second); ahead != 1 || behind != 0 || err != nil {
		t.Errorf("%d ahead, %d behind, %v", ahead, behind, err)
	}
}

func TestMerges(t *testing.T) {
	r := create(t)
	ctx := t.Context()
	base := commit(t, r, "", map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	left, right := commit(t, r, base, map[string]string{"a.txt": "left\n"}), commit(t, r, base, map[string]string{"b.txt": "right\n"})
	clash := commit(t, r, base, map[string]string{"a.txt": "clash\n"})
	merged, ok := r.Merge(ctx, left, right)
	picked, fits := r.Pick(ctx, left, read(ctx, t, r, right))
	if !ok || !fits || merged != picked {
		t.Errorf("merged %s %v, picked %s %v: both are the same tree", merged, ok, picked, fits)
	}
	if _, ok := r.Merge(ctx, left, clash); ok {
		t.Error("two changes of one line merge")
	}
	if _, ok := r.Pick(ctx, left, read(ctx, t, r, clash)); ok {
		t.Error("a change of a line that changed is picked")
	}
}

func read(ctx context.Context, t *testing.T, r *bare.Repo, hash string) bare.Commit {
	t.Helper()
	c, err := r.Read(ctx, hash)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRefs(t *testing.T) {
	r := create(t)
	ctx := t.Context()
	one := commit(t, r, "", map[string]string{"a": "1"})
	two := commit(t, r, one, map[string]string{"a": "2"})
	if err := r.Move(ctx, "refs/heads/main", bare.Zero, one); err != nil {
		t.Fatal(err)
	}
	if err := r.Move(ctx, "refs/heads/main", two, one); err == nil {
		t.Error("a ref moves that is not where it was said to be")
	}
	if err := r.Move(ctx, "refs/heads/main", one, two); err != nil {
		t.Error(err)
	}
	if hash, err := r.Resolve(ctx, "heads/main"); hash != two || err != nil {
		t.Errorf("heads/main is %s, %v", hash, err)
	}
	for _, name := range []string{"", "-n", "gone", "main^", "main:a"} {
		if _, err := r.Resolve(ctx, name); !errors.Is(err, bare.ErrNotFound) {
			t.Errorf("%q is found: %v", name, err)
		}
	}
	other := create(t)
	if err := other.Take(ctx, r, two); err != nil || !other.Has(ctx, one) || !other.Contains(ctx, two, one) {
		t.Errorf("taking a commit from another repository: %v", err)
	}
	if err := r.Move(ctx, "refs/heads/main", two, bare.Zero); err != nil {
		t.Error(err)
	}
	if branches, err := r.Branches(ctx); err != nil || len(branches) > 0 {
		t.Errorf("branches %v, %v", branches, err)
	}
}
