package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

// images is a registry.
type images struct {
	mu      sync.Mutex
	silent  bool
	gone    bool
	tagged  []string
	refused int
	taken   bool
}

func (i *images) Has(ctx context.Context, _, _ string) (bool, error) {
	i.mu.Lock()
	silent, gone := i.silent, i.gone
	i.mu.Unlock()
	if silent {
		<-ctx.Done()
		return false, ctx.Err()
	}
	return !gone, nil
}

type notThere struct{}

func (notThere) Error() string   { return "there is no such image\nand more" }
func (notThere) Temporary() bool { return false }

func (i *images) Resolve(ctx context.Context, reference string) (manifest.Image, error) {
	i.mu.Lock()
	silent, gone := i.silent, i.gone
	i.mu.Unlock()
	switch {
	case silent:
		<-ctx.Done()
		return manifest.Image{}, ctx.Err()
	case gone:
		return manifest.Image{}, notThere{}
	}
	return manifest.Image{Repository: reference, Digest: "sha256:1"}, nil
}

func (i *images) Tag(_ context.Context, repository, _, tag string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.refused > 0 {
		i.refused--
		return errors.New("503")
	}
	if i.taken {
		return &reconciler.TagTakenError{Repository: repository, Tag: tag, Digest: "sha256:9"}
	}
	i.tagged = append(i.tagged, repository+":"+tag)
	return nil
}

func TestATagIsPutOnUntilItIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		i := &images{refused: 3}
		tags := worker.NewTags(i, slog.New(slog.DiscardHandler), common)
		tags.Want(worker.Tag{Repository: "r.test/app", Digest: "sha256:1", Tag: "v1.0.0"})
		run(tags.Run)
		pass(time.Hour)
		if diff := cmp.Diff([]string{"r.test/app:v1.0.0"}, i.tagged); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	})
}
