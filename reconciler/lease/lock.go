package lease

import (
	"context"
	"crypto/rand"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// watchedLock is the lock of the library, which tells a Lease what it is told.
type watchedLock struct {
	resourcelock.Interface
	lease *Lease
}

// Get implements resourcelock.Interface.
func (w *watchedLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := w.Interface.Get(ctx)
	switch {
	case err == nil:
		w.lease.seen(record.HolderIdentity)
		w.lease.note(nil)
	case !apierrors.IsNotFound(err) && ctx.Err() == nil:
		w.lease.note(err)
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (w *watchedLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return w.write(ctx, record, w.Interface.Create)
}

// Update implements resourcelock.Interface.
func (w *watchedLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return w.write(ctx, record, w.Interface.Update)
}

// write counts from when the request is sent: others may see what it wrote long before the answer is here.
func (w *watchedLock) write(ctx context.Context, record resourcelock.LeaderElectionRecord, write func(context.Context, resourcelock.LeaderElectionRecord) error) error {
	sent := w.lease.options.Clock()
	err := write(ctx, record)
	switch {
	case err == nil:
		w.lease.held(sent)
		w.lease.note(nil)
	case !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && ctx.Err() == nil: // those say that another one was faster
		w.lease.note(err)
	}
	return err
}

// Address is where a process is reached by the others.
type Address struct {
	// Listen is where it takes webhooks, as host:port.
	Listen string
	// API is where it answers how runs go, as host:port; empty where it does not.
	API string
}

// identity is how a process is named in the Lease: where it is, and a word of its own, as one that was started anew at the same
// address is not the one before.
func (a Address) identity() string {
	return strings.Join([]string{a.Listen, a.API, rand.Text()[:8]}, ",")
}

// addressOf reads an identity; one that is not ours has no address.
func addressOf(identity string) Address {
	parts := strings.Split(identity, ",")
	if len(parts) != 3 {
		return Address{}
	}
	return Address{Listen: parts[0], API: parts[1]}
}
