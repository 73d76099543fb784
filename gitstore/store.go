package gitstore

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/transport"
)

// Store is one branch of one remote repository: what was fetched can be read, and commits can be pushed to it. It is
// safe for use by several goroutines; calls to the remote go out one at a time.
type Store struct {
	*reader
	options Options
	ref     plumbing.ReferenceName
	dialer  *transport.Dialer
	db      atomic.Pointer[pack.DB]
	// remote is held during a call to the remote and guards all below.
	remote chan struct{}
	closed bool
	// head is where the branch was last seen, zero when it was missing; recent are the heads before it.
	head   plumbing.Hash
	recent []plumbing.Hash
	// ends are the commits of what was fetched behind which the remote's history is cut.
	ends atomic.Pointer[[]plumbing.Hash]
	// serverCan is what the server said at the last push, when the next one can do without asking.
	serverCan *capability.List
	close     sync.Once
}

// Open returns a Store. It makes no network call and does not use the disk: the first Fetch does both.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	return open(o, plumbing.NewBranchReferenceName(o.Branch)), nil
}

// open returns a Store of any ref.
func open(o Options, ref plumbing.ReferenceName) *Store {
	s := &Store{
		options: o,
		ref:     ref,
		dialer:  transport.New(o.Access),
		remote:  make(chan struct{}, 1),
	}
	s.db.Store(pack.NewDB(pack.Options{
		Dir: o.Dir, CacheBytes: o.CacheBytes, MemoryObjects: o.MemoryObjects, MemoryBytes: o.MemoryBytes,
	}))
	s.reader = newReader(func() pack.Source { return s.db.Load() }, s.cutBehind)
	return s
}

// errClosed answers calls after Close.
var errClosed = fmt.Errorf("the store: %w", fs.ErrClosed)

// lock waits for the remote to be free.
func (s *Store) lock(ctx context.Context) error {
	select {
	case s.remote <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.closed {
		s.unlock()
		return errClosed
	}
	return nil
}

func (s *Store) unlock() { <-s.remote }

// Close waits for a call to the remote that is under way, and removes what the Store kept on disk.
func (s *Store) Close() error {
	var err error
	s.close.Do(func() {
		s.remote <- struct{}{}
		defer s.unlock()
		s.closed = true
		s.dialer.Close()
		err = s.db.Load().Close()
	})
	return err
}

// hashString is how hashes leave the package: the zero hash is no hash.
func hashString(h plumbing.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}
