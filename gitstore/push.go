package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/plateform/plateform/gitstore/edit"
	"github.com/plateform/plateform/gitstore/transport"
	"github.com/plateform/plateform/manifest"
)

// Push makes the edits one commit each on top of base ("" for the first commit ever) and moves the branch from base to
// the last of them in one step. It returns their hashes in order. When the branch is not at base any more it returns
// manifest.ErrMoved; when the server refuses, a *RefusedError with its message. When the answer gets lost, the refs tell
// what became of the push. base must be at hand: the result of a Fetch or a Push.
func (s *Store) Push(ctx context.Context, base string, edits []manifest.Edit) ([]string, error) {
	if len(edits) == 0 {
		return nil, nil
	}
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	hashes, err := s.push(ctx, base, edits)
	if err != nil {
		return nil, fmt.Errorf("pushing to %s of %s: %w", s.ref.Short(), Redact(s.options.URL), err)
	}
	return hashes, nil
}

// push does it while the remote is held.
func (s *Store) push(ctx context.Context, base string, edits []manifest.Edit) ([]string, error) {
	b, from, err := s.makeCommits(base, edits)
	if err != nil {
		return nil, err
	}
	last := b.Tips[len(b.Tips)-1]
	var buf bytes.Buffer
	if err := b.Encode(&buf); err != nil {
		return nil, err
	}
	if err := s.send(ctx, from, last, buf.Bytes()); errors.Is(err, manifest.ErrMoved) {
		return nil, err
	} else if err != nil {
		if err = s.outcome(ctx, from, last, err); err != nil {
			return nil, err
		}
	} else {
		s.see(last)
	}
	if err := s.db.Load().Add(b.Objects); err != nil {
		return nil, err
	}
	hashes := make([]string, len(b.Tips))
	for i, t := range b.Tips {
		hashes[i] = t.String()
	}
	return hashes, nil
}

// makeCommits makes the commits in memory.
func (s *Store) makeCommits(base string, edits []manifest.Edit) (*edit.Batch, plumbing.Hash, error) {
	b := edit.New(s.db.Load())
	var from plumbing.Hash
	var on *object.Commit
	if base != "" {
		var err error
		if on, err = s.commit(base); err != nil {
			return nil, from, err
		}
		from = plumbing.NewHash(base)
	}
	for _, e := range edits {
		if err := b.Commit(on, from, e); err != nil {
			return nil, from, err
		}
	}
	return b, from, nil
}

// send moves the branch on the server from one commit to another, which pack holds. manifest.ErrMoved says that nothing was
// sent; any other error says nothing about what became of it.
func (s *Store) send(ctx context.Context, from, to plumbing.Hash, pack []byte) error {
	limit := s.options.CallTimeout
	ctx, cancel := context.WithTimeoutCause(ctx, limit, &transport.SilenceError{Limit: limit})
	defer cancel()
	down, err := s.dialer.Push(ctx, s.options.URL)
	if err != nil {
		return refusedIfDenied(err)
	}
	defer func() { _ = down.Close() }()
	can, err := s.beginPush(ctx, down, from)
	if err != nil {
		return err
	}
	req := packp.NewReferenceUpdateRequestFromCapabilities(can)
	said := &transport.Tail{}
	if can.Supports(capability.Sideband64k) {
		if err := req.Capabilities.Set(capability.Sideband64k); err != nil {
			return err
		}
		req.Progress = said
	}
	req.Commands = []*packp.Command{{Name: s.ref, Old: from, New: to}}
	req.Packfile = io.NopCloser(bytes.NewReader(pack))
	if err := s.options.mayWrite(); err != nil { // asked as late as it can be: what came before may have taken long
		return err
	}
	report, err := down.Send(ctx, req)
	if err == nil {
		return nil
	}
	s.serverCan = nil
	if report == nil {
		return refusedIfDenied(err)
	}
	return &RefusedError{Message: refusal(report, said.String())}
}

// refusedIfDenied makes a RefusedError of an answer that turns the push away before it looks at it.
func refusedIfDenied(err error) error {
	var denied *DeniedError
	if errors.As(err, &denied) {
		return &RefusedError{Message: oneLine(denied.Error())}
	}
	return err
}

// oneLine makes one line of what a server says, as it can be shown.
func oneLine(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(printable(line)); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// beginPush returns what the server can do, after a look at where the branch is. Over HTTP each request stands alone, so
// from the second push on it goes without the look: the push itself says where the branch has to be.
func (s *Store) beginPush(ctx context.Context, down *transport.Push, from plumbing.Hash) (*capability.List, error) {
	if s.serverCan != nil {
		return s.serverCan, nil
	}
	refs, err := down.Refs(ctx)
	if err != nil {
		return nil, refusedIfDenied(err)
	}
	if refs.References[s.ref.String()] != from {
		return nil, manifest.ErrMoved
	}
	if down.Alone() {
		s.serverCan = refs.Capabilities
	}
	return refs.Capabilities, nil
}

// refusal puts together what the server gives as its reasons.
func refusal(report *packp.ReportStatus, said string) string {
	reasons := said
	if report.UnpackStatus != "ok" {
		reasons += "\n" + report.UnpackStatus
	}
	for _, c := range report.CommandStatuses {
		if c.Status != "ok" {
			reasons += "\n" + c.Status
		}
	}
	return oneLine(reasons)
}

// outcome finds out what became of a push that did not end well: it returns nil when it landed, manifest.ErrMoved when the
// branch is elsewhere, and why otherwise. Only the refs count, never the text of an error.
func (s *Store) outcome(ctx context.Context, from, last plumbing.Hash, why error) error {
	if ctx.Err() != nil {
		return errors.Join(why, ctx.Err())
	}
	head, err := s.whereNow(ctx, from, why)
	if err != nil {
		return fmt.Errorf("it is unknown whether the push arrived (%w): %w", err, why)
	}
	switch {
	case head == last:
		s.see(last)
		return nil
	case head == from:
		return why
	case head.IsZero():
		return manifest.ErrMoved
	}
	// Somebody pushed meanwhile: before us, or on top of us.
	if head, err = s.fetch(ctx); err != nil {
		return fmt.Errorf("it is unknown whether the push arrived (%w): %w", err, why)
	}
	on, err := s.isAncestor(last, head, from)
	if err != nil {
		return err
	}
	if !on {
		return manifest.ErrMoved
	}
	return nil
}

// settlePolls and settlePause let another push that holds the lock of the branch come to its end: it made the server
// refuse ours while the branch still was where we wanted it. The pause doubles, to a second and a half in all.
const (
	settlePolls = 6
	settlePause = 50 * time.Millisecond
)

// whereNow returns where the branch is. After a refusal it looks a few times.
func (s *Store) whereNow(ctx context.Context, from plumbing.Hash, why error) (plumbing.Hash, error) {
	var refused *RefusedError
	polls, pause := 1, settlePause
	if errors.As(why, &refused) {
		polls = settlePolls
	}
	for {
		up, err := s.dialer.Upload(ctx, s.options.URL)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		_ = up.Close()
		head := up.Refs.References[s.ref.String()]
		if polls--; head != from || polls == 0 {
			return head, nil
		}
		select {
		case <-ctx.Done():
			return head, context.Cause(ctx)
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// isAncestor tells whether a commit is among the ancestors of head. It does not look behind the stop commit.
func (s *Store) isAncestor(commit, head, stop plumbing.Hash) (bool, error) {
	seen := map[plumbing.Hash]bool{stop: true}
	todo := []plumbing.Hash{head}
	for len(todo) > 0 {
		h := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if h == commit {
			return true, nil
		}
		if seen[h] {
			continue
		}
		seen[h] = true
		c, err := s.commit(h.String())
		if err != nil {
			return false, err
		}
		todo = append(todo, c.ParentHashes...)
	}
	return false, nil
}
