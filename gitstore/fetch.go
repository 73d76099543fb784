package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"github.com/plateform/plateform/gitstore/pack"
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
	up, err := s.list(ctx)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	defer func() { _ = up.Close() }()
	head := up.refs.References[s.ref.String()]
	if head.IsZero() || s.db.Load().Has(head) {
		s.see(head)
		return head, nil
	}
	if s.db.Load().Packs() > s.options.MaxPacks {
		err = s.fetchAnew(ctx, up, head)
	} else {
		err = s.fetchInto(ctx, s.db.Load(), up, head, s.haves())
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	s.see(head)
	return head, nil
}

// list begins a conversation, which begins with the refs. A server that hangs is given up on after the time of a call.
func (s *Store) list(ctx context.Context) (*upload, error) {
	return beginUpload(ctx, s.dialer, s.options.URL)
}

// beginUpload opens a session that lasts as long as ctx, whose first answer must come within the time of a call.
func beginUpload(ctx context.Context, d *dialer, url string) (*upload, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := afterTimeout(d.access.CallTimeout, cancel)
	defer timer.Stop()
	session, err := d.upload(ctx, url)
	if err != nil {
		err = contextError(ctx, err)
		cancel(nil)
		return nil, err
	}
	refs, err := listRefs(ctx, session)
	if err != nil {
		err = errors.Join(err, session.Close())
		cancel(nil)
		return nil, err
	}
	return &upload{session, refs, cancel}, nil
}

// upload is a session with the refs that it began with. It frees its context when it is closed.
type upload struct {
	uploadSession
	refs   *packp.AdvRefs
	cancel context.CancelCauseFunc
}

// once says that objects can be asked for only once. Over HTTP each request stands alone.
func (u *upload) once() bool {
	_, stream := u.uploadSession.(*streamSession)
	return stream
}

func (u *upload) Close() error {
	err := u.uploadSession.Close()
	u.cancel(nil)
	return err
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
func (s *Store) fetchAnew(ctx context.Context, up *upload, head plumbing.Hash) error {
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
func (s *Store) fetchInto(ctx context.Context, db *pack.DB, up *upload, want plumbing.Hash, haves []plumbing.Hash) error {
	req := packp.NewUploadPackRequestFromCapabilities(up.refs.Capabilities)
	req.Wants, req.Haves = []plumbing.Hash{want}, haves
	if len(haves) > 0 {
		// go-git leaves it out since it cannot read such packs; the packs are read here.
		if err := req.Capabilities.Set(capability.ThinPack); err != nil {
			return err
		}
	}
	if err := receiveObjects(ctx, s.options.StallTimeout, up, req, db); err != nil {
		return err
	}
	if !db.Has(want) {
		return fmt.Errorf("the remote did not send the commit %s", want)
	}
	return nil
}

// receiveObjects asks for objects and takes them into db. It gives up when nothing comes for too long.
func receiveObjects(ctx context.Context, stall time.Duration, up *upload, req *packp.UploadPackRequest, db *pack.DB) (err error) {
	if err := quiet(req.Capabilities); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watchedReader{stall: stall, timer: afterTimeout(stall, cancel)}
	defer w.timer.Stop()
	res, err := up.UploadPack(ctx, req)
	if err != nil {
		return contextError(ctx, err)
	}
	defer func() { err = errors.Join(err, res.Close()) }()
	w.r = res
	return contextError(ctx, db.Receive(ctx, demux(req.Capabilities, w)))
}

// watchedReader has a timer running while it waits for something to read.
type watchedReader struct {
	r     io.Reader
	stall time.Duration
	timer *time.Timer
}

func (w *watchedReader) Read(p []byte) (int, error) {
	w.timer.Reset(w.stall)
	defer w.timer.Stop()
	return w.r.Read(p)
}

// quiet asks for no progress messages.
func quiet(c *capability.List) error { return c.Set(capability.NoProgress) }

// demux takes the pack out of an answer that mixes it with messages.
func demux(c *capability.List, r io.Reader) io.Reader {
	switch {
	case c.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, r)
	case c.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, r)
	}
	return r
}
