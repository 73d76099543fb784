package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/plateform/plateform/manifest"
)

// maxObject bounds what is read of one object, in bytes.
const maxObject = 64 << 20

// objects reads a repository on this disk through one `git cat-file` process, so that whatever this machine's git can
// open is read: worktrees, alternates, packs of any kind. Nothing is copied. It is a reconciler.Reader.
type objects struct {
	mu      sync.Mutex
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	folders map[string][]manifest.Entry // by hash of the tree
}

// openObjects starts reading the repository g works in. The caller closes it.
func openObjects(ctx context.Context, g git) (*objects, error) {
	process := exec.CommandContext(ctx, "git", "cat-file", "--batch")
	process.Dir = g.dir
	in, err := process.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("reading the repository: %w", err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("reading the repository: %w", err)
	}
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("reading the repository: %w", err)
	}
	return &objects{process: process, in: in, out: bufio.NewReaderSize(out, 1<<16), folders: map[string][]manifest.Entry{}}, nil
}

// close ends the process.
func (o *objects) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return errors.Join(o.in.Close(), o.process.Wait())
}

// Commit returns a commit.
func (o *objects) Commit(hash string) (manifest.Commit, error) {
	raw, err := o.get(hash + "^{commit}")
	if err != nil {
		return manifest.Commit{}, fmt.Errorf("reading commit %s: %w", short(hash), err)
	}
	var c object.Commit
	if err := c.Decode(raw); err != nil {
		return manifest.Commit{}, fmt.Errorf("reading commit %s: %w", short(hash), err)
	}
	commit := manifest.Commit{
		Hash:    raw.Hash().String(),
		Author:  manifest.Signature{Name: c.Author.Name, Email: c.Author.Email, When: c.Author.When},
		Message: c.Message,
	}
	for _, parent := range c.ParentHashes {
		commit.Parents = append(commit.Parents, parent.String())
	}
	return commit, nil
}

// List returns the entries of a folder.
func (o *objects) List(commit, dir string) ([]manifest.Entry, error) {
	entries, err := o.folder(commit + ":" + dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %s at %s: %w", path.Join("/", dir), short(commit), err)
	}
	return entries, nil
}

// Read returns the content of a regular file.
func (o *objects) Read(commit, name string) ([]byte, error) {
	dir, base := path.Split(name)
	entries, err := o.List(commit, strings.TrimSuffix(dir, "/"))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(entries, func(e manifest.Entry) bool { return e.Name == base && !e.Dir })
	if i < 0 {
		return nil, fmt.Errorf("reading %s at %s: %w", name, short(commit), fs.ErrNotExist)
	}
	raw, err := o.get(entries[i].Hash)
	if err != nil {
		return nil, fmt.Errorf("reading %s at %s: %w", name, short(commit), err)
	}
	return contentOf(raw)
}

// Diff returns the files that differ between two commits; "" is the empty tree.
func (o *objects) Diff(from, to string) ([]manifest.Change, error) {
	var changes []manifest.Change
	root := func(commit string) string {
		if commit == "" {
			return ""
		}
		return commit + "^{tree}"
	}
	if err := o.diff(&changes, "", root(from), root(to)); err != nil {
		return nil, fmt.Errorf("comparing %s and %s: %w", short(from), short(to), err)
	}
	slices.SortFunc(changes, func(a, b manifest.Change) int { return strings.Compare(a.Path, b.Path) })
	return changes, nil
}

// diff walks two folders side by side and skips what is equal by its hash.
func (o *objects) diff(changes *[]manifest.Change, dir, from, to string) error {
	before, err := o.names(from)
	if err != nil {
		return err
	}
	after, err := o.names(to)
	if err != nil {
		return err
	}
	for name, b := range before {
		if err := o.diffEntry(changes, path.Join(dir, name), b, after[name]); err != nil {
			return err
		}
	}
	for name, a := range after {
		if _, both := before[name]; !both {
			if err := o.diffEntry(changes, path.Join(dir, name), manifest.Entry{}, a); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *objects) diffEntry(changes *[]manifest.Change, name string, before, after manifest.Entry) error {
	if before.Hash == after.Hash && before.Dir == after.Dir {
		return nil
	}
	if before.Dir || after.Dir {
		if err := o.diff(changes, name, treeHash(before), treeHash(after)); err != nil {
			return err
		}
	}
	change := manifest.Change{Path: name, Before: blobHash(before), After: blobHash(after)}
	if change.Before != change.After {
		*changes = append(*changes, change)
	}
	return nil
}

func treeHash(e manifest.Entry) string {
	if e.Dir {
		return e.Hash
	}
	return ""
}

func blobHash(e manifest.Entry) string {
	if e.Dir {
		return ""
	}
	return e.Hash
}

// names are the entries of a folder by name; none for "".
func (o *objects) names(tree string) (map[string]manifest.Entry, error) {
	if tree == "" {
		return nil, nil
	}
	entries, err := o.folder(tree)
	if err != nil {
		return nil, err
	}
	names := make(map[string]manifest.Entry, len(entries))
	for _, e := range entries {
		names[e.Name] = e
	}
	return names, nil
}

// folder returns the entries of a tree, named as git names objects.
func (o *objects) folder(name string) ([]manifest.Entry, error) {
	if known, ok := o.known(name); ok {
		return known, nil
	}
	raw, err := o.get(name)
	if err != nil {
		return nil, err
	}
	if raw.Type() != plumbing.TreeObject {
		return nil, fs.ErrNotExist
	}
	var tree object.Tree
	if err := tree.Decode(raw); err != nil {
		return nil, err
	}
	entries := []manifest.Entry{}
	for _, e := range tree.Entries {
		switch e.Mode {
		case filemode.Dir, filemode.Regular, filemode.Executable, filemode.Deprecated:
			entries = append(entries, manifest.Entry{Name: e.Name, Hash: e.Hash.String(), Dir: e.Mode == filemode.Dir})
		}
	}
	slices.SortFunc(entries, func(a, b manifest.Entry) int { return strings.Compare(a.Name, b.Name) })
	o.mu.Lock()
	defer o.mu.Unlock()
	o.folders[name] = entries
	return entries, nil
}

func (o *objects) known(name string) ([]manifest.Entry, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	entries, ok := o.folders[name]
	return entries, ok
}

// get asks the process for one object; fs.ErrNotExist when there is none.
func (o *objects) get(name string) (*plumbing.MemoryObject, error) {
	if strings.ContainsAny(name, "\n\x00") {
		return nil, fs.ErrNotExist
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := io.WriteString(o.in, name+"\n"); err != nil {
		return nil, fmt.Errorf("asking git cat-file: %w", err)
	}
	header, err := o.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	if strings.HasSuffix(header, " missing\n") {
		return nil, fs.ErrNotExist
	}
	var hash, kind string
	var size int64
	if _, err := fmt.Sscanf(header, "%s %s %d", &hash, &kind, &size); err != nil {
		return nil, fmt.Errorf("git cat-file answered %q: %w", strings.TrimSpace(header), err)
	}
	return o.body(kind, size)
}

func (o *objects) body(kind string, size int64) (*plumbing.MemoryObject, error) {
	t, err := plumbing.ParseObjectType(kind)
	if err != nil {
		return nil, err
	}
	if size > maxObject {
		_, err := io.CopyN(io.Discard, o.out, size+1)
		return nil, errors.Join(fmt.Errorf("it has %d bytes (at most %d)", size, maxObject), err)
	}
	raw := &plumbing.MemoryObject{}
	raw.SetType(t)
	if _, err := io.CopyN(raw, o.out, size); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	if _, err := o.out.Discard(1); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	return raw, nil
}

func contentOf(raw *plumbing.MemoryObject) ([]byte, error) {
	r, err := raw.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
