package gitstore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plateform/plateform/manifest"
)

// RemoteOptions of a Remote.
type RemoteOptions struct {
	Access
	// Dir is where packs are while they are needed. The directory for temporary files when empty.
	Dir string
	// MaxBytes bounds what is fetched of one repository, and what a checkout may take on disk. Default 2 GiB.
	MaxBytes int64
}

// Remote answers questions about any remote repository and checks it out. It keeps no clone. It is safe for use by
// several goroutines.
type Remote struct {
	options RemoteOptions
	dialer  *dialer
	trees   *lru.Cache[treeKey, Tip]
}

type treeKey struct{ url, commit, path string }

// Tip is where a source is.
type Tip struct {
	// Commit the branch or revision points at.
	Commit string
	// Tree of the source's path in that commit; empty when the source has no path.
	Tree string
	// By is the name of the commit's author; empty when the commit did not have to be looked at.
	By string
}

// NewRemote returns a Remote. It talks to nobody.
func NewRemote(o RemoteOptions) *Remote {
	o.Access = o.withDefaults()
	if o.MaxBytes <= 0 {
		o.MaxBytes = 2 << 30
	}
	// The size is positive, the only thing New refuses.
	trees, _ := lru.New[treeKey, Tip](16 << 10)
	return &Remote{options: o, dialer: newDialer(o.Access), trees: trees}
}

// Close drops idle connections.
func (r *Remote) Close() { r.dialer.close() }

// Tip returns where the branch, main if none is named, or the pinned revision of a source is. Only Repository, Branch,
// Path and Revision are looked at. Without a path it costs one listing of refs; with one, the commit is looked at the
// first time it is seen.
func (r *Remote) Tip(ctx context.Context, source manifest.Source) (Tip, error) {
	tip, err := r.tip(ctx, source)
	if err != nil {
		return Tip{}, fmt.Errorf("the source %s: %w", Redact(source.Repository), err)
	}
	return tip, nil
}

func (r *Remote) tip(ctx context.Context, source manifest.Source) (Tip, error) {
	dir, err := cleanDir(source.Path)
	if err != nil {
		return Tip{}, err
	}
	if source.Revision != "" {
		if !plumbing.IsHash(source.Revision) {
			return Tip{}, fmt.Errorf("the revision %q is not the full hash of a commit", source.Revision)
		}
		if dir == "" {
			return Tip{Commit: source.Revision}, checkURL(source.Repository)
		}
		if tip, ok := r.trees.Get(treeKey{source.Repository, source.Revision, dir}); ok {
			return tip, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.options.TransferTimeout)
	defer cancel()
	up, refs, err := beginUpload(ctx, r.dialer, source.Repository)
	if err != nil {
		return Tip{}, err
	}
	defer func() { _ = up.Close() }()
	commit := source.Revision
	if commit == "" {
		if commit, err = branchTip(refs, source.Branch); err != nil || dir == "" {
			return Tip{Commit: commit}, err
		}
	}
	key := treeKey{source.Repository, commit, dir}
	if tip, ok := r.trees.Get(key); ok {
		return tip, nil
	}
	tip := Tip{Commit: commit}
	err = r.withCommit(ctx, up, refs, commit, true, func(at *reader) error {
		tip.Tree, tip.By, err = folderOf(at, commit, dir)
		return err
	})
	if err == nil {
		r.trees.Add(key, tip)
	}
	return tip, err
}

// cleanDir brings the path of a source into the one form that trees know.
func cleanDir(p string) (string, error) {
	c := path.Clean(p)
	if p == "" || c == "." {
		return "", nil
	}
	if path.IsAbs(c) || c == ".." || strings.HasPrefix(c, "../") {
		return "", fmt.Errorf("the path %q leaves the repository", p)
	}
	return c, nil
}

// branchTip returns the commit of a branch.
func branchTip(refs *packp.AdvRefs, branch string) (string, error) {
	if branch == "" {
		branch = "main"
	}
	if err := checkBranch(branch); err != nil {
		return "", err
	}
	if h := refs.References[plumbing.NewBranchReferenceName(branch).String()]; !h.IsZero() {
		return h.String(), nil
	}
	var others []string
	for name := range refs.References {
		if b, ok := strings.CutPrefix(name, "refs/heads/"); ok {
			others = append(others, b)
		}
	}
	if len(others) == 0 {
		return "", fmt.Errorf("%w as %q: the repository is empty", ErrNoBranch, branch)
	}
	slices.Sort(others)
	return "", fmt.Errorf("%w as %q; there are: %s", ErrNoBranch, branch, strings.Join(others[:min(len(others), 5)], ", "))
}

// folderOf returns the tree of a folder of a commit, and the author of the commit.
func folderOf(at *reader, commit, dir string) (tree, by string, err error) {
	c, err := at.commit(commit)
	if err != nil {
		return "", "", err
	}
	h, ok, err := at.folder(c.TreeHash, dir)
	if err != nil {
		return "", "", err
	}
	if !ok {
		return "", "", fmt.Errorf("%w: %s at %s", ErrNoPath, dir, commit)
	}
	return h.String(), printable(c.Author.Name), nil
}

// withCommit brings in one commit, shows it, and forgets it. treesOnly asks for no files where the server knows how.
func (r *Remote) withCommit(ctx context.Context, up uploadSession, refs *packp.AdvRefs, commit string, treesOnly bool,
	show func(*reader) error) (err error) {
	cache := newObjectCache(8 << 20)
	db := newObjectDB(r.options.Dir, cache)
	defer func() { err = errors.Join(err, db.close()) }()
	req, err := requestCommit(refs, plumbing.NewHash(commit), treesOnly)
	if err != nil {
		return err
	}
	objects, p, err := receiveObjects(ctx, r.options.StallTimeout, up, req, db, r.options.Dir, cache, r.options.MaxBytes)
	if err != nil {
		return err
	}
	if p != nil {
		db.addPack(p)
	} else if err := db.add(objects, len(objects), r.options.MaxBytes); err != nil {
		return err
	}
	if !db.has(plumbing.NewHash(commit)) {
		return fmt.Errorf("%w: %s; it is on no branch or tag of the repository", ErrNoCommit, commit)
	}
	return show(newReader(func() source { return db }))
}

// requestCommit asks for one commit without its history when the server lets us, and for everything otherwise.
func requestCommit(refs *packp.AdvRefs, commit plumbing.Hash, treesOnly bool) (*packp.UploadPackRequest, error) {
	req := packp.NewUploadPackRequestFromCapabilities(refs.Capabilities)
	tips := map[plumbing.Hash]bool{}
	for name, h := range refs.References {
		if strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/") {
			tips[h] = true
		}
	}
	alone := tips[commit] || refs.Capabilities.Supports(capability.AllowReachableSHA1InWant)
	if alone && refs.Capabilities.Supports(capability.Shallow) {
		req.Wants = []plumbing.Hash{commit}
		req.Depth = packp.DepthCommits(1)
		if err := req.Capabilities.Set(capability.Shallow); err != nil {
			return nil, err
		}
	} else {
		for h := range tips {
			req.Wants = append(req.Wants, h)
		}
	}
	if len(req.Wants) == 0 {
		return nil, fmt.Errorf("%w: %s; the repository is empty", ErrNoCommit, commit)
	}
	if treesOnly && refs.Capabilities.Supports(capability.Filter) {
		req.Filter = packp.FilterBlobNone()
		if err := req.Capabilities.Set(capability.Filter); err != nil {
			return nil, err
		}
	}
	return req, nil
}
