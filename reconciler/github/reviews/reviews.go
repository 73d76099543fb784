// Package reviews shows on GitHub what Plateform says of proposals to change the config repository: pull requests, with a check
// run, or a commit status where Plateform logs in with a token, and one comment.
//
// Nothing is kept elsewhere: what is shown already is read from GitHub before anything is written, with the answers that did not
// change taken from memory.
package reviews

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/go-github/v60/github"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

const (
	// pageSize is how many of a list are asked for at once, maxPages how many pages are read.
	pageSize = 100
	maxPages = 100
	// maxKnown bounds the checks and comments of which it is kept where they are.
	maxKnown = 4096
)

// Options of Reviews.
type Options struct {
	// Site is the GitHub, Config the config repository there, and Branch the one that proposals are to go to.
	Site   auth.Site
	Config auth.Repository
	Branch string
	Client *client.Client
	Tokens auth.Tokens
	// App is the id of the GitHub App that Tokens are of; 0 when they are a user's, with which GitHub takes no check runs.
	App int64
	Log *slog.Logger
}

// Reviews is a reconciler.Reviews and a reconciler.Remarks. It is safe for use by several goroutines, and beside other processes.
type Reviews struct {
	Options
	// turn is held by whoever writes: two at once would not see what the other is about to write.
	turn chan struct{}
	// runs and comments are where checks and comments were written: GitHub's lists may not have them yet. refused are the words that
	// GitHub does not take as they are.
	runs     *lru.Cache[checkKey, run]
	comments *lru.Cache[commentKey, int64]
	refused  *lru.Cache[string, bool]
}

var (
	_ reconciler.Reviews = (*Reviews)(nil)
	_ reconciler.Remarks = (*Reviews)(nil)
)

// checkKey is a check, commentKey a comment.
type (
	checkKey   struct{ name, commit string }
	commentKey struct {
		number int
		marker string
	}
)

// New returns Reviews. It asks nobody anything yet.
func New(o Options) (*Reviews, error) {
	if o.Branch == "" || o.Client == nil || o.Tokens == nil || o.Log == nil {
		return nil, errors.New("reviews on GitHub need a branch, a client, a login and a log")
	}
	runs, err := lru.New[checkKey, run](maxKnown)
	if err != nil {
		return nil, err
	}
	comments, err := lru.New[commentKey, int64](maxKnown)
	if err != nil {
		return nil, err
	}
	refused, err := lru.New[string, bool](maxKnown)
	if err != nil {
		return nil, err
	}
	r := &Reviews{Options: o, turn: make(chan struct{}, 1), runs: runs, comments: comments, refused: refused}
	r.turn <- struct{}{}
	return r, nil
}

// Open implements reconciler.Reviews. What is oldest comes first on GitHub's pages, so that a new proposal leaves most of them as
// they are.
func (r *Reviews) Open(ctx context.Context) ([]reconciler.Proposal, error) {
	const doing = "listing the open pull requests"
	api := r.as(auth.ReadPulls())
	options := &github.PullRequestListOptions{State: "open", Base: r.Branch, Sort: "created", Direction: "asc"}
	seen := map[int]bool{} // what is closed meanwhile moves others to a page that was read
	var open []reconciler.Proposal
	err := pages(&options.ListOptions, func() (*github.Response, error) {
		page, res, err := api.PullRequests.List(ctx, r.Config.Owner, r.Config.Name, options)
		for _, p := range page {
			if proposal := proposalOf(p); p.GetBase().GetRef() == r.Branch && proposal.Fate == reconciler.FateOpen && !seen[proposal.Number] {
				seen[proposal.Number] = true
				open = append(open, proposal)
			}
		}
		return res, err
	})
	if err != nil {
		return nil, r.explain(doing, "read pull requests", err)
	}
	return open, nil
}

// Proposal implements reconciler.Reviews.
func (r *Reviews) Proposal(ctx context.Context, number int) (*reconciler.Proposal, error) {
	doing := fmt.Sprintf("reading pull request %d", number)
	api := r.as(auth.ReadPulls())
	p, _, err := api.PullRequests.Get(ctx, r.Config.Owner, r.Config.Name, number)
	if client.Answered(client.Explain(err), http.StatusNotFound) {
		// GitHub says the same of a repository that may not be read.
		if _, _, err := api.Repositories.Get(ctx, r.Config.Owner, r.Config.Name); err != nil {
			return nil, r.explain(doing, "read pull requests", err)
		}
		return nil, nil
	}
	if err != nil {
		return nil, r.explain(doing, "read pull requests", err)
	}
	proposal := proposalOf(p)
	if proposal.Fate == reconciler.FateOpen {
		if proposal.Pusher, err = r.pusher(ctx, p); err != nil {
			return nil, r.explain(doing, "read contents", err)
		}
	}
	return &proposal, nil
}

// Merged implements reconciler.Reviews.
func (r *Reviews) Merged(ctx context.Context, commit string) ([]int, error) {
	doing := "looking for the pull requests of " + manifest.Short(commit)
	if !manifest.IsCommit(commit) {
		return nil, fmt.Errorf("%s: %w", doing, errors.New("it is no commit"))
	}
	api := r.as(auth.ReadPulls())
	options := &github.ListOptions{}
	var merged []int
	err := pages(options, func() (*github.Response, error) {
		page, res, err := api.PullRequests.ListPullRequestsWithCommit(ctx, r.Config.Owner, r.Config.Name, commit, options)
		for _, p := range page {
			if p.MergedAt != nil && p.GetBase().GetRef() == r.Branch {
				merged = append(merged, p.GetNumber())
			}
		}
		return res, err
	})
	if err != nil {
		return nil, r.explain(doing, "read pull requests", err)
	}
	return merged, nil
}

// errTooMany says that a list is longer than is reasonable to read.
var errTooMany = fmt.Errorf("there are more than %d", pageSize*maxPages)

// pages reads the pages of a list, one after the other.
func pages(options *github.ListOptions, read func() (*github.Response, error)) error {
	options.PerPage = pageSize
	for range maxPages {
		res, err := read()
		if err != nil {
			return err
		}
		if options.Page = res.NextPage; options.Page == 0 {
			return nil
		}
	}
	return errTooMany
}

func proposalOf(p *github.PullRequest) reconciler.Proposal {
	proposal := reconciler.Proposal{
		Number: p.GetNumber(), Title: p.GetTitle(), Body: p.GetBody(), URL: p.GetHTMLURL(),
		Author: personOf(p.GetUser()), Fate: reconciler.FateOpen, Draft: p.GetDraft(),
		Head: p.GetHead().GetSHA(), HeadRef: fmt.Sprintf("refs/pull/%d/head", p.GetNumber()), Branch: p.GetBase().GetRef(),
		UpdatedAt: p.GetUpdatedAt().Time,
	}
	switch {
	case p.MergedAt != nil:
		proposal.Fate, proposal.MergedAs = reconciler.FateMerged, p.GetMergeCommitSHA()
	case p.GetState() != "open":
		proposal.Fate = reconciler.FateClosed
	}
	return proposal
}

// as is the API with what a call needs.
func (r *Reviews) as(p auth.Permissions) *github.Client {
	return r.Client.As(auth.LoginTo(r.Tokens, r.Config, p))
}

// take waits for the turn to write, and returns what gives it back.
func (r *Reviews) take(ctx context.Context) (func(), error) {
	select {
	case <-r.turn:
		return func() { r.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// explain says what was being done, and how to mend what somebody can mend.
func (r *Reviews) explain(doing, needs string, err error) error {
	err = client.Explain(err)
	var unreachable *auth.NotReachableError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unreachable):
		return fmt.Errorf("%s: %w", doing, unreachable)
	case client.Denied(err):
		return fmt.Errorf("%s in %s: %w (let Plateform %s there)", doing, r.Config, err, needs)
	case client.Answered(err, http.StatusUnauthorized):
		return fmt.Errorf("%s in %s: %w (renew the token, or see that the GitHub App is what serve.yaml says)", doing, r.Config, err)
	}
	return fmt.Errorf("%s in %s: %w", doing, r.Config, err)
}

// saysNoCommit recognizes what GitHub says of a commit that it does not know.
func saysNoCommit(err error) bool {
	return client.Answered(err, http.StatusUnprocessableEntity) && strings.Contains(strings.ToLower(err.Error()), "no commit found")
}
