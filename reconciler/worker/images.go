package worker

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/queue"
)

// How images are asked for.
const (
	// AskTimeout bounds how long a registry is waited for that is asked whether it has an image: what waits for the answer is a
	// rollback, say.
	AskTimeout = 3 * time.Second
	// askAgain is when an image that was gone is asked for again: it may have been put back.
	askAgain = 5 * time.Minute
)

// ImageNews is what a registry said of an image.
type ImageNews struct {
	// Ref is its repository@digest.
	Ref string
	// There says that the registry has it. Err says why nobody knows.
	There bool
	Err   error
}

// Images asks registries whether they still have images that are to run again.
type Images struct {
	Common
	registry reconciler.Registry
	queue    Queue

	mu     sync.Mutex
	wanted map[string]manifest.Image
	fresh  map[string]ImageNews
}

// NewImages returns the worker.
func NewImages(registry reconciler.Registry, common Common) *Images {
	i := &Images{Common: common, registry: registry, wanted: map[string]manifest.Image{}, fresh: map[string]ImageNews{}}
	i.queue = common.Queue(queue.Options{
		Turn: i.ask, Timeout: AskTimeout,
		Host: func(key string) string { host, _, _ := strings.Cut(key, "/"); return host },
	})
	return i
}

// Run works until the context ends.
func (i *Images) Run(ctx context.Context) error { return i.queue.Run(ctx) }

// Want has an image asked for now, and again as long as it is gone and wanted.
func (i *Images) Want(image manifest.Image) {
	i.mu.Lock()
	i.wanted[image.Ref()] = image
	delete(i.fresh, image.Ref())
	i.mu.Unlock()
	i.queue.Add(image.Ref())
}

// DropAll forgets all images.
func (i *Images) DropAll() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.wanted)
	clear(i.fresh)
}

// Forget ends the interest in an image.
func (i *Images) Forget(ref string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.wanted, ref)
	delete(i.fresh, ref)
}

// Take returns what registries have said since it was last asked, in the order of the images.
func (i *Images) Take() []ImageNews {
	i.mu.Lock()
	defer i.mu.Unlock()
	return drain(i.fresh)
}

// ask is one turn at one image. After an error nobody waits any longer.
func (i *Images) ask(ctx context.Context, ref string) (again time.Duration, err error) {
	i.mu.Lock()
	image, wanted := i.wanted[ref]
	i.mu.Unlock()
	if !wanted {
		return 0, nil
	}
	there, err := i.registry.Has(ctx, image.Repository, image.Digest)
	i.mu.Lock()
	_, wanted = i.wanted[ref]
	if wanted {
		i.fresh[ref] = ImageNews{Ref: ref, There: there, Err: err}
	}
	i.mu.Unlock()
	if !wanted {
		return 0, nil
	}
	i.Notify()
	if err == nil && !there {
		return askAgain, nil
	}
	return 0, nil
}
