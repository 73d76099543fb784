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
	asked int
}

func (n *narrow) Fetch(_ context.Context, ref string, _ ...string) (string, error) {
	if ref == branchRef("main") {
		return "tip", nil
	}
	n.asked++
	return "head", fmt.Errorf("fetching %s: %w", ref, manifest.ErrTooMuch)
}

func (n *narrow) Commit(hash string) (manifest.Commit, error) {
	return manifest.Commit{Hash: hash}, nil
}

// A proposal that brings too much is told so, once, and can not be merged.
func TestAProposalThatBringsTooMuch(t *testing.T) {
	t.Parallel()
	reviews := &told{proposal: reconciler.Proposal{Number: 7, Fate: reconciler.FateOpen, Branch: "main", Head: "head", HeadRef: "refs/pull/7/head"}}
	r, err := New(Options{
		Reviews: reviews, Config: &narrow{}, ConfigBranch: "main", GitOps: &narrow{}, GitOpsBranch: "main", Log: slog.New(slog.DiscardHandler),
		Common: worker.Common{Queue: worker.Keyed, Clock: func() time.Time { return time.Unix(1_800_000_000, 0) }, Jitter: func(d time.Duration) time.Duration { return d }},
	})
	if err != nil {
		t.Fatal(err)
	}
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
