package gitstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/transport"
)

// Fetch brings in the branch as it is now and returns its head, or "" for an empty repository or a missing branch. When
// the head has not moved this is one listing of refs; when it has, what is sent follows the change. Rewritten history is
// followed.
func (s *Store) Fetch(ctx context.Context) (string, error) {
	if err := s.lock(ctx); err != nil {
		return "", err
	}
	defer s.unlock()
	head, err := s.fetch(ctx)
	if err != nil {
		return "", fmt.Errorf("fetching %s of %s: %w", s.ref.Short(), Redact(s.options.URL), err)
	}
	return hashString(head), nil
}

// fetch does it while the remote is held.
func (s *Store) fetch(ctx context.Context) (plumbing.Hash, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.TransferTimeout)
	defer cancel()
	up, err := s.dialer.Upload(ctx, s.options.URL)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	defer func() { _ = up.Close() }()
	head := up.Refs.References[s.ref.String()]
	longer := s.longer(up.Refs)
	if head.IsZero() || s.db.Load().Has(head) && !longer {
		s.seeEnds(up.Refs)
		s.see(head)
		return head, nil
	}
	if longer || s.db.Load().Packs() > s.options.MaxPacks {
		err = s.fetchAnew(ctx, up, head)
	} else {
		err = s.fetchInto(ctx, s.db.Load(), up, head, s.haves())
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	s.seeEnds(up.Refs)
	s.see(head)
	return head, nil
}

// see takes note of where the branch is.
func (s *Store) see(head plumbing.Hash) {
	if head == s.head {
		return
	}
	if !s.head.IsZero() {
		s.recent = append(s.recent, s.head)
		if over := len(s.recent) - maxRecent; over > 0 {
			s.recent = append(s.recent[:0], s.recent[over:]...)
		}
	}
	s.head = head
}

// maxRecent and maxBack bound the commits that a fetch names as known: heads seen before, and how far back along the
// first parents of the newest, for history that was rewritten elsewhere.
const (
	maxRecent = 16
	maxBack   = 256
)

// haves returns commits we have, for the other side to leave out what they hold.
func (s *Store) haves() []plumbing.Hash {
	haves := append([]plumbing.Hash(nil), s.recent...)
	at := s.head
	for back, step := 0, 1; back < maxBack && !at.IsZero(); back++ {
		if back == step-1 {
			haves = append(haves, at)
			step *= 2
		}
		c, err := s.commit(at.String())
		if err != nil || len(c.ParentHashes) == 0 {
			break
		}
		at = c.ParentHashes[0]
	}
	known := haves[:0]
	for _, h := range haves {
		if s.db.Load().Has(h) {
			known = append(known, h)
		}
	}
	return known
}

// fetchAnew brings in everything into one pack that takes the place of the many.
func (s *Store) fetchAnew(ctx context.Context, up *transport.Upload, head plumbing.Hash) error {
	old := s.db.Load()
	fresh := old.Fresh()
	if err := s.fetchInto(ctx, fresh, up, head, nil); err != nil {
		return errors.Join(err, fresh.Close())
	}
	err := fresh.Replace(old)
	s.db.Store(fresh)
	return err
}

// fetchInto brings in the objects of a commit.
func (s *Store) fetchInto(ctx context.Context, db *pack.DB, up *transport.Upload, want plumbing.Hash, haves []plumbing.Hash) error {
	req := packp.NewUploadPackRequestFromCapabilities(up.Refs.Capabilities)
	req.Wants, req.Haves = []plumbing.Hash{want}, haves
	if len(haves) == 0 {
		req.Capabilities.Delete(capability.ThinPack) // there is nothing that such a pack could leave out
	}
	if err := up.Receive(ctx, req, db.Receive); err != nil {
		return err
	}
	if !db.Has(want) {
		return fmt.Errorf("the remote did not send the commit %s", want)
	}
	return nil
}
