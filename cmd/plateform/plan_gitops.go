package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/reconciler/plan"
)

// gitopsPatience is how long a plan waits for a GitOps repository that nobody has named on the command line.
const gitopsPatience = 30 * time.Second

// remembered is the GitOps repository as a plan reads it. The caller closes it.
type remembered struct {
	*plan.GitOps
	close func() error
}

// openRemembered opens the GitOps repository that a flag names, or the checkout; nil when neither does. One that the
// checkout names and that does not answer keeps nobody from planning.
func (a *app) openRemembered(ctx context.Context, local *gitstore.Local, flags planFlags) (*remembered, error) {
	if flags.gitops != "" {
		return readRemembered(ctx, flags.gitops, flags.gitopsBranch)
	}
	root := local.Root
	if root == "" {
		root = "."
	}
	url := checkout.ConfiguredGitOps(ctx, git.Command{Dir: "."}, root)
	if url == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, gitopsPatience)
	defer cancel()
	r, err := readRemembered(ctx, url, flags.gitopsBranch)
	if err != nil {
		fmt.Fprintf(a.stderr, "Planned without plateform-gitops: %v\n", err)
		return nil, nil
	}
	return r, nil
}

// readRemembered opens a repository on this machine where it is, and fetches any other.
func readRemembered(ctx context.Context, url, branch string) (*remembered, error) {
	if isRepository(url) {
		local, err := gitstore.OpenLocal(context.WithoutCancel(ctx), url) // it is read after the time to find it is over
		if err != nil {
			return nil, fmt.Errorf("the GitOps repository: %w", err)
		}
		head, _, err := local.Head()
		if branch != "" {
			head, err = local.Resolve(branch)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the GitOps repository %s: %w", url, err), local.Close())
		}
		return &remembered{&plan.GitOps{Reader: local, Head: head}, local.Close}, nil
	}
	c, err := checkout.Open(ctx, checkout.Place{URL: url, Branch: branch})
	if err != nil {
		return nil, fmt.Errorf("the GitOps repository: %w", err)
	}
	head, err := c.Fetch(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the GitOps repository: %w", err), c.Close())
	}
	return &remembered{&plan.GitOps{Reader: c.Objects, Head: head}, c.Close}, nil
}

// isRepository says that a path is the root of a repository on this machine.
func isRepository(path string) bool {
	for _, name := range []string{".git", "HEAD"} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return true
		}
	}
	return false
}
