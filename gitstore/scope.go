package gitstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/transport"
	"github.com/plateform/plateform/gitstore/tree"
	"github.com/plateform/plateform/manifest"
)

// Scopes finds out what is read of a commit beside a place's folder.
type Scopes interface {
	// Candidates are the files that Find may ask for first. They are fetched together; they need not be there.
	Candidates(place Place) []string
	// Find returns the folders and files that are read, "." for all; the place's folder is one of them, or in one. The
	// reason says why they are more than that folder. The files are an fs.ReadLinkFS.
	Find(files fs.FS, place Place) (paths []string, reason string, err error)
}

// What is fetched of a commit's files to find a scope, where the server sends trees without files.
const (
	maxScopeBytes = 16 << 20
	// singleFiles is how many files are fetched one by one; then all that the commit has is.
	singleFiles = 8
)

// maxWatched bounds the names that patterns are compared with.
const maxWatched = 500_000

func (r *Remote) candidates(p Place) []string {
	if r.options.Scopes == nil || p.Path == "" {
		return nil
	}
	return r.options.Scopes.Candidates(p)
}

// tipAt finds a place in a commit.
func (r *Remote) tipAt(files *sourceFiles, p Place) (Tip, error) {
	c, err := files.commit(files.at)
	if err != nil {
		return Tip{}, err
	}
	tip := Tip{Commit: files.at, By: printable(c.Author.Name)}
	folder, ok, err := files.folder(c.TreeHash, p.Path)
	if err != nil {
		return Tip{}, err
	}
	if !ok {
		return Tip{}, files.noFolder(c.TreeHash, p.Path)
	}
	paths, err := r.scopeOf(files, p, &tip)
	if err != nil {
		return Tip{}, fmt.Errorf("finding out what a build of %s reads: %w", path.Join(".", p.Path), err)
	}
	watch, err := watchOf(p)
	if err != nil {
		return Tip{}, err
	}
	if watch == nil && tip.Scope == "" {
		tip.Tree = folder.String()
		return tip, nil
	}
	if p.Path != "" {
		tip.Folder = folder.String()
	}
	cover := &cover{reader: files.reader, paths: paths, watch: watch, sum: sha256.New()}
	tip.Tree, err = cover.hash(c.TreeHash)
	return tip, err
}

// noFolder says what there is in place of a folder.
func (f *sourceFiles) noFolder(root plumbing.Hash, name string) error {
	dir, base := path.Split(name)
	e, there, err := f.entry(root, strings.TrimSuffix(dir, "/"), base)
	switch {
	case err != nil:
		return err
	case !there:
		return fmt.Errorf("%w: %s at %s", ErrNoPath, name, f.at)
	case tree.IsLink(e.Mode):
		return fmt.Errorf("%w but a symlink, which is not followed: %s at %s", ErrNotFolder, name, f.at)
	case e.Mode == filemode.Submodule:
		return fmt.Errorf("%w but a submodule, whose repository is another one: %s at %s", ErrNotFolder, name, f.at)
	}
	return fmt.Errorf("%w but a file: %s at %s", ErrNotFolder, name, f.at)
}

// scopeOf returns what is read of a commit, and notes it where it is more than the place's folder.
func (r *Remote) scopeOf(files *sourceFiles, p Place, tip *Tip) ([]string, error) {
	own := path.Join(".", p.Path)
	if r.options.Scopes == nil || p.Path == "" {
		return []string{own}, nil
	}
	paths, reason, err := r.options.Scopes.Find(sourceFS{commitFS{files, files.at}, files}, p)
	if errors.Is(err, ErrTooLarge) {
		paths, reason, err = []string{"."}, "the files that say what is read are too large, so all of the repository counts", nil
	}
	if err != nil {
		return nil, err
	}
	if !slices.Equal(paths, []string{own}) {
		tip.Scope, tip.ScopeReason = strings.Join(paths, ", "), reason
	}
	return paths, nil
}

// sourceFiles are the files of one commit, of which those that are not at hand are fetched.
type sourceFiles struct {
	*reader
	ctx     context.Context
	remote  *Remote
	up      *transport.Upload
	url, at string
	db      *pack.DB
	more    *pack.DB // what was fetched later
	wanted  []string
	fetched int
}

func (s *search) files(ctx context.Context, up *transport.Upload, at *reader, db *pack.DB) *sourceFiles {
	return &sourceFiles{reader: at, ctx: ctx, remote: s.remote, up: up, url: s.url, db: db, more: pack.NewDB(pack.Options{
		Dir: s.remote.options.Dir, CacheBytes: 1 << 20, MemoryObjects: 1000, MemoryBytes: maxScopeBytes, MaxBytes: maxScopeBytes,
	})}
}

func (f *sourceFiles) close() { _ = f.more.Close() } // nothing of it is kept

// prefetch notes files that are fetched together with the first one that is asked for.
func (f *sourceFiles) prefetch(names []string) { f.wanted = append(f.wanted, names...) }

// Read implements Reader.
func (f *sourceFiles) Read(commit, file string) ([]byte, error) {
	return f.content(commit, file, tree.IsFile)
}

// content is what is stored of a name of a kind.
func (f *sourceFiles) content(commit, file string, isKind func(filemode.FileMode) bool) ([]byte, error) {
	root, err := f.root(commit)
	if err != nil {
		return nil, err
	}
	dir, name := path.Split(file)
	e, ok, err := f.entry(root, strings.TrimSuffix(dir, "/"), name)
	if err != nil {
		return nil, err
	}
	if !ok || !isKind(e.Mode) {
		return nil, &fs.PathError{Op: "read", Path: file, Err: fs.ErrNotExist}
	}
	if !f.db.Has(e.Hash) && !f.more.Has(e.Hash) {
		if err := f.fetch(root, e.Hash); err != nil {
			return nil, fmt.Errorf("fetching %s: %w", file, err)
		}
	}
	from := f.db
	if f.more.Has(e.Hash) {
		from = f.more
	}
	data, err := pack.Get(from, e.Hash, plumbing.BlobObject)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return slices.Clone(data), nil
}

// fetch brings in a file, and with the first one those that were noted. A server that gives no single files sends all.
func (f *sourceFiles) fetch(root, blob plumbing.Hash) error {
	wants := []plumbing.Hash{blob}
	for _, name := range f.wanted {
		dir, base := path.Split(name)
		e, ok, err := f.entry(root, strings.TrimSuffix(dir, "/"), base)
		if err == nil && ok && (tree.IsFile(e.Mode) || tree.IsLink(e.Mode)) && !f.db.Has(e.Hash) && !slices.Contains(wants, e.Hash) {
			wants = append(wants, e.Hash)
		}
	}
	f.wanted = nil
	f.fetched++
	if f.fetched <= singleFiles && f.up.Refs.Capabilities.Supports(capability.AllowReachableSHA1InWant) {
		req := packp.NewUploadPackRequestFromCapabilities(f.up.Refs.Capabilities)
		req.Wants = wants
		if err := f.receive(req, f.more); err == nil || errors.Is(err, ErrTooLarge) || f.ctx.Err() != nil {
			return err
		}
	}
	req, err := requestCommit(f.up.Refs, plumbing.NewHash(f.at), false)
	if err != nil {
		return err
	}
	return f.receive(req, f.db)
}

// receive asks again where that can be done, else in a conversation of its own.
func (f *sourceFiles) receive(req *packp.UploadPackRequest, into *pack.DB) error {
	up := f.up
	if up.Once() {
		again, err := f.remote.dialer.Upload(f.ctx, f.url)
		if err != nil {
			return err
		}
		defer func() { _ = again.Close() }()
		up = again
	}
	return up.Receive(f.ctx, req, into.Receive)
}

// watchOf are the patterns of a place.
func watchOf(p Place) (watcher, error) {
	if p.Watch == "" {
		return nil, nil
	}
	list, err := manifest.ParseWatch(strings.Split(p.Watch, "\n"))
	if err != nil {
		return nil, err
	}
	return list, nil
}

// watcher adds paths to what is read, or takes them away.
type watcher interface {
	Covers(file string, before bool) bool
	Reaches(dir string) bool
}

// cover makes one hash of several folders and files.
type cover struct {
	*reader
	paths []string
	watch watcher
	sum   hash.Hash
	seen  int
}

// hash covers what is read of a commit with its mode and its name. All of a commit, or one folder of it, is its tree.
func (c *cover) hash(root plumbing.Hash) (string, error) {
	if c.watch == nil && len(c.paths) == 1 {
		h, _, err := c.folder(root, dirName(c.paths[0]))
		return h.String(), err
	}
	if err := c.walk("", root); err != nil {
		return "", err
	}
	return hex.EncodeToString(c.sum.Sum(nil)), nil
}

func (c *cover) walk(dir string, folder plumbing.Hash) error {
	if strings.Count(dir, "/") > maxDepth {
		return fmt.Errorf("folders more than %d deep: %w", maxDepth, ErrTooLarge)
	}
	data, err := pack.Get(c.from(), folder, plumbing.TreeObject)
	if err != nil {
		return err
	}
	s := tree.Scan(data)
	for s.Next() {
		if c.seen++; c.seen > maxWatched {
			return fmt.Errorf("more than %d names: %w", maxWatched, ErrTooLarge)
		}
		p := path.Join(dir, string(s.Name))
		if tree.Hostile(s.Name) {
			continue // a checkout refuses it
		}
		covered := c.covered(p)
		if tree.IsDir(s.Mode) && (c.watch != nil && c.watch.Reaches(p) || !covered && c.leads(p)) {
			if err := c.walk(p, s.Hash); err != nil {
				return err
			}
			continue
		}
		if c.watch != nil && !tree.IsDir(s.Mode) {
			covered = c.watch.Covers(p, covered)
		}
		if covered {
			fmt.Fprintf(c.sum, "%o %s %q\n", uint32(s.Mode), s.Hash, p)
		}
	}
	return s.Err
}

// covered says that a path is in the scope.
func (c *cover) covered(p string) bool {
	return slices.ContainsFunc(c.paths, func(own string) bool {
		return own == "." || p == own || strings.HasPrefix(p, own+"/")
	})
}

// leads says that something below a folder is in the scope.
func (c *cover) leads(dir string) bool {
	return slices.ContainsFunc(c.paths, func(own string) bool { return strings.HasPrefix(own, dir+"/") })
}
