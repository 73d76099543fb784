package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/charts"
	"github.com/plateform/plateform/reconciler/ledger"
)

// gitopsSetting is where a checkout of the config repository keeps the URL of the GitOps repository, in its git config.
const gitopsSetting = "plateform.gitops"

// lookFlags say which two repositories to look at.
type lookFlags struct {
	repositoryFlags
	gitops       string
	gitopsBranch string
}

func (f *lookFlags) add(c *cobra.Command) {
	f.repositoryFlags.add(c)
	c.Flags().StringVar(&f.gitops, "gitops-repo", "", "URL or path of the GitOps repository (default: git config "+gitopsSetting+" of the checkout)")
	c.Flags().StringVar(&f.gitopsBranch, "gitops-branch", "", "branch of the GitOps repository (default: its default branch)")
}

// look is both repositories as they are now.
type look struct {
	*ledger.Ledger
	config *checkout
	head   string    // of the config repository
	gitops *checkout // nil when it is not known
}

// openLook fetches both repositories and the notes. The caller closes it.
func openLook(ctx context.Context, flags lookFlags, now time.Time) (_ *look, err error) {
	repository, err := openCheckout(ctx, flags.repositoryFlags)
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
	if l.head, err = repository.fetch(ctx); err != nil {
		return nil, err
	}
	if at.Notes, err = repository.fetchNotes(ctx); err != nil {
		return nil, err
	}
	at.Config = ledger.Branch{Reader: commitsOf{repository.objects}, Head: l.head, Name: repository.branch}
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
		url = configuredGitOps(ctx, l.config)
	}
	if url == "" {
		return nil, nil
	}
	var err error
	if l.gitops, err = openCheckout(ctx, repositoryFlags{url: url, branch: flags.gitopsBranch}); err != nil {
		return nil, fmt.Errorf("the GitOps repository: %w", err)
	}
	head, err := l.gitops.fetch(ctx)
	if err != nil {
		return nil, err
	}
	return &ledger.Branch{Reader: commitsOf{l.gitops.objects}, Head: head, Name: l.gitops.branch}, nil
}

// fetchNotes brings in the notes and returns the commit that holds them; empty when the remote has none.
func (c *checkout) fetchNotes(ctx context.Context) (string, error) {
	listed, err := c.git.Run(ctx, "ls-remote", c.name, gitstore.NotesRef)
	if err != nil || listed == "" {
		return "", err
	}
	return c.fetchRef(ctx, gitstore.NotesRef)
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

// configuredGitOps is the GitOps repository that the checkout names; empty when it names none. A path counts from the
// root of the checkout, wherever in it the user stands.
func configuredGitOps(ctx context.Context, c *checkout) string {
	url, err := c.git.Run(ctx, "config", "--get", gitopsSetting)
	if err != nil {
		return "" // unset is no error: then only the config repository is looked at
	}
	if strings.HasPrefix(url, "./") || strings.HasPrefix(url, "../") {
		return filepath.Join(c.root, url)
	}
	return url
}

func (l *look) close() error {
	err := l.config.close()
	if l.gitops != nil {
		err = errors.Join(err, l.gitops.close())
	}
	return err
}
