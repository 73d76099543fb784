// Package checkout is a config repository as commands reach it: through the git of whoever runs them, from the checkout that
// they stand in or from a URL. What it looks at is the remote; what it changes are commits pushed there.
package checkout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
)

// GitOpsSetting is where a checkout of the config repository keeps the URL of the GitOps repository, in its git config.
const GitOpsSetting = "plateform.gitops"

// Place is where a config repository is.
type Place struct {
	// URL or path; empty for the remote of the checkout that the user stands in.
	URL string
	// Branch; empty for the default branch of the remote.
	Branch string
}

// Checkout is a config repository with its remote: the checkout the user stands in, or a temporary clone of a URL. Only
// its remote counts: what is checked out, staged or edited is neither read nor touched.
type Checkout struct {
	// Git runs git in it.
	Git git.Command
	// root of the work tree, or the folder of a bare repository.
	root string
	// Remote is its URL, for messages.
	Remote string
	name   string // of the remote
	// Branch that is worked on.
	Branch string
	// temporary is the folder to remove at the end; empty for a user's checkout.
	temporary string
	// Objects are what is there as of the last fetch.
	Objects *gitstore.Local
}

// Open finds the config repository. The caller closes it.
func Open(ctx context.Context, p Place) (c *Checkout, err error) {
	if p.URL != "" {
		c, err = clone(ctx, p)
	} else {
		c, err = find(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	if err := c.Reopen(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Reopen makes what git has brought in since visible.
func (c *Checkout) Reopen(ctx context.Context) error {
	opened, err := gitstore.OpenLocal(context.WithoutCancel(ctx), c.Git.Dir) // it is read after what it was opened with may be over
	if err != nil {
		return err
	}
	if c.Objects != nil {
		err = c.Objects.Close()
	}
	c.Objects = opened
	return err
}

// find is the checkout the user stands in.
func find(ctx context.Context, p Place) (*Checkout, error) {
	c := &Checkout{Git: git.Command{Dir: "."}, name: "origin", Branch: p.Branch}
	top, err := c.Git.Run(ctx, "rev-parse", "--show-toplevel")
	if err != nil { // it may be a bare repository, or the .git of a checkout
		if gitDir, bare := c.Git.Run(ctx, "rev-parse", "--absolute-git-dir"); bare == nil {
			top, err = gitDir, nil
		}
	}
	if err != nil {
		return nil, exit.Usage("this folder is not in a checkout of the config repository (go there, or name it with --config-repo): %w", err)
	}
	c.root = top
	if c.Remote, err = c.Git.Run(ctx, "remote", "get-url", c.name); err != nil {
		return nil, exit.Usage("the checkout %s has no remote %q (add it with git remote add, or name the config repository with --config-repo): %w", top, c.name, err)
	}
	if c.Branch == "" {
		c.Branch, err = c.defaultBranch(ctx)
	}
	return c, err
}

// clone clones one branch into a temporary folder.
func clone(ctx context.Context, p Place) (*Checkout, error) {
	dir, err := os.MkdirTemp("", "plateform-config-")
	if err != nil {
		return nil, fmt.Errorf("making room for a clone: %w", err)
	}
	c := &Checkout{Git: git.Command{Dir: dir}, root: dir, Remote: p.URL, name: "origin", Branch: p.Branch, temporary: dir}
	args := []string{"clone", "--quiet", "--no-checkout", "--single-branch"}
	if c.Branch != "" {
		args = append(args, "--branch="+c.Branch)
	}
	// From the folder the user stands in: the URL may be a relative path. What the environment says of a repository there is
	// not about the clone.
	here, err := os.Getwd()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("finding out where we are: %w", err), c.Close())
	}
	_, err = git.Command{Dir: here}.Run(ctx, append(args, "--", p.URL, dir)...)
	if err == nil && c.Branch == "" {
		c.Branch, err = c.defaultBranch(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cloning the config repository %s: %w", p.URL, err), c.Close())
	}
	return c, nil
}

// defaultBranch asks the remote for its default branch.
func (c *Checkout) defaultBranch(ctx context.Context) (string, error) {
	said, err := c.Git.Run(ctx, "ls-remote", "--symref", c.name, "HEAD")
	if err != nil {
		return "", fmt.Errorf("asking %s for its default branch: %w", c.Remote, err)
	}
	for line := range strings.Lines(said) {
		if rest, ok := strings.CutPrefix(line, "ref: refs/heads/"); ok {
			branch, _, _ := strings.Cut(rest, "\t")
			return branch, nil
		}
	}
	return "", exit.Usage("%s does not say which branch is its default (name it with --branch)", c.Remote)
}

// Close ends reading and removes a temporary clone.
func (c *Checkout) Close() error {
	var err error
	if c.Objects != nil {
		err = c.Objects.Close()
	}
	if c.temporary != "" {
		err = errors.Join(err, os.RemoveAll(c.temporary))
	}
	if err != nil {
		return fmt.Errorf("closing the config repository: %w", err)
	}
	return nil
}

// Fetch brings in the branch and returns the commit it is at.
func (c *Checkout) Fetch(ctx context.Context) (string, error) {
	return c.FetchRef(ctx, "refs/heads/"+c.Branch)
}

// FetchRef brings in a ref of the remote and returns the commit it is at. No ref of the checkout moves.
func (c *Checkout) FetchRef(ctx context.Context, ref string) (string, error) {
	// Of a repository that is shallow on the server, git brings in the objects and leaves out the ref without a word, as its
	// history ends at a commit that was not here. The second time it is.
	const tries = 2
	for range tries {
		_, err := c.Git.Run(ctx, "fetch", "--quiet", "--no-tags", c.name, ref)
		if err != nil && strings.Contains(err.Error(), "did not send all necessary objects") {
			break
		}
		if err != nil {
			return "", fmt.Errorf("fetching %s of %s: %w", ref, c.Remote, err)
		}
		if commit, err := c.Git.Run(ctx, "rev-parse", "--verify", "FETCH_HEAD^{commit}"); err == nil {
			return commit, c.Reopen(ctx)
		}
	}
	// Git could cut the history of the checkout, too, but a command that reads leaves it as it is.
	return "", exit.Usage("git takes nothing of %s into this checkout: it is shallow on the server, and its history ends at a commit that the checkout does not lead to (name it with --config-repo, or run git fetch --unshallow on the server)", c.Remote)
}

// pushAttempts bounds how often a change is made anew because others push at the same time.
const pushAttempts = 10

// Change makes one commit on the newest state of the branch and pushes it: the remote moves its branch only from the
// commit that was looked at. When somebody else was faster, decide is asked again with the new head.
// Edits only remove files.
func (c *Checkout) Change(ctx context.Context, decide func(head string) (manifest.Edit, error)) (string, error) {
	head, err := c.Fetch(ctx)
	if err != nil {
		return "", err
	}
	var refused error
	for range pushAttempts {
		e, err := decide(head)
		if err != nil {
			return "", err
		}
		commit, err := c.Git.Commit(ctx, head, e.Message, e.Files)
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
	return "", fmt.Errorf("others keep pushing to %s (try again): %w", c.Remote, refused)
}

// push moves the branch from head to commit. When it was refused, now is where the branch is instead.
func (c *Checkout) push(ctx context.Context, head, commit string) (landed bool, now string, err error) {
	_, refused := c.Git.Run(ctx, "push", "--quiet", c.name, commit+":refs/heads/"+c.Branch)
	if refused == nil {
		return true, commit, nil
	}
	refused = fmt.Errorf("pushing to %s of %s: %w", c.Branch, c.Remote, refused)
	now, err = c.Fetch(ctx)
	if err != nil {
		return false, head, errors.Join(refused, err)
	}
	// The answer to a push can get lost after it landed.
	if _, err := c.Git.Run(ctx, "merge-base", "--is-ancestor", commit, now); err == nil {
		return true, commit, nil
	}
	return false, now, refused
}

// FetchNotes brings in the notes and returns the commit that holds them; empty when the remote has none.
func (c *Checkout) FetchNotes(ctx context.Context) (string, error) {
	listed, err := c.Git.Run(ctx, "ls-remote", c.name, gitstore.NotesRef)
	if err != nil || listed == "" {
		return "", err
	}
	return c.FetchRef(ctx, gitstore.NotesRef)
}

// GitOps is the GitOps repository that the checkout names; empty when it names none.
func (c *Checkout) GitOps(ctx context.Context) string { return ConfiguredGitOps(ctx, c.Git, c.root) }

// ConfiguredGitOps is the GitOps repository that the git config of a checkout names; empty when it names none. A path counts
// from the root of the checkout, wherever in it the user stands.
func ConfiguredGitOps(ctx context.Context, g git.Command, root string) string {
	url, err := g.Run(ctx, "config", "--get", GitOpsSetting)
	if err != nil {
		return "" // unset is no error: then only the config repository is looked at
	}
	if strings.HasPrefix(url, "./") || strings.HasPrefix(url, "../") {
		return filepath.Join(root, url)
	}
	return url
}

// NotPushed says that a commit is in the checkout of the user, but not on the branch; nil when it is not there either, or
// on the branch after all, further back than is looked at.
func (c *Checkout) NotPushed(ctx context.Context, prefix, head string) error {
	if c.temporary != "" {
		return nil
	}
	objects, err := c.Git.Run(ctx, "rev-parse", "--disambiguate="+prefix)
	if err != nil || objects == "" {
		return err
	}
	kinds, err := c.Git.Feed(ctx, objects+"\n", "cat-file", "--batch-check=%(objectname) %(objecttype)")
	if err != nil {
		return err
	}
	for line := range strings.Lines(kinds) {
		hash, ok := strings.CutSuffix(strings.TrimSpace(line), " commit")
		if !ok {
			continue
		}
		if _, notOnIt := c.Git.Run(ctx, "merge-base", "--is-ancestor", hash, head); notOnIt != nil {
			return exit.Finding("commit %s is in this checkout, but not on %s of %s (push it, or ask for the commit that it was merged as)",
				terminal.Short(hash), c.Branch, c.Remote)
		}
	}
	return nil
}

// PushBranch pushes a commit as a new branch. One that is there already and comes to the same files will do, too.
func (c *Checkout) PushBranch(ctx context.Context, commit, branch string) error {
	_, err := c.Git.Run(ctx, "push", "--quiet", c.name, commit+":refs/heads/"+branch)
	if err == nil {
		return nil
	}
	there, missing := c.FetchRef(ctx, "refs/heads/"+branch)
	if missing != nil {
		return fmt.Errorf("pushing the branch %s to %s: %w", branch, c.Remote, err)
	}
	if _, differs := c.Git.Run(ctx, "diff", "--quiet", commit, there); differs != nil {
		return exit.Finding("%s has a branch %s already, with other changes (delete it, or go on from it): %w", c.Remote, branch, err)
	}
	return nil
}
