package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
)

// Local is a read-only view of a repository on this machine, for commands that run inside a checkout. The work tree is
// not looked at. It is safe for use by several goroutines.
type Local struct {
	*reader
	// Root of the work tree; empty for a bare repository.
	Root    string
	repo    *git.Repository
	objects *localObjects
}

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
		return nil, fmt.Errorf("%s is in no Git repository: %w", abs, fs.ErrNotExist)
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
	if l.objects, err = openLocalObjects(gitDir); err != nil {
		return nil, err
	}
	l.reader = newReader(func() source { return l.objects })
	return l, nil
}

// Close closes the packs.
func (l *Local) Close() error { return l.objects.close() }

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

// Upstream is where a branch is pulled from and pushed to.
type Upstream struct {
	// Remote by name, and its URL.
	Remote string
	URL    string
	// Branch on the remote.
	Branch string
}

// Ref names the branch as it was at the last fetch, for Resolve.
func (u Upstream) Ref() string { return u.Remote + "/" + u.Branch }

// Upstream returns where the branch that is checked out comes from. Without a setting of its own that is the same branch
// of origin; false when there is no such remote.
func (l *Local) Upstream() (Upstream, bool, error) {
	_, branch, err := l.Head()
	if err != nil {
		return Upstream{}, false, err
	}
	c, err := l.repo.Config()
	if err != nil {
		return Upstream{}, false, fmt.Errorf("the settings of the repository: %w", err)
	}
	u := Upstream{Remote: "origin", Branch: branch}
	if b := c.Branches[branch]; b != nil && b.Remote != "" && b.Remote != "." {
		u.Remote = b.Remote
		if b.Merge != "" {
			u.Branch = b.Merge.Short()
		}
	}
	remote := c.Remotes[u.Remote]
	if remote == nil || len(remote.URLs) == 0 {
		return Upstream{}, false, nil
	}
	u.URL = resolveURL(remote, l.Root)
	return u, true, nil
}

// resolveURL makes the path of a remote absolute: it counts from the work tree.
func resolveURL(remote *config.RemoteConfig, root string) string {
	u := remote.URLs[0]
	if strings.HasPrefix(u, "./") || strings.HasPrefix(u, "../") {
		return filepath.Join(root, u)
	}
	return u
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
	h, err := l.objects.abbreviated(name)
	if err != nil {
		return h, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
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
		o, ok, err := l.objects.object(h)
		if err != nil {
			return h, err
		}
		if !ok {
			return h, ErrNoCommit
		}
		switch o.kind {
		case plumbing.CommitObject:
			return h, nil
		case plumbing.TagObject:
			line, _, _ := bytes.Cut(o.data, []byte("\n"))
			h = plumbing.NewHash(string(bytes.TrimPrefix(line, []byte("object "))))
		default:
			return h, fmt.Errorf("is a %s and no commit", o.kind)
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

// readLoose unpacks an object that is a file of its own.
func readLoose(path string) (rawObject, error) {
	f, err := os.Open(path)
	if err != nil {
		return rawObject{}, err
	}
	defer func() { _ = f.Close() }()
	return decodeLoose(f)
}

// decodeLoose reads "kind size", a zero byte, and the content.
func decodeLoose(r io.Reader) (rawObject, error) {
	z := &inflater{}
	head, content, err := z.loose(r)
	if err != nil {
		return rawObject{}, err
	}
	name, size, ok := strings.Cut(head, " ")
	n, err := strconv.ParseInt(size, 10, 64)
	if !ok || err != nil || n < 0 || n > maxObjectBytes {
		return rawObject{}, fmt.Errorf("%w: an object that begins with %q", errCorrupt, head)
	}
	kind, err := plumbing.ParseObjectType(name)
	if err != nil {
		return rawObject{}, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	data, err := readExactly(content, n, nil)
	if err != nil {
		return rawObject{}, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return rawObject{kind: kind, data: data}, nil
}
