package standby

import (
	"context"

	"github.com/plateform/plateform/reconciler"
)

// Fence has a builder begin and stop nothing while this process may not write: who makes images is asked to in ways of its own. All
// else is asked closer to the wire.
func (s *Standby) Fence(b reconciler.Builder) reconciler.Builder {
	if s == nil || b == nil {
		return b
	}
	return fencedBuilder{b, s}
}

type fencedBuilder struct {
	reconciler.Builder
	fence *Standby
}

// Start implements reconciler.Builder.
func (b fencedBuilder) Start(ctx context.Context, request reconciler.BuildRequest) error {
	if err := b.fence.Check(); err != nil {
		return err
	}
	return b.Builder.Start(ctx, request)
}

// Cancel implements reconciler.Builder.
func (b fencedBuilder) Cancel(ctx context.Context, id string) error {
	if err := b.fence.Check(); err != nil {
		return err
	}
	return b.Builder.Cancel(ctx, id)
}
