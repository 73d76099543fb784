package localrun

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/plateform/plateform/reconciler/localrun/shim"
)

const (
	// glance is how often the memory of a process is looked at.
	glance = time.Second
	// misses in a row of a process that was ready end it.
	misses = 6
)

// stay waits until a process ends, the context does, or it is to be started again: as it has taken more memory than its service
// may, or does not answer its probe any more.
func (r *replica) stay(ctx context.Context, process *shim.Process) error {
	memory, live := time.NewTicker(glance), time.NewTicker(r.options.Times.Live)
	defer memory.Stop()
	defer live.Stop()
	limit, missed := r.limit(), 0
	for {
		select {
		case <-process.Done():
			return nil
		case <-ctx.Done():
			return nil
		case <-memory.C:
			if used := memoryOf(process.PID); limit > 0 && used > limit {
				return fmt.Errorf("it took %d MiB of memory, and may take %s (raise resources.memory, or have it take less)", used>>20, r.service.memory)
			}
		case <-live.C:
			err := r.probe(ctx, r.look().address)
			if missed++; err == nil {
				missed = 0
			} else if missed == misses {
				return fmt.Errorf("it was ready and is not any more, %d times in a row: %w", missed, err)
			}
		}
	}
}

// limit is how much memory a process may take, in bytes; 0 when that is not to be looked at. A limit that the kernel enforces would
// take a cgroup, which belongs to root or to whoever started us; looking is coarser, and needs nobody.
func (r *replica) limit() int64 {
	limit, err := resource.ParseQuantity(r.service.memory)
	if err != nil || !r.launcher.owns() {
		return 0
	}
	return limit.Value()
}
