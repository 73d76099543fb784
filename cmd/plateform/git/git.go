// Package git runs the git of this machine. People's own git has their credentials, SSH settings, proxies and identity, so
// what they do with plateform works wherever their `git push` works, and carries their name.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
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
// returns its hash. files are the new contents of files, by path; nil for one that base has and that goes.
func (g Command) Commit(ctx context.Context, base, message string, files map[string][]byte) (string, error) {
	tree := base + "^{tree}"
	if len(files) > 0 {
		written, err := g.treeWith(ctx, base, files)
		if err != nil {
			return "", err
		}
		tree = written
	}
	return g.Feed(ctx, message, "commit-tree", tree, "-p", base)
}

// treeWith writes the tree of a commit with some files changed, and returns its hash.
func (g Command) treeWith(ctx context.Context, commit string, files map[string][]byte) (string, error) {
	dir, err := os.MkdirTemp("", "plateform-index-")
	if err != nil {
		return "", fmt.Errorf("making room for an index: %w", err)
	}
	defer os.RemoveAll(dir)
	var lines strings.Builder
	for _, path := range slices.Sorted(maps.Keys(files)) {
		mode, hash := "0", strings.Repeat("0", len(commit))
		if content := files[path]; content != nil {
			mode = "100644"
			if hash, err = g.Feed(ctx, string(content), "hash-object", "-w", "--stdin"); err != nil {
				return "", err
			}
		}
		fmt.Fprintf(&lines, "%s %s\t%s\x00", mode, hash, path)
	}
	g.Env = append(slices.Clone(g.Env), "GIT_INDEX_FILE="+filepath.Join(dir, "index"))
	if _, err := g.Run(ctx, "read-tree", commit); err != nil {
		return "", err
	}
	if _, err := g.Feed(ctx, lines.String(), "update-index", "-z", "--index-info"); err != nil {
		return "", err
	}
	return g.Run(ctx, "write-tree")
}
