package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/charts"
	"github.com/plateform/plateform/reconciler/ledger"
)

// lookFlags say which two repositories to look at.
type lookFlags struct {
	repositoryFlags
	gitops       string
	gitopsBranch string
}

func (f *lookFlags) add(c *cobra.Command) {
	f.repositoryFlags.add(c)
	c.Flags().StringVar(&f.gitops, "gitops-repo", "", "URL or path of the GitOps repository (default: git config "+checkout.GitOpsSetting+" of the checkout)")
	c.Flags().StringVar(&f.gitopsBranch, "gitops-branch", "", "branch of the GitOps repository (default: its default branch)")
}

// look is both repositories as they are now.
type look struct {
	*ledger.Ledger
	config *checkout.Checkout
	head   string             // of the config repository
	gitops *checkout.Checkout // nil when it is not known
}

// openLook fetches both repositories and the notes. The caller closes it.
func (o *output) openLook(ctx context.Context, flags lookFlags, now time.Time) (_ *look, err error) {
	if gitops := o.locate(ctx, &flags.repositoryFlags); gitops.URL != "" && flags.gitops == "" {
		flags.gitops, flags.gitopsBranch = gitops.URL, gitops.Branch
	}
	repository, err := checkout.Open(ctx, flags.Place)
	if err != nil {
		return nil, err
	}
	l := &look{config: repository}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	at := ledger.Repositories{}
	if at.Charts, err = charts.New(); err != nil {
		return nil, err
	}
	if l.head, err = repository.Fetch(ctx); err != nil {
		return nil, err
	}
	if at.Notes, err = repository.FetchNotes(ctx); err != nil {
		return nil, err
	}
	at.Config = ledger.Branch{Reader: commitsOf{repository.Objects}, Head: l.head, Name: repository.Branch}
	if at.GitOps, err = l.openGitOps(ctx, flags); err != nil {
		return nil, err
	}
	l.Ledger, err = ledger.Open(at, now)
	return l, exit.WhereConfigIs(err)
}

// openGitOps fetches the GitOps repository; nil when it is not known.
func (l *look) openGitOps(ctx context.Context, flags lookFlags) (*ledger.Branch, error) {
	url := flags.gitops
	if url == "" {
		url = l.config.GitOps(ctx)
	}
	if url == "" {
		return nil, nil
	}
	var err error
	if l.gitops, err = checkout.Open(ctx, checkout.Place{URL: url, Branch: flags.gitopsBranch}); err != nil {
		return nil, fmt.Errorf("the GitOps repository: %w", err)
	}
	head, err := l.gitops.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	return &ledger.Branch{Reader: commitsOf{l.gitops.Objects}, Head: head, Name: l.gitops.Branch}, nil
}

// commitsOf reads a repository for a ledger, which has a word of its own for commits that are not at hand.
type commitsOf struct{ *gitstore.Local }

// Commit returns a commit.
func (c commitsOf) Commit(hash string) (manifest.Commit, error) {
	commit, err := c.Local.Commit(hash)
	if errors.Is(err, gitstore.ErrNoCommit) {
		err = fmt.Errorf("%w: %w", ledger.ErrNoCommit, err)
	}
	return commit, err
}

func (l *look) close() error {
	err := l.config.Close()
	if l.gitops != nil {
		err = errors.Join(err, l.gitops.Close())
	}
	return err
}
