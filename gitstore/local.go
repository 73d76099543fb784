package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"

	"github.com/plateform/plateform/gitstore/localgit"
	"github.com/plateform/plateform/gitstore/pack"
)

// Local is a read-only view of a repository on this machine, for commands that run inside a checkout. The work tree is
// not looked at. It is safe for use by several goroutines.
type Local struct {
	*reader
	// Root of the work tree; empty for a bare repository.
	Root string
	git  localgit.Git
	// refs are nil where only git can read them.
	refs storer.ReferenceStorer
	// source has all objects: those read here, and those that only git finds.
	source  pack.Source
	objects *pack.Repository
	asked   *localgit.Objects
}

// OpenLocal finds the repository that a directory belongs to, going upward, as the git command line does. What the
// environment says of a repository (GIT_DIR and the like) counts for ".", the folder one stands in, and for no other. Without
// git on this machine the usual checkouts are found all the same; a bare one has to be named itself then. It can be read until ctx
// ends.
func OpenLocal(ctx context.Context, dir string) (*Local, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	g := localgit.New(ctx, abs, dir == ".")
	at, err := g.Locate()
	if errors.Is(err, exec.ErrNotFound) {
		at, err = localgit.LocateWithoutGit(abs)
	}
	if err != nil {
		return nil, err
	}
	l := &Local{Root: at.Root, git: g}
	if !at.Reftable {
		l.refs = filesystem.NewStorage(dotgit.NewRepositoryFilesystem(osfs.New(at.GitDir), osfs.New(at.CommonDir)), cache.NewObjectLRUDefault())
	}
	shallow, err := readShallow(at.CommonDir)
	if err != nil {
		return nil, fmt.Errorf("the repository of %s: %w", abs, err)
	}
	l.objects, err = pack.OpenRepository(at.CommonDir)
	if err != nil && !(at.ByGit && errors.Is(err, pack.ErrIndexKind)) {
		return nil, err
	}
	l.source = l.objects
	if at.ByGit && (err != nil || g.Borrows() || localgit.IsPartial(at.CommonDir)) {
		l.asked = &localgit.Objects{Git: g}
		l.source = l.asked
		if err == nil {
			l.source = eitherSource{l.objects, l.asked}
		}
	}
	l.reader = newReader(func() pack.Source { return l.source }, func(commit plumbing.Hash, _ []plumbing.Hash) bool { return shallow[commit] })
	return l, nil
}

// Close closes the packs, and ends the git that was asked.
func (l *Local) Close() error {
	var err error
	if l.objects != nil {
		err = l.objects.Close()
	}
	if l.asked != nil {
		err = errors.Join(err, l.asked.Close())
	}
	return err
}

// readShallow returns the commits behind which a shallow clone ends.
func readShallow(gitDir string) (map[plumbing.Hash]bool, error) {
	data, err := os.ReadFile(filepath.Join(gitDir, "shallow"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	cut := map[plumbing.Hash]bool{}
	for line := range strings.Lines(string(data)) {
		cut[plumbing.NewHash(strings.TrimSpace(line))] = true
	}
	return cut, nil
}

// Head returns the commit that is checked out, "" when there is none yet, and its branch, "" when it is detached.
func (l *Local) Head() (commit, branch string, err error) {
	if l.refs == nil {
		return l.git.Head()
	}
	ref, err := l.refs.Reference(plumbing.HEAD)
	if err != nil {
		return "", "", fmt.Errorf("HEAD: %w", err)
	}
	if ref.Type() == plumbing.HashReference {
		return ref.Hash().String(), "", nil
	}
	branch = ref.Target().Short()
	to, err := l.refs.Reference(ref.Target())
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
	found, err := l.resolve(rev)
	if err != nil && l.asked != nil {
		if byGit, gitErr := l.git.Resolve(rev); gitErr == nil {
			return byGit, nil
		}
	}
	return found, err
}

// resolve reads the forms that people use most.
func (l *Local) resolve(rev string) (string, error) {
	if l.refs == nil {
		commit, err := l.git.Resolve(rev)
		if err != nil {
			err = fmt.Errorf("%w: %w", err, ErrNoCommit)
		}
		return commit, err
	}
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
	if l.objects == nil {
		return plumbing.ZeroHash, noCommit // git is asked next
	}
	found, err := l.objects.WithPrefix(prefix)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	var only []plumbing.Hash
	for _, h := range found {
		if o, ok, err := l.source.Object(h); err != nil {
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
		ref, err := l.refs.Reference(name)
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
		o, ok, err := l.source.Object(h)
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

// eitherSource asks git for what is not found here.
type eitherSource struct{ here, asked pack.Source }

// Object implements pack.Source.
func (e eitherSource) Object(h plumbing.Hash) (pack.Object, bool, error) {
	if o, ok, err := e.here.Object(h); ok && err == nil {
		return o, true, nil
	}
	return e.asked.Object(h)
}
