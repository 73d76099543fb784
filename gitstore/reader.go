package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plateform/plateform/gitstore/edit"
	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/tree"
	"github.com/plateform/plateform/manifest"
)

// reader reads commits from a source of objects. Store and Local are readers.
type reader struct {
	// from returns where objects are now.
	from func() pack.Source
	// cut says that a history was cut behind a commit: its parents are not there, although others had them.
	cut func(commit plumbing.Hash, parents []plumbing.Hash) bool
	// roots holds the trees of commits, folders the trees of folders below them: most reads share all of their path but
	// the last name.
	roots   *lru.Cache[string, plumbing.Hash]
	folders *lru.Cache[folderKey, plumbing.Hash]
}

type folderKey struct {
	root plumbing.Hash
	dir  string
}

func newReader(from func() pack.Source, cut func(plumbing.Hash, []plumbing.Hash) bool) *reader {
	// The sizes are positive, the only thing New refuses.
	roots, _ := lru.New[string, plumbing.Hash](1024)
	folders, _ := lru.New[folderKey, plumbing.Hash](8192)
	return &reader{from: from, cut: cut, roots: roots, folders: folders}
}

// Commit returns a commit, or ErrNoCommit when it is not at hand.
func (r *reader) Commit(hash string) (manifest.Commit, error) {
	c, err := r.commit(hash)
	if err != nil {
		return manifest.Commit{}, err
	}
	out := manifest.Commit{
		Hash:    hash,
		Tree:    c.TreeHash.String(),
		Author:  manifest.Signature{Name: printable(c.Author.Name), Email: printable(c.Author.Email), When: c.Author.When},
		Message: c.Message,
	}
	parents := &out.Parents
	if r.cut(plumbing.NewHash(hash), c.ParentHashes) {
		parents = &out.Cut
	}
	for _, p := range c.ParentHashes {
		*parents = append(*parents, p.String())
	}
	return out, nil
}

// printable is a name as it can be shown and written to files. Git takes any bytes, and old tools wrote other encodings.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
}

// commit returns a commit with its tree.
func (r *reader) commit(hash string) (*object.Commit, error) {
	if !plumbing.IsHash(hash) {
		return nil, fmt.Errorf("%q is not the full hash of a commit: %w", hash, ErrNoCommit)
	}
	data, err := pack.Get(r.from(), plumbing.NewHash(hash), plumbing.CommitObject)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("%w: %s", ErrNoCommit, hash)
	}
	if err != nil {
		return nil, err
	}
	return edit.DecodeCommit(data)
}

// root returns the tree of a commit.
func (r *reader) root(commit string) (plumbing.Hash, error) {
	if h, ok := r.roots.Get(commit); ok {
		return h, nil
	}
	c, err := r.commit(commit)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	r.roots.Add(commit, c.TreeHash)
	return c.TreeHash, nil
}

// folder returns the tree of a folder, false when there is no such folder.
func (r *reader) folder(root plumbing.Hash, dir string) (plumbing.Hash, bool, error) {
	if dir == "" {
		return root, true, nil
	}
	k := folderKey{root, dir}
	if h, ok := r.folders.Get(k); ok {
		return h, true, nil
	}
	parent, name := path.Split(dir)
	e, ok, err := r.entry(root, strings.TrimSuffix(parent, "/"), name)
	if err != nil || !ok || !tree.IsDir(e.Mode) {
		return plumbing.ZeroHash, false, err
	}
	r.folders.Add(k, e.Hash)
	return e.Hash, true, nil
}

// entry returns one name of a folder.
func (r *reader) entry(root plumbing.Hash, dir, name string) (object.TreeEntry, bool, error) {
	if tree.Hostile([]byte(name)) {
		return object.TreeEntry{}, false, nil
	}
	h, ok, err := r.folder(root, dir)
	if err != nil || !ok {
		return object.TreeEntry{}, false, err
	}
	data, err := pack.Get(r.from(), h, plumbing.TreeObject)
	if err != nil {
		return object.TreeEntry{}, false, err
	}
	return tree.Lookup(data, name)
}

// List returns the entries of a folder of a commit sorted by name; none when the folder is not there. "" is the root.
// Symlinks, submodules, and names no file may have are left out.
func (r *reader) List(commit, dir string) ([]manifest.Entry, error) {
	root, err := r.root(commit)
	if err != nil {
		return nil, err
	}
	h, ok, err := r.folder(root, dir)
	if err != nil || !ok {
		return nil, err
	}
	data, err := pack.Get(r.from(), h, plumbing.TreeObject)
	if err != nil {
		return nil, err
	}
	return listTree(data)
}

// Read returns the content of a file; fs.ErrNotExist when it is not there or not a regular file.
func (r *reader) Read(commit, file string) ([]byte, error) {
	root, err := r.root(commit)
	if err != nil {
		return nil, err
	}
	dir, name := path.Split(file)
	e, ok, err := r.entry(root, strings.TrimSuffix(dir, "/"), name)
	if err != nil {
		return nil, err
	}
	if !ok || !tree.IsFile(e.Mode) {
		return nil, &fs.PathError{Op: "read", Path: file, Err: fs.ErrNotExist}
	}
	data, err := pack.Get(r.from(), e.Hash, plumbing.BlobObject)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	// Callers may change what they get; the cache must not.
	return append([]byte(nil), data...), nil
}

// Blob returns the content of a file by its hash, which List and Diff return. It saves the way down to the file.
func (r *reader) Blob(hash string) ([]byte, error) {
	data, err := pack.Get(r.from(), plumbing.NewHash(hash), plumbing.BlobObject)
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), data...), nil
}
