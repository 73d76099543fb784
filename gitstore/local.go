package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

	"github.com/plateform/plateform/gitstore/pack"
)

// Local is a read-only view of a repository on this machine, for commands that run inside a checkout. The work tree is
// not looked at. It is safe for use by several goroutines.
type Local struct {
	*reader
	// Root of the work tree; empty for a bare repository.
	Root    string
	repo    *git.Repository
	objects *pack.Repository
}

// noRepositoryError names a directory that belongs to no repository. It is fs.ErrNotExist, too.
type noRepositoryError string

func (e noRepositoryError) Error() string { return string(e) + " is in no Git repository" }

// Is implements the interface that errors.Is looks for.
func (noRepositoryError) Is(target error) bool { return target == fs.ErrNotExist }

// OpenLocal finds the repository that a directory belongs to, going upward. A bare one has to be named itself.
func OpenLocal(dir string) (*Local, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	repo, err := git.PlainOpenWithOptions(abs, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		// A bare one is not looked for upward.
		repo, err = git.PlainOpen(abs)
	}
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, noRepositoryError(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("the repository of %s: %w", abs, err)
	}
	l := &Local{repo: repo}
	if tree, err := repo.Worktree(); err == nil {
		l.Root = tree.Filesystem.Root()
	}
	gitDir, err := gitDirOf(abs, l.Root)
	if err != nil {
		return nil, err
	}
	if l.objects, err = pack.OpenRepository(gitDir); err != nil {
		return nil, err
	}
	l.reader = newReader(func() pack.Source { return l.objects })
	return l, nil
}

// Close closes the packs.
func (l *Local) Close() error { return l.objects.Close() }

// gitDirOf returns the folder with the objects and branches of a repository, which the work trees of it share.
func gitDirOf(dir, root string) (string, error) {
	gitDir := filepath.Join(root, ".git")
	if root == "" {
		return dir, nil // bare
	}
	if data, err := os.ReadFile(gitDir); err == nil {
		to, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
		if !ok {
			return "", fmt.Errorf("%s does not say where the repository is", gitDir)
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(root, to)
		}
		gitDir = to
	}
	if data, err := os.ReadFile(filepath.Join(gitDir, "commondir")); err == nil {
		common := strings.TrimSpace(string(data))
		if !filepath.IsAbs(common) {
			common = filepath.Join(gitDir, common)
		}
		gitDir = common
	}
	return gitDir, nil
}

// Head returns the commit that is checked out, "" when there is none yet, and its branch, "" when it is detached.
func (l *Local) Head() (commit, branch string, err error) {
	ref, err := l.repo.Storer.Reference(plumbing.HEAD)
	if err != nil {
		return "", "", fmt.Errorf("HEAD: %w", err)
	}
	if ref.Type() == plumbing.HashReference {
		return ref.Hash().String(), "", nil
	}
	branch = ref.Target().Short()
	to, err := l.repo.Storer.Reference(ref.Target())
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return "", branch, nil
	}
	if err != nil {
		return "", branch, fmt.Errorf("the branch %s: %w", branch, err)
	}
	return to.Hash().String(), branch, nil
}

// Resolve returns the commit that a revision names: a hash or a part of it, a branch, a tag, HEAD, a branch of a remote,
// with ~n and ^n behind it.
func (l *Local) Resolve(rev string) (string, error) {
	base, steps := rev, ""
	if i := strings.IndexAny(rev, "~^"); i > 0 {
		base, steps = rev[:i], rev[i:]
	}
	h, err := l.resolveName(base)
	if err != nil {
		return "", err
	}
	if h, err = l.peel(h); err != nil {
		return "", fmt.Errorf("%s: %w", rev, err)
	}
	for steps != "" {
		if h, steps, err = l.step(h, steps); err != nil {
			return "", fmt.Errorf("%s: %w", rev, err)
		}
	}
	return h.String(), nil
}

// resolveName returns what a name without steps stands for.
func (l *Local) resolveName(name string) (plumbing.Hash, error) {
	if plumbing.IsHash(name) {
		return plumbing.NewHash(name), nil
	}
	if name == "@" {
		name = "HEAD"
	}
	for _, rule := range plumbing.RefRevParseRules {
		ref, err := l.resolveRef(plumbing.ReferenceName(fmt.Sprintf(rule, name)))
		if err == nil {
			return ref, nil
		}
	}
	h, err := l.abbreviated(name)
	if err != nil {
		return h, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}

// abbreviated finds the one commit or tag whose name begins like this.
func (l *Local) abbreviated(prefix string) (plumbing.Hash, error) {
	const shortest = 4
	noCommit := fmt.Errorf("is no branch, tag or commit: %w", ErrNoCommit)
	if len(prefix) < shortest || len(prefix) > 40 || strings.Trim(prefix, "0123456789abcdefABCDEF") != "" {
		return plumbing.ZeroHash, noCommit
	}
	found, err := l.objects.WithPrefix(prefix)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	var only []plumbing.Hash
	for _, h := range found {
		if o, ok, err := l.objects.Object(h); err != nil {
			return h, err
		} else if ok && (o.Kind == plumbing.CommitObject || o.Kind == plumbing.TagObject) {
			only = append(only, h)
		}
	}
	switch len(only) {
	case 0:
		return plumbing.ZeroHash, noCommit
	case 1:
		return only[0], nil
	}
	return plumbing.ZeroHash, fmt.Errorf("%d commits begin like this; name more of it", len(only))
}

// resolveRef follows a ref that may name another one.
func (l *Local) resolveRef(name plumbing.ReferenceName) (plumbing.Hash, error) {
	const maxSymbolic = 5
	for range maxSymbolic {
		ref, err := l.repo.Storer.Reference(name)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if ref.Type() == plumbing.HashReference {
			return ref.Hash(), nil
		}
		name = ref.Target()
	}
	return plumbing.ZeroHash, plumbing.ErrReferenceNotFound
}

// peel follows a tag to its commit.
func (l *Local) peel(h plumbing.Hash) (plumbing.Hash, error) {
	for range maxTags {
		o, ok, err := l.objects.Object(h)
		if err != nil {
			return h, err
		}
		if !ok {
			return h, ErrNoCommit
		}
		switch o.Kind {
		case plumbing.CommitObject:
			return h, nil
		case plumbing.TagObject:
			line, _, _ := bytes.Cut(o.Data, []byte("\n"))
			h = plumbing.NewHash(string(bytes.TrimPrefix(line, []byte("object "))))
		default:
			return h, fmt.Errorf("is a %s and no commit", o.Kind)
		}
	}
	return h, errors.New("tags of tags without an end")
}

// maxTags bounds tags of tags.
const maxTags = 16

// step goes one ~n or ^n on, and returns the steps that are left.
func (l *Local) step(h plumbing.Hash, steps string) (plumbing.Hash, string, error) {
	kind, rest := steps[0], steps[1:]
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	n := 1
	if digits > 0 {
		var err error
		if n, err = strconv.Atoi(rest[:digits]); err != nil {
			return h, "", err
		}
	}
	rest = rest[digits:]
	if rest != "" && rest[0] != '~' && rest[0] != '^' || strings.HasPrefix(rest, "^{") {
		return h, "", fmt.Errorf("%q is no step; ~n and ^n are", steps)
	}
	count, parent := n, 1
	if kind == '^' {
		count, parent = min(n, 1), n
	}
	for range count {
		c, err := l.commit(h.String())
		if err != nil {
			return h, "", err
		}
		if len(c.ParentHashes) < parent {
			return h, "", fmt.Errorf("%s has no parent number %d: %w", h, parent, ErrNoCommit)
		}
		h = c.ParentHashes[parent-1]
	}
	return h, rest, nil
}
