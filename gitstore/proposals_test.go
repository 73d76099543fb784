package gitstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

const pull = "refs/pull/7/head"

// proposalWorld is a repository with a branch, a pull request, and both opened.
type proposalWorld struct {
	*gitserver.Server
	repo      *gitserver.Repo
	store     *Store
	proposals *Proposals
	merge     manifest.Edit
}

func newProposalWorld(t *testing.T) *proposalWorld {
	t.Helper()
	server := gitserver.New(t)
	w := &proposalWorld{Server: server, repo: server.Create(t, "config")}
	w.repo.Commit(gitserver.Change{Message: "Begin", Files: map[string]string{"a": "1\n2\n3\n4\n5\n", "dir/b": "b\n"}})
	var err error
	if w.store, err = Open(Options{URL: w.repo.URL, Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.proposals = w.store.Proposals()
	t.Cleanup(func() { _ = w.proposals.Close() })
	w.merge = manifest.Edit{Message: "Merge", Author: manifest.Signature{Name: "P", Email: "p@example.com", When: time.Unix(1_700_000_000, 0).UTC()}}
	return w
}

// propose makes the files a pull request on top of where the branch was begun, and leaves the branch where it is.
func (w *proposalWorld) propose(files map[string]string) string {
	first := strings.Fields(w.repo.Git("rev-list", "--max-parents=0", "main"))[0]
	w.repo.Git("update-ref", "refs/heads/work", first)
	head := w.repo.Commit(gitserver.Change{Message: "Propose", Branch: "work", Files: files})
	w.repo.Git("update-ref", pull, head)
	w.repo.Git("update-ref", "-d", "refs/heads/work")
	return head
}

func (w *proposalWorld) fetch(t *testing.T) (base, head string) {
	t.Helper()
	base, err := w.store.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	head, err = w.proposals.Fetch(t.Context(), pull, base)
	if err != nil {
		t.Fatal(err)
	}
	return base, head
}

func TestAProposalIsReadMergedAndPushed(t *testing.T) {
	t.Parallel()
	w := newProposalWorld(t)
	proposed := w.propose(map[string]string{"a": "one\n2\n3\n4\n5\n", "dir/c": "c\n"})
	w.repo.Commit(gitserver.Change{Message: "Meanwhile", Files: map[string]string{"a": "1\n2\n3\n4\nfive\n", "d": "d\n"}})
	base, head := w.fetch(t)
	if head != proposed {
		t.Fatalf("the head is %s, want %s", head, proposed)
	}
	if content, err := w.proposals.Read(head, "dir/c"); err != nil || string(content) != "c\n" {
		t.Errorf("dir/c is %q: %v", content, err)
	}
	if _, err := w.store.Read(head, "dir/c"); !errors.Is(err, ErrNoCommit) {
		t.Errorf("the branch's store has it too: %v", err)
	}
	m, err := w.proposals.Merge(t.Context(), base, head, w.merge)
	if err != nil || m.Commit == "" || len(m.Conflicts) > 0 {
		t.Fatalf("the merge is %+v: %v", m, err)
	}
	changes, err := w.proposals.Diff(base, m.Commit)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, c := range changes {
		paths = append(paths, c.Path)
	}
	if diff := cmp.Diff([]string{"a", "dir/c"}, paths); diff != "" {
		t.Errorf("what merging changes (-want +got):\n%s", diff)
	}
	if got := w.repo.Head("main"); got != base {
		t.Fatalf("the branch moved to %s before the push", got)
	}
	if err := w.proposals.Push(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.repo.Check()
	if got := w.repo.Head("main"); got != m.Commit {
		t.Errorf("the branch is at %s, want %s", got, m.Commit)
	}
	if got := w.repo.Read("main", "a"); got != "one\n2\n3\n4\nfive\n" {
		t.Errorf("a is %q", got)
	}
	if again, err := w.proposals.Merge(t.Context(), m.Commit, head, w.merge); err != nil || again.Commit != "" || len(again.Conflicts) > 0 {
		t.Errorf("what is merged already comes to %+v: %v", again, err)
	}
}

// What was checked is what lands, or nothing does.
func TestAMergeOfAnOlderHeadIsNotPushed(t *testing.T) {
	t.Parallel()
	w := newProposalWorld(t)
	w.propose(map[string]string{"dir/c": "c\n"})
	base, head := w.fetch(t)
	m, err := w.proposals.Merge(t.Context(), base, head, w.merge)
	if err != nil {
		t.Fatal(err)
	}
	moved := w.repo.Commit(gitserver.Change{Message: "Meanwhile", Files: map[string]string{"d": "d\n"}})
	if err := w.proposals.Push(t.Context(), m); !errors.Is(err, manifest.ErrMoved) {
		t.Errorf("the push: %v", err)
	}
	if got := w.repo.Head("main"); got != moved {
		t.Errorf("the branch is at %s, want %s", got, moved)
	}
	w.repo.Hook("pre-receive", "echo 'only on Mondays'; exit 1")
	if base, err = w.store.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m, err = w.proposals.Merge(t.Context(), base, head, w.merge); err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if err := w.proposals.Push(t.Context(), m); !errors.As(err, &refused) || !strings.Contains(refused.Refusal(), "only on Mondays") {
		t.Errorf("the push: %v", err)
	}
}

func TestConflictsAreNamed(t *testing.T) {
	t.Parallel()
	w := newProposalWorld(t)
	w.propose(map[string]string{"a": "uno\n2\n3\n4\n5\n", "new": "x\n", "e/f": "f\n"})
	w.repo.Commit(gitserver.Change{Message: "Meanwhile", Files: map[string]string{"a": "eins\n2\n3\n4\n5\n", "new": "y\n", "e": "a file\n"}})
	base, head := w.fetch(t)
	m, err := w.proposals.Merge(t.Context(), base, head, w.merge)
	if err != nil || m.Commit != "" {
		t.Fatalf("it merges: %+v, %v", m, err)
	}
	if diff := cmp.Diff([]string{"a", "e", "new"}, m.Conflicts); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
	if err := w.proposals.Push(t.Context(), m); err == nil {
		t.Error("it was pushed")
	}
}

func TestAProposalThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newProposalWorld(t)
	if _, head := w.fetch(t); head != "" {
		t.Errorf("the head is %q", head)
	}
	orphan := w.repo.Git("commit-tree", w.repo.Git("rev-parse", "main^{tree}"), "-m", "Another beginning")
	w.repo.Git("update-ref", pull, orphan)
	base, head := w.fetch(t)
	if _, err := w.proposals.Merge(t.Context(), base, head, w.merge); !errors.Is(err, manifest.ErrUnrelated) {
		t.Errorf("the merge: %v", err)
	}
}

// A remote that never answers keeps those waiting who ask for a proposal, and nobody who works on the branch.
func TestTheBranchDoesNotWaitForProposals(t *testing.T) {
	t.Parallel()
	w := newProposalWorld(t)
	w.propose(map[string]string{"dir/c": "c\n"})
	if _, err := w.store.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.proposals.side.remote <- struct{}{} // a call that goes on
	defer w.proposals.side.unlock()
	w.repo.Commit(gitserver.Change{Message: "Meanwhile", Files: map[string]string{"d": "d\n"}})
	if _, err := w.store.Fetch(t.Context()); err != nil {
		t.Errorf("the branch: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.proposals.Fetch(ctx, pull); !errors.Is(err, context.Canceled) {
		t.Errorf("the proposal: %v", err)
	}
}

// Random changes on two sides are merged as git merges them, or are conflicts; never into anything else.
func TestMergesAreThoseOfGit(t *testing.T) {
	t.Parallel()
	w := newProposalWorld(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	first := w.repo.Head("main")
	clean, conflicts := 0, 0
	for range 40 {
		w.repo.Git("update-ref", "refs/heads/main", first)
		lines := func() string {
			var b strings.Builder
			for i := range 12 {
				if rnd.IntN(8) > 0 {
					fmt.Fprintf(&b, "%d\n", i)
				}
				if rnd.IntN(10) == 0 {
					fmt.Fprintf(&b, "x%d\n", rnd.IntN(3))
				}
			}
			return b.String()
		}
		begin := map[string]string{}
		for i := range 3 {
			begin[fmt.Sprintf("d%d/f%d", i%2, i)] = lines()
		}
		w.repo.Commit(gitserver.Change{Message: "Begin again", Files: begin})
		common := w.repo.Head("main")
		side := func(branch string) string {
			w.repo.Git("update-ref", "refs/heads/"+branch, common)
			files := map[string]string{"always": branch + "\n"}
			if branch == "main" {
				files = map[string]string{"only-main": "m\n"}
			}
			for name, was := range begin {
				at := strings.SplitAfter(was, "\n")
				at[rnd.IntN(len(at))] = fmt.Sprintf("new %d\n", rnd.IntN(2))
				if rnd.IntN(3) > 0 {
					files[name] = strings.Join(at, "")
				}
			}
			return w.repo.Commit(gitserver.Change{Message: "Change", Branch: branch, Files: files})
		}
		side("main")
		w.repo.Git("update-ref", pull, side("work"))
		base, head := w.fetch(t)
		m, err := w.proposals.Merge(t.Context(), base, head, w.merge)
		if err != nil {
			t.Fatal(err)
		}
		if m.Commit == "" {
			conflicts++
			continue
		}
		clean++
		tree, err := gitserver.TryGit(w.repo.Dir, nil, "-c", "merge.renames=false", "merge-tree", "--write-tree", base, head)
		if err != nil {
			t.Fatalf("git finds conflicts where there are none here: %s, %v", tree, err)
		}
		c, err := w.proposals.Commit(m.Commit)
		if err != nil {
			t.Fatal(err)
		}
		if tree = strings.TrimSpace(tree); c.Tree != tree || !slices.Equal(c.Parents, []string{base, head}) {
			t.Fatalf("the tree is %s on %v, git's is %s", c.Tree, c.Parents, tree)
		}
	}
	if clean < 5 || conflicts < 5 {
		t.Errorf("%d merges and %d conflicts say little", clean, conflicts)
	}
}

// Whoever proposes something sends as much as they like: what is too much is fetched once, up to there, and others are answered.
func TestAProposalThatIsTooLarge(t *testing.T) {
	t.Parallel()
	server := gitserver.New(t)
	repo := server.Create(t, "config")
	repo.Commit(gitserver.Change{Message: "Begin", Files: map[string]string{"a": "1\n"}})
	store, err := Open(Options{URL: repo.URL, Dir: t.TempDir(), MaxProposalBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	proposals := store.Proposals()
	t.Cleanup(func() { _ = proposals.Close() })
	base, err := store.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 1<<20)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(noise)
	large := repo.Commit(gitserver.Change{Message: "Much", Branch: "much", Parent: base, Files: map[string]string{"noise": string(noise)}})
	repo.Git("update-ref", pull, large)
	if _, err := proposals.Fetch(t.Context(), pull, base); !errors.Is(err, manifest.ErrTooMuch) {
		t.Fatalf("fetching it: %v", err)
	}
	before := server.Count("config", gitserver.FetchPack)
	if head, err := proposals.Fetch(t.Context(), pull, base); !errors.Is(err, manifest.ErrTooMuch) || head != large {
		t.Errorf("fetching %s again: %v", head, err)
	}
	if now := server.Count("config", gitserver.FetchPack); now != before {
		t.Errorf("it was asked for again: %d times, %d before", now, before)
	}
	small := repo.Commit(gitserver.Change{Message: "Little", Branch: "much", Parent: base, Files: map[string]string{"b": "2\n"}})
	repo.Git("update-ref", "refs/pull/8/head", small)
	if head, err := proposals.Fetch(t.Context(), "refs/pull/8/head", base); err != nil || head != small {
		t.Errorf("another one is %s, %v", head, err)
	}
}
