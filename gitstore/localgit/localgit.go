// Package localgit finds repositories on this machine as the git command line does, by asking it, and gets from it what is
// kept in ways that are not read otherwise.
package localgit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

	"github.com/plateform/plateform/gitstore/environment"
	"github.com/plateform/plateform/gitstore/transport"
)

// Place is where a repository is on this machine.
type Place struct {
	// Root of the work tree; empty for a bare repository.
	Root string
	// GitDir is of this work tree, CommonDir what all work trees share.
	GitDir, CommonDir string
	// Reftable says that the refs are kept in a form that only git reads.
	Reftable bool
	// ByGit says that there is a git to ask.
	ByGit bool
}

// NoRepositoryError names a directory that belongs to no repository. It is fs.ErrNotExist, too.
type NoRepositoryError string

func (e NoRepositoryError) Error() string { return string(e) + " is in no Git repository" }

// Is implements the interface that errors.Is looks for.
func (NoRepositoryError) Is(target error) bool { return target == fs.ErrNotExist }

// How long git may take to answer: for what it has here, and for an object that it may have to fetch first. A file system that
// hangs, or a remote, must not hang who asks.
const (
	answerLimit = 30 * time.Second
	objectLimit = 2 * time.Minute
)

// Git is the git of this machine, run in a folder. What it runs ends with the context that it was made with.
type Git struct {
	Dir string
	// Here says that the folder is the one the user stands in, for which the environment may name a repository.
	Here bool

	ctx    context.Context
	answer time.Duration
	object time.Duration
}

// New returns the git of this machine for a folder, until the context ends. It runs nothing.
func New(ctx context.Context, dir string, here bool) Git {
	return Git{Dir: dir, Here: here, ctx: ctx, answer: answerLimit, object: objectLimit}
}

func (g Git) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "git", args...)
	c.WaitDelay = time.Second
	c.Dir = g.Dir
	c.Env = os.Environ()
	if !g.Here {
		c.Env = environment.Clean()
	}
	c.Env = append(c.Env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0")
	return c
}

// run returns the lines that git prints, or what it complains of.
func (g Git) run(args ...string) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(g.ctx, g.answer, &transport.SilenceError{Limit: g.answer})
	defer cancel()
	c := g.command(ctx, args...)
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.Output()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, fmt.Errorf("git %s: %w", args[0], cause)
	}
	if said := strings.Join(strings.Fields(complaint.String()), " "); err != nil && said != "" {
		return nil, fmt.Errorf("%s: %w", said, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), err
}

// Locate finds the repository. exec.ErrNotFound says that there is no git.
func (g Git) Locate() (Place, error) {
	at := Place{ByGit: true}
	said, err := g.run("rev-parse", "--absolute-git-dir", "--git-common-dir", "--is-inside-work-tree", "--show-object-format")
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return at, err
	case err != nil && strings.Contains(err.Error(), "not a git repository"):
		return at, NoRepositoryError(g.Dir)
	case err != nil && strings.Contains(err.Error(), "unknown repository extension"):
		return at, fmt.Errorf("the repository of %s has a format that the git here does not know (install a newer git): %w", g.Dir, err)
	case err != nil:
		return at, fmt.Errorf("the repository of %s cannot be read: %w", g.Dir, err)
	case len(said) != 4:
		return at, fmt.Errorf("the repository of %s: git says %q of it", g.Dir, said)
	}
	if said[3] != "sha1" {
		return at, fmt.Errorf("the repository of %s: %w", g.Dir, &transport.FormatError{Format: said[3]})
	}
	at.GitDir, at.CommonDir = said[0], said[1]
	if !filepath.IsAbs(at.CommonDir) {
		at.CommonDir = filepath.Join(g.Dir, at.CommonDir)
	}
	if said[2] == "true" {
		top, err := g.run("rev-parse", "--show-toplevel")
		if err != nil {
			return at, fmt.Errorf("the repository of %s: %w", g.Dir, err)
		}
		at.Root = top[0]
	}
	_, err = os.Stat(filepath.Join(at.CommonDir, "reftable"))
	at.Reftable = err == nil
	return at, nil
}

// Head returns the commit that is checked out, "" when there is none yet, and its branch, "" when it is detached.
func (g Git) Head() (commit, branch string, err error) {
	if said, err := g.run("symbolic-ref", "--quiet", "HEAD"); err == nil {
		branch = strings.TrimPrefix(said[0], "refs/heads/")
	}
	said, err := g.run("rev-parse", "--verify", "--quiet", "HEAD")
	if err != nil && branch == "" {
		return "", "", fmt.Errorf("HEAD: %w", err)
	}
	if err != nil {
		return "", branch, nil //nolint:nilerr // there is no commit yet
	}
	return said[0], branch, nil
}

// Resolve returns the commit that a revision names, in all forms that git knows.
func (g Git) Resolve(rev string) (string, error) {
	if strings.HasPrefix(rev, "-") {
		return "", fmt.Errorf("%s: is no branch, tag or commit", rev)
	}
	said, err := g.run("rev-parse", "--verify", "--quiet", rev+"^{commit}")
	if err != nil || !plumbing.IsHash(said[0]) {
		return "", fmt.Errorf("%s: is no branch, tag or commit", rev)
	}
	return said[0], nil
}

// Borrows says that the environment names more places with objects.
func (g Git) Borrows() bool {
	return g.Here && (os.Getenv("GIT_OBJECT_DIRECTORY") != "" || os.Getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES") != "")
}

// IsPartial says that some objects were left at the remote, to be fetched when they are asked for.
func IsPartial(commonDir string) bool {
	found, err := filepath.Glob(filepath.Join(commonDir, "objects", "pack", "*.promisor"))
	return err == nil && len(found) > 0
}

// LocateWithoutGit finds the usual checkouts.
func LocateWithoutGit(dir string) (Place, error) {
	repo, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		// A bare one is not looked for upward.
		repo, err = git.PlainOpen(dir)
	}
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return Place{}, NoRepositoryError(dir)
	}
	if err != nil {
		return Place{}, fmt.Errorf("the repository of %s: %w", dir, err)
	}
	var at Place
	if tree, err := repo.Worktree(); err == nil {
		at.Root = tree.Filesystem.Root()
	}
	at.GitDir, at.CommonDir, err = gitDirOf(dir, at.Root)
	return at, err
}

// gitDirOf returns the folder of a work tree with its HEAD, and the one with the objects and branches, which the work trees
// of a repository share.
func gitDirOf(dir, root string) (gitDir, commonDir string, err error) {
	if root == "" {
		return dir, dir, nil // bare
	}
	gitDir = filepath.Join(root, ".git")
	if data, err := os.ReadFile(gitDir); err == nil {
		to, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
		if !ok {
			return "", "", fmt.Errorf("%s does not say where the repository is", gitDir)
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(root, to)
		}
		gitDir = to
	}
	data, err := os.ReadFile(filepath.Join(gitDir, "commondir"))
	if err != nil {
		return gitDir, gitDir, nil //nolint:nilerr // only work trees beside the first one have it
	}
	commonDir = strings.TrimSpace(string(data))
	if !filepath.IsAbs(commonDir) {
		commonDir = filepath.Join(gitDir, commonDir)
	}
	return gitDir, commonDir, nil
}
