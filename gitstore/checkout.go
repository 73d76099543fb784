package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/tree"
)

// Checkout writes the files of one commit of a repository into dir, which is made or has to be empty. The commit may be
// any that a branch or tag leads to. No hook runs, no filter, no helper program; submodules are empty folders, and there
// is no .git. Symlinks are written as they are, wherever they lead: whoever reads the files follows none out of dir. A
// name that no file may have is an error.
func (r *Remote) Checkout(ctx context.Context, url, commit, dir string) error {
	if err := r.checkout(ctx, url, commit, dir); err != nil {
		return fmt.Errorf("checking out %s at %s: %w", Redact(url), commit, err)
	}
	return nil
}

func (r *Remote) checkout(ctx context.Context, url, commit, dir string) error {
	if !plumbing.IsHash(commit) {
		return errors.New("not the full hash of a commit")
	}
	root, err := emptyRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	ctx, cancel := context.WithTimeout(ctx, r.options.TransferTimeout)
	defer cancel()
	up, err := r.dialer.Upload(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = up.Close() }()
	return r.withCommit(ctx, up, commit, false, func(at *reader, _ *pack.DB) error {
		c, err := at.commit(commit)
		if err != nil {
			return err
		}
		w := &checkoutWriter{ctx: ctx, from: at.from(), root: root, left: r.options.MaxBytes}
		if err := w.folder("", c.TreeHash); err != nil {
			return err
		}
		return w.symlinks()
	})
}

// emptyRoot opens a folder that nothing can be written outside of.
func emptyRoot(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("the folder %s is not empty", dir)
	}
	return os.OpenRoot(dir)
}

// checkoutWriter writes files. Symlinks come last, so that nothing is written through one.
type checkoutWriter struct {
	ctx   context.Context
	from  pack.Source
	root  *os.Root
	left  int64
	links []link
}

type link struct{ path, target string }

func (w *checkoutWriter) folder(dir string, h plumbing.Hash) error {
	if strings.Count(dir, "/") > maxDepth {
		return fmt.Errorf("folders more than %d deep: %w", maxDepth, ErrTooLarge)
	}
	data, err := pack.Get(w.from, h, plumbing.TreeObject)
	if err != nil {
		return err
	}
	s := tree.Scan(data)
	for s.Next() {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		p := path.Join(dir, string(s.Name))
		if tree.Hostile(s.Name) {
			return fmt.Errorf("the name %q in %q is none a file may have: %w", s.Name, dir, ErrBadTree)
		}
		switch err := w.entry(p, s.Mode, s.Hash); {
		case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EINVAL):
			return fmt.Errorf("%s: %w: %w", p, ErrBadTree, err)
		case err != nil:
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return s.Err
}

// entry writes one name. A folder in the way of a file, or the other way round, is an error of the repository.
func (w *checkoutWriter) entry(p string, mode filemode.FileMode, h plumbing.Hash) error {
	// What an entry costs on disk at least, so that empty files and folders have a bound too.
	const atLeast = 512
	if w.left -= atLeast; w.left < 0 {
		return fmt.Errorf("the files: %w", ErrTooLarge)
	}
	switch {
	case tree.IsDir(mode):
		if err := w.root.Mkdir(p, 0o755); err != nil {
			return err
		}
		return w.folder(p, h)
	case mode == filemode.Submodule:
		return w.root.Mkdir(p, 0o755)
	case !tree.IsFile(mode) && mode != filemode.Symlink:
		return fmt.Errorf("a file of the unknown mode %o: %w", uint32(mode), ErrBadTree)
	}
	data, err := pack.Get(w.from, h, plumbing.BlobObject)
	if err != nil {
		return err
	}
	if w.left -= int64(len(data)); w.left < 0 {
		return fmt.Errorf("the files: %w", ErrTooLarge)
	}
	if mode == filemode.Symlink {
		w.links = append(w.links, link{p, string(data)})
		return nil
	}
	perm := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	return w.file(p, data, perm)
}

func (w *checkoutWriter) file(p string, data []byte, perm fs.FileMode) error {
	f, err := w.root.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// symlinks makes all links. A text that no link can have is one that nothing can follow, so it is left out.
func (w *checkoutWriter) symlinks() error {
	for _, l := range w.links {
		err := w.root.Symlink(l.target, l.path)
		impossible := l.target == "" || strings.ContainsRune(l.target, 0) || errors.Is(err, syscall.ENAMETOOLONG)
		if err != nil && !impossible {
			return err
		}
	}
	return nil
}
