package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/plateform/plateform/gitstore/edit"
	"github.com/plateform/plateform/gitstore/merge"
	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/manifest"
)

// Proposals are changes that people propose to the branch of a Store: the heads of pull requests, which are other refs of its
// repository. They are read beside what the Store has, and merged with it. All goes over connections of its own, so that nobody
// who works on the branch waits for them. It is safe for use by several goroutines; calls to the remote go out one at a time.
type Proposals struct {
	*reader
	store *Store
	// side has what is not on the branch.
	side *Store
	// merges are the newest that were made, with what the remote needs of each. They belong to whoever has the lock of side.
	merges []*edit.Batch
	// tooLarge are heads that bring more than is taken: they are not fetched again. They belong to whoever has that lock, too.
	tooLarge map[plumbing.Hash]bool
}

// maxTooLarge bounds how many of those are kept, maxMerges how many merges are kept to be pushed.
const (
	maxTooLarge = 1024
	maxMerges   = 32
)

// Proposals returns those of a Store. It makes no network call. The Store has to stay open as long as they are used.
func (s *Store) Proposals() *Proposals {
	p := &Proposals{store: s, side: open(s.options, s.ref), tooLarge: map[plumbing.Hash]bool{}}
	p.side.db.Store(pack.NewDB(pack.Options{
		Dir: s.options.Dir, CacheBytes: s.options.CacheBytes, MemoryObjects: s.options.MemoryObjects, MemoryBytes: s.options.MemoryBytes,
		MaxBytes: s.options.MaxProposalBytes,
	}))
	p.reader = newReader(func() pack.Source { return p.objects() }, p.cutBehind)
	return p
}

// Close waits for a call to the remote that is under way, and removes what was kept on disk.
func (p *Proposals) Close() error { return p.side.Close() }

// both are two sources of objects, one behind the other.
type both struct{ first, second pack.Source }

// Object implements pack.Source.
func (b both) Object(h plumbing.Hash) (pack.Object, bool, error) {
	if o, found, err := b.first.Object(h); found || err != nil {
		return o, found, err
	}
	return b.second.Object(h)
}

func (p *Proposals) objects() pack.Source { return both{p.side.db.Load(), p.store.db.Load()} }

// Fetch brings in the commit that a ref of the repository names, refs/pull/7/head for one, and returns it; "" when there is no
// such ref. known are commits that are at hand, which need not be sent again. What brings more than Options.MaxProposalBytes is an
// manifest.ErrTooMuch beside
// the commit, and is not asked for again.
func (p *Proposals) Fetch(ctx context.Context, ref string, known ...string) (string, error) {
	if err := p.side.lock(ctx); err != nil {
		return "", err
	}
	defer p.side.unlock()
	head, err := p.fetch(ctx, ref, known)
	if err != nil {
		return hashString(head), fmt.Errorf("fetching %s of %s: %w", ref, Redact(p.side.options.URL), err)
	}
	return hashString(head), nil
}

func (p *Proposals) fetch(ctx context.Context, ref string, known []string) (plumbing.Hash, error) {
	ctx, cancel := context.WithTimeout(ctx, p.side.options.TransferTimeout)
	defer cancel()
	up, err := p.side.dialer.Upload(ctx, p.side.options.URL)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	defer func() { _ = up.Close() }()
	head := up.Refs.References[ref]
	if head.IsZero() || p.has(head) {
		return head, nil
	}
	if p.tooLarge[head] {
		return head, manifest.ErrTooMuch
	}
	if p.side.db.Load().Packs() > p.side.options.MaxPacks { // what is needed of the rest is fetched again
		old := p.side.db.Load()
		fresh := old.Fresh()
		if err := fresh.Replace(old); err != nil {
			return head, err
		}
		p.side.db.Store(fresh)
	}
	req := packp.NewUploadPackRequestFromCapabilities(up.Refs.Capabilities)
	req.Wants = []plumbing.Hash{head}
	for _, hash := range known {
		if h := plumbing.NewHash(hash); p.has(h) {
			req.Haves = append(req.Haves, h)
		}
	}
	req.Capabilities.Delete(capability.ThinPack) // what the differences of such a pack come from is in another place
	db := p.side.db.Load()
	if err := up.Receive(ctx, req, db.Receive); err != nil {
		if errors.Is(err, ErrTooLarge) && ref != p.side.ref.String() {
			if len(p.tooLarge) >= maxTooLarge {
				clear(p.tooLarge)
			}
			p.tooLarge[head] = true
			return head, fmt.Errorf("%w: %w", manifest.ErrTooMuch, err)
		}
		return head, err
	}
	if !db.Has(head) {
		return head, fmt.Errorf("the remote did not send the commit %s", head)
	}
	return head, nil
}

// cutBehind says that a parent of a commit is not at hand: the remote has none.
func (p *Proposals) cutBehind(_ plumbing.Hash, parents []plumbing.Hash) bool {
	return slices.ContainsFunc(parents, func(parent plumbing.Hash) bool {
		_, found, err := p.objects().Object(parent)
		return err == nil && !found
	})
}

func (p *Proposals) has(h plumbing.Hash) bool {
	return p.side.db.Load().Has(h) || p.store.db.Load().Has(h)
}

// Merge makes the commit that merges head into a commit of the branch, as git merge does, in memory: Push moves the branch to
// it. Both must be at hand. The edit says who and why; its files are not looked at.
func (p *Proposals) Merge(ctx context.Context, into, head string, e manifest.Edit) (manifest.Merge, error) {
	merged := manifest.Merge{Into: into}
	ours, theirs := plumbing.NewHash(into), plumbing.NewHash(head)
	bases, err := merge.Bases(func(h plumbing.Hash) (*object.Commit, error) { return p.commit(h.String()) }, ours, theirs)
	if err != nil {
		return merged, err
	}
	if len(bases) != 1 {
		return merged, fmt.Errorf("merging %.10s into %.10s: %w", head, into, manifest.ErrUnrelated)
	}
	if bases[0] == theirs { // it is in there already
		return merged, nil
	}
	var trees [3]plumbing.Hash
	for i, h := range []plumbing.Hash{bases[0], ours, theirs} {
		c, err := p.commit(h.String())
		if err != nil {
			return merged, err
		}
		trees[i] = c.TreeHash
	}
	b := edit.New(p.objects())
	tree, conflicts, err := merge.Trees(b, trees[0], trees[1], trees[2])
	if err != nil {
		return merged, fmt.Errorf("merging %.10s into %.10s: %w", head, into, err)
	}
	if len(conflicts) > 0 {
		merged.Conflicts = conflicts
		return merged, nil
	}
	if tree.IsZero() { // nothing is left
		tree = b.Put(plumbing.TreeObject, nil)
	}
	if err := b.Merge(tree, ours, theirs, e); err != nil {
		return merged, err
	}
	if err := p.keep(ctx, b); err != nil {
		return merged, err
	}
	merged.Commit = b.Tips[0].String()
	return merged, nil
}

// keep has the objects of a merge at hand, and the merge for Push.
func (p *Proposals) keep(ctx context.Context, b *edit.Batch) error {
	if err := p.side.lock(ctx); err != nil {
		return err
	}
	defer p.side.unlock()
	if err := p.side.db.Load().Add(b.Objects); err != nil {
		return err
	}
	p.merges = append(p.merges[max(0, len(p.merges)-maxMerges+1):], b)
	return nil
}

// Push moves the branch to a merge, if it is still where that was made for; otherwise the error is manifest.ErrMoved. When the
// server refuses, it is a *RefusedError. It has to be one of the newest that were made here.
func (p *Proposals) Push(ctx context.Context, m manifest.Merge) error {
	if err := p.side.lock(ctx); err != nil {
		return err
	}
	defer p.side.unlock()
	at := slices.IndexFunc(p.merges, func(b *edit.Batch) bool { return b.Tips[0].String() == m.Commit })
	if at < 0 {
		return errors.New("there is nothing to push: it was not merged here, or too long ago")
	}
	batch := p.merges[at]
	var buf bytes.Buffer
	if err := batch.Encode(&buf); err != nil {
		return err
	}
	from, to := plumbing.NewHash(m.Into), plumbing.NewHash(m.Commit)
	err := p.side.send(ctx, from, to, buf.Bytes())
	if err != nil && !errors.Is(err, manifest.ErrMoved) {
		err = p.side.outcome(ctx, from, to, err)
	}
	if err != nil {
		return fmt.Errorf("pushing to %s of %s: %w", p.side.ref.Short(), Redact(p.side.options.URL), err)
	}
	return nil
}
