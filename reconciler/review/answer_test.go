package review

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// told are Reviews of one proposal, which keep what they are told.
type told struct {
	reconciler.Reviews
	proposal reconciler.Proposal
	checks   []reconciler.Check
	comments []reconciler.Comment
}

func (r *told) Proposal(context.Context, int) (*reconciler.Proposal, error) { return &r.proposal, nil }

func (r *told) Open(context.Context) ([]reconciler.Proposal, error) {
	return []reconciler.Proposal{r.proposal}, nil
}

func (r *told) Publish(_ context.Context, c reconciler.Check) error {
	r.checks = append(r.checks, c)
	return nil
}

func (r *told) Comment(_ context.Context, _ int, c reconciler.Comment) error {
	r.comments = append(r.comments, c)
	return nil
}

// narrow is a repository with a branch, whose proposals bring too much.
type narrow struct {
	Config
	tip, head string
	asked     int
}

func (n *narrow) Fetch(_ context.Context, ref string, _ ...string) (string, error) {
	if ref == branchRef("main") {
		return n.tip, nil
	}
	n.asked++
	return n.head, fmt.Errorf("fetching %s: %w", ref, manifest.ErrTooMuch)
}

func (n *narrow) Commit(hash string) (manifest.Commit, error) {
	return manifest.Commit{Hash: hash}, nil
}

func (n *narrow) Diff(string, string) ([]manifest.Change, error) { return nil, manifest.ErrUnrelated }

// answering has a Reviewer answer proposals of a repository, at one moment that does not pass.
func answering(t *testing.T, reviews reconciler.Reviews, repository *narrow) *Reviewer {
	t.Helper()
	r, err := New(Options{
		Reviews: reviews, Config: repository, ConfigBranch: "main", GitOps: repository, GitOpsBranch: "main", Log: slog.New(slog.DiscardHandler),
		Common: worker.Common{Queue: worker.Keyed, Clock: func() time.Time { return time.Unix(1_800_000_000, 0) }, Jitter: func(d time.Duration) time.Duration { return d }},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What is new is judged with the branch as it is once it is there, however short ago the branch was looked at: it may stand on a
// commit that came since, and what that changed is not its author's doing.
func TestANewHeadIsNotJudgedWithAnOlderBranch(t *testing.T) {
	t.Parallel()
	reviews := &told{proposal: reconciler.Proposal{Number: 7, Fate: reconciler.FateOpen, Branch: "main", HeadRef: "refs/pull/7/head"}}
	repository := &narrow{}
	r := answering(t, reviews, repository)
	for _, at := range []string{"1", "2"} {
		repository.tip, repository.head, reviews.proposal.Head = "tip"+at, "head"+at, "head"+at
		if _, err := r.answer(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		if got := r.view(7).done; got.head != "head"+at || got.tips.config != "tip"+at {
			t.Errorf("%s was judged on %s, not on tip%s", got.head, got.tips.config, at)
		}
	}
}

// A proposal that brings too much is told so, once, and can not be merged.
func TestAProposalThatBringsTooMuch(t *testing.T) {
	t.Parallel()
	reviews := &told{proposal: reconciler.Proposal{Number: 7, Fate: reconciler.FateOpen, Branch: "main", Head: "head", HeadRef: "refs/pull/7/head"}}
	r := answering(t, reviews, &narrow{tip: "tip", head: "head"})
	for range 2 {
		if again, err := r.answer(t.Context(), 7); err != nil || again != 0 {
			t.Fatalf("answering it: again in %s, %v", again, err)
		}
	}
	if len(reviews.checks) != 2 || len(reviews.comments) != 1 {
		t.Fatalf("it is told %+v and %+v", reviews.checks, reviews.comments)
	}
	for _, check := range reviews.checks {
		if check.Commit != "head" || check.State != reconciler.StateFailure {
			t.Errorf("a check is %+v", check)
		}
	}
	if !strings.Contains(reviews.comments[0].Text, "It brings more than is taken of a pull request") {
		t.Errorf("the card is %q", reviews.comments[0].Text)
	}
}
