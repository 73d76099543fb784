// Package source looks at a source for people: what it is, and the Dockerfile that it is built with. It is a folder, a commit of a
// repository on this machine, or a repository that git fetches.
package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/gitstore"
)

// Files are those of a source, until they are closed.
type Files struct {
	fs.FS
	// Close gives back what they need.
	Close func() error
}

// Open opens a folder, or a repository: one that is named by its URL, a bare one, or the one that a folder is in where a
// revision is given. Empty is no revision.
func Open(ctx context.Context, name, revision string) (Files, error) {
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		if strings.Contains(name, "://") || strings.HasPrefix(name, "git@") {
			return fetched(ctx, name, revision)
		}
		return Files{}, exit.Usage("there is no folder %s (name the checkout of the app, or the URL of its repository)", name)
	}
	if revision != "" || isBare(name) {
		return committed(ctx, name, revision)
	}
	dir, err := filepath.Abs(name)
	if err != nil {
		return Files{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Files{}, fmt.Errorf("opening the source: %w", err)
	}
	return Files{root.FS(), root.Close}, nil
}

// isBare says that a folder is a repository without files.
func isBare(dir string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// committed are the files of a commit of a repository on this machine.
func committed(ctx context.Context, dir, revision string) (Files, error) {
	objects, err := gitstore.OpenLocal(ctx, dir)
	if err != nil {
		return Files{}, exit.Usage("%s cannot be read as a repository: %w", dir, err)
	}
	if revision == "" {
		revision = "HEAD"
	}
	commit, err := objects.Resolve(revision)
	if err != nil {
		return Files{}, errors.Join(exit.Usage("--revision %s: %w", revision, err), objects.Close())
	}
	return Files{gitstore.FS(objects, commit), objects.Close}, nil
}

// fetched has git fetch the newest commit of a repository, as it does for the user, into a folder that goes when it is closed.
func fetched(ctx context.Context, url, revision string) (files Files, err error) {
	dir, err := os.MkdirTemp("", "plateform-source-")
	if err != nil {
		return Files{}, fmt.Errorf("preparing for the repository: %w", err)
	}
	remove := func() error { return os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			err = errors.Join(err, remove())
		}
	}()
	clone := []string{"clone", "--quiet", "--bare", "--depth", "1"}
	if revision != "" {
		clone = append(clone, "--branch", revision)
	}
	if _, err := (git.Command{Dir: dir}).Run(ctx, append(clone, "--", url, "repository")...); err != nil {
		return Files{}, fmt.Errorf("fetching %s: %w", gitstore.Redact(url), err)
	}
	files, err = committed(ctx, filepath.Join(dir, "repository"), "")
	if err != nil {
		return Files{}, err
	}
	closed := files.Close
	files.Close = func() error { return errors.Join(closed(), remove()) }
	return files, nil
}
