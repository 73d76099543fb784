// Package git runs the git of this machine. People's own git has their credentials, SSH settings, proxies and identity, so
// what they do with plateform works wherever their `git push` works, and carries their name.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plateform/plateform/gitstore/environment"
)

// Command runs git in one folder.
type Command struct {
	// Dir is the folder; the one the user stands in is ".". Only there counts what the environment says of a repository
	// (GIT_DIR and the like).
	Dir string
	// Env is added to the environment.
	Env []string
}

// Run runs git and returns what it printed, without the last line break.
func (g Command) Run(ctx context.Context, args ...string) (string, error) {
	return g.Feed(ctx, "", args...)
}

// Feed is Run with something on standard input.
func (g Command) Feed(ctx context.Context, input string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = g.Dir
	command.Env = os.Environ()
	if g.Dir != "." {
		command.Env = environment.Clean()
	}
	command.Env = append(command.Env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0")
	command.Env = append(command.Env, g.Env...)
	command.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", failure(err, args, stderr.String())
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// failure puts what git said into one line.
func failure(err error, args []string, said string) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("git is not there (install git 2.30 or newer): %w", err)
	}
	said = strings.Join(strings.Fields(said), " ")
	if said == "" {
		return fmt.Errorf("git %s: %w", args[0], err)
	}
	return fmt.Errorf("git %s: %s: %w", args[0], said, err)
}

// Commit makes a commit on top of base from the identity of the user, without touching the work tree or the index, and
// returns its hash. removed are paths that base has.
func (g Command) Commit(ctx context.Context, base, message string, removed []string) (string, error) {
	tree := base + "^{tree}"
	if len(removed) > 0 {
		written, err := g.treeWithout(ctx, base, removed)
		if err != nil {
			return "", err
		}
		tree = written
	}
	return g.Feed(ctx, message, "commit-tree", tree, "-p", base)
}

// treeWithout writes the tree of a commit without some files, and returns its hash.
func (g Command) treeWithout(ctx context.Context, commit string, removed []string) (string, error) {
	dir, err := os.MkdirTemp("", "plateform-index-")
	if err != nil {
		return "", fmt.Errorf("making room for an index: %w", err)
	}
	defer os.RemoveAll(dir)
	g.Env = append(slices.Clone(g.Env), "GIT_INDEX_FILE="+filepath.Join(dir, "index"))
	if _, err := g.Run(ctx, "read-tree", commit); err != nil {
		return "", err
	}
	var remove strings.Builder
	for _, path := range removed {
		fmt.Fprintf(&remove, "0 %s\t%s\x00", strings.Repeat("0", len(commit)), path)
	}
	if _, err := g.Feed(ctx, remove.String(), "update-index", "-z", "--index-info"); err != nil {
		return "", err
	}
	return g.Run(ctx, "write-tree")
}
