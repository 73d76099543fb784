package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
)

// repositoryFlags say which config repository a command works on.
type repositoryFlags struct {
	url    string
	branch string
}

func (f *repositoryFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.url, "config-repo", "", "URL or path of the config repository (default: the remote of the checkout you stand in)")
	c.Flags().StringVar(&f.branch, "branch", "", "branch of the config repository (default: the remote's default branch)")
}

// checkout is a config repository with its remote: the checkout the user stands in, or a temporary clone of a URL. Only
// its remote counts: what is checked out, staged or edited is neither read nor touched.
type checkout struct {
	git git.Command
	// root of the work tree, or the folder of a bare repository.
	root   string
	remote string // URL of the remote, for messages
	name   string // of the remote
	branch string
	// temporary is the folder to remove at the end; empty for a user's checkout.
	temporary string
	// objects are what is there as of the last fetch.
	objects *gitstore.Local
}

// openCheckout finds the config repository. The caller closes it.
func openCheckout(ctx context.Context, flags repositoryFlags) (c *checkout, err error) {
	if flags.url != "" {
		c, err = cloneCheckout(ctx, flags)
	} else {
		c, err = findCheckout(ctx, flags)
	}
	if err != nil {
		return nil, err
	}
	if err := c.reopen(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// reopen makes what git has brought in since visible.
func (c *checkout) reopen() error {
	opened, err := gitstore.OpenLocal(c.git.Dir)
	if err != nil {
		return err
	}
	if c.objects != nil {
		err = c.objects.Close()
	}
	c.objects = opened
	return err
}

// findCheckout is the checkout the user stands in.
func findCheckout(ctx context.Context, flags repositoryFlags) (*checkout, error) {
	c := &checkout{git: git.Command{Dir: "."}, name: "origin", branch: flags.branch}
	top, err := c.git.Run(ctx, "rev-parse", "--show-toplevel")
	if err != nil { // it may be a bare repository, or the .git of a checkout
		if gitDir, bare := c.git.Run(ctx, "rev-parse", "--absolute-git-dir"); bare == nil {
			top, err = gitDir, nil
		}
	}
	if err != nil {
		return nil, exit.Usage("this folder is not in a checkout of the config repository (go there, or name it with --config-repo): %w", err)
	}
	c.root = top
	if c.remote, err = c.git.Run(ctx, "remote", "get-url", c.name); err != nil {
		return nil, exit.Usage("the checkout %s has no remote %q (add it with git remote add, or name the config repository with --config-repo): %w", top, c.name, err)
	}
	if c.branch == "" {
		c.branch, err = c.defaultBranch(ctx)
	}
	return c, err
}

// cloneCheckout clones one branch into a temporary folder.
func cloneCheckout(ctx context.Context, flags repositoryFlags) (*checkout, error) {
	dir, err := os.MkdirTemp("", "plateform-config-")
	if err != nil {
		return nil, fmt.Errorf("making room for a clone: %w", err)
	}
	c := &checkout{git: git.Command{Dir: dir}, root: dir, remote: flags.url, name: "origin", branch: flags.branch, temporary: dir}
	args := []string{"clone", "--quiet", "--no-checkout", "--single-branch"}
	if c.branch != "" {
		args = append(args, "--branch="+c.branch)
	}
	// From the folder the user stands in: the URL may be a relative path. What the environment says of a repository there is
	// not about the clone.
	here, err := os.Getwd()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("finding out where we are: %w", err), c.close())
	}
	_, err = git.Command{Dir: here}.Run(ctx, append(args, "--", flags.url, dir)...)
	if err == nil && c.branch == "" {
		c.branch, err = c.defaultBranch(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cloning the config repository %s: %w", flags.url, err), c.close())
	}
	return c, nil
}

// defaultBranch asks the remote for its default branch.
func (c *checkout) defaultBranch(ctx context.Context) (string, error) {
	said, err := c.git.Run(ctx, "ls-remote", "--symref", c.name, "HEAD")
	if err != nil {
		return "", fmt.Errorf("asking %s for its default branch: %w", c.remote, err)
	}
	for line := range strings.Lines(said) {
		if rest, ok := strings.CutPrefix(line, "ref: refs/heads/"); ok {
			branch, _, _ := strings.Cut(rest, "\t")
			return branch, nil
		}
	}
	return "", exit.Usage("%s does not say which branch is its default (name it with --branch)", c.remote)
}

// close ends reading and removes a temporary clone.
func (c *checkout) close() error {
	var err error
	if c.objects != nil {
		err = c.objects.Close()
	}
	if c.temporary != "" {
		err = errors.Join(err, os.RemoveAll(c.temporary))
	}
	if err != nil {
		return fmt.Errorf("closing the config repository: %w", err)
	}
	return nil
}

// fetch brings in the branch and returns the commit it is at.
func (c *checkout) fetch(ctx context.Context) (string, error) {
	return c.fetchRef(ctx, "refs/heads/"+c.branch)
}

// fetchRef brings in a ref of the remote and returns the commit it is at. No ref of the checkout moves.
func (c *checkout) fetchRef(ctx context.Context, ref string) (string, error) {
	// Of a repository that is shallow on the server, git brings in the objects and leaves out the ref without a word, as its
	// history ends at a commit that was not here. The second time it is.
	const tries = 2
	for range tries {
		_, err := c.git.Run(ctx, "fetch", "--quiet", "--no-tags", c.name, ref)
		if err != nil && strings.Contains(err.Error(), "did not send all necessary objects") {
			break
		}
		if err != nil {
			return "", fmt.Errorf("fetching %s of %s: %w", ref, c.remote, err)
		}
		if commit, err := c.git.Run(ctx, "rev-parse", "--verify", "FETCH_HEAD^{commit}"); err == nil {
			return commit, c.reopen()
		}
	}
	// Git could cut the history of the checkout, too, but a command that reads leaves it as it is.
	return "", exit.Usage("git takes nothing of %s into this checkout: it is shallow on the server, and its history ends at a commit that the checkout does not lead to (name it with --config-repo, or run git fetch --unshallow on the server)", c.remote)
}

// pushAttempts bounds how often a change is made anew because others push at the same time.
const pushAttempts = 10

// change makes one commit on the newest state of the branch and pushes it: the remote moves its branch only from the
// commit that was looked at. When somebody else was faster, decide is asked again with the new head.
// Edits only remove files.
func (c *checkout) change(ctx context.Context, decide func(head string) (manifest.Edit, error)) (string, error) {
	head, err := c.fetch(ctx)
	if err != nil {
		return "", err
	}
	var refused error
	for range pushAttempts {
		e, err := decide(head)
		if err != nil {
			return "", err
		}
		commit, err := c.git.Commit(ctx, head, e.Message, slices.Sorted(maps.Keys(e.Files)))
		if err != nil {
			return "", err
		}
		landed, now, err := c.push(ctx, head, commit)
		if landed {
			return commit, nil
		}
		if now == head {
			return "", err
		}
		head, refused = now, err
	}
	return "", fmt.Errorf("others keep pushing to %s (try again): %w", c.remote, refused)
}

// push moves the branch from head to commit. When it was refused, now is where the branch is instead.
func (c *checkout) push(ctx context.Context, head, commit string) (landed bool, now string, err error) {
	_, refused := c.git.Run(ctx, "push", "--quiet", c.name, commit+":refs/heads/"+c.branch)
	if refused == nil {
		return true, commit, nil
	}
	refused = fmt.Errorf("pushing to %s of %s: %w", c.branch, c.remote, refused)
	now, err = c.fetch(ctx)
	if err != nil {
		return false, head, errors.Join(refused, err)
	}
	// The answer to a push can get lost after it landed.
	if _, err := c.git.Run(ctx, "merge-base", "--is-ancestor", commit, now); err == nil {
		return true, commit, nil
	}
	return false, now, refused
}

// parseKey reads WS/PROJECT.
func parseKey(s string) (manifest.Key, error) {
	workspace, project, ok := strings.Cut(s, "/")
	if !ok || workspace == "" || project == "" || strings.Contains(project, "/") {
		return manifest.Key{}, exit.Usage("%q is not a project (write it like ws-1/shop)", s)
	}
	return manifest.Key{Workspace: workspace, Project: project}, nil
}
