package gitstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/transport"
)

// RemoteOptions of a Remote.
type RemoteOptions struct {
	Access
	// Dir is where packs are while they are needed. The directory for temporary files when empty.
	Dir string
	// MaxBytes bounds what is fetched of one repository, and what a checkout may take on disk. Default 2 GiB.
	MaxBytes int64
	// Scopes says what is read beside a place's folder; nothing when nil.
	Scopes Scopes
}

// Remote answers questions about any remote repository and checks it out. It keeps no clone. It is safe for use by
// several goroutines.
type Remote struct {
	options RemoteOptions
	dialer  *transport.Dialer
	trees   *lru.Cache[treeKey, Tip]
}

type treeKey struct {
	url, commit string
	place       Place // without where the commit was found
}

// NewRemote returns a Remote. It makes no network call.
func NewRemote(o RemoteOptions) *Remote {
	o.Access = o.WithDefaults()
	if o.MaxBytes <= 0 {
		o.MaxBytes = 2 << 30
	}
	// The size is positive, the only thing New refuses.
	trees, _ := lru.New[treeKey, Tip](16 << 10)
	return &Remote{options: o, dialer: transport.New(o.Access), trees: trees}
}

// Close drops idle connections.
func (r *Remote) Close() { r.dialer.Close() }

// withCommit brings in one commit, shows it, and forgets it. treesOnly asks for no files where the server knows how.
func (r *Remote) withCommit(ctx context.Context, up *transport.Upload, commit string, treesOnly bool, show func(*reader, *pack.DB) error) (err error) {
	db := pack.NewDB(pack.Options{
		Dir: r.options.Dir, CacheBytes: 8 << 20, MemoryObjects: math.MaxInt, MemoryBytes: r.options.MaxBytes, MaxBytes: r.options.MaxBytes,
	})
	defer func() { err = errors.Join(err, db.Close()) }()
	req, err := requestCommit(up.Refs, plumbing.NewHash(commit), treesOnly)
	if err != nil {
		return err
	}
	if err := up.Receive(ctx, req, db.Receive); err != nil {
		return err
	}
	if !db.Has(plumbing.NewHash(commit)) {
		if len(up.Refs.Shallows) > 0 {
			return fmt.Errorf("%w: %s; the repository is shallow, its history was cut off (mend it with git fetch --unshallow there)", ErrNoCommit, commit)
		}
		return fmt.Errorf("%w: %s; it is on no branch or tag of the repository", ErrNoCommit, commit)
	}
	return show(newReader(func() pack.Source { return db }, noneCut), db)
}

// requestCommit asks for one commit without its history when the server lets us, and for everything otherwise.
func requestCommit(refs *packp.AdvRefs, commit plumbing.Hash, treesOnly bool) (*packp.UploadPackRequest, error) {
	req := packp.NewUploadPackRequestFromCapabilities(refs.Capabilities)
	req.Capabilities.Delete(capability.ThinPack) // there is nothing that such a pack could leave out
	want, alone := commit, refs.Capabilities.Supports(capability.AllowReachableSHA1InWant)
	tips := map[plumbing.Hash]bool{}
	for name, h := range refs.References {
		if !strings.HasPrefix(name, "refs/heads/") && !strings.HasPrefix(name, "refs/tags/") {
			continue
		}
		if tips[h] = true; h == commit {
			want, alone = h, true
		} else if !alone && refs.Peeled[name] == commit { // an annotated tag brings its commit along
			want, alone = h, true
		}
	}
	if alone && refs.Capabilities.Supports(capability.Shallow) {
		req.Wants = []plumbing.Hash{want}
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
