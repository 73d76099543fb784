package worker

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/queue"
)

// Tag is a tag that an image is to have in its registry.
type Tag struct{ Repository, Digest, Tag string }

func (t Tag) key() string { return t.Repository + "@" + t.Digest + ":" + t.Tag }

// Tags gives images the tag of the release that they are in. Nothing waits for it: images run by their digest.
type Tags struct {
	registry reconciler.Registry
	log      *slog.Logger
	queue    Queue

	mu     sync.Mutex
	wanted map[string]*tagging
}

type tagging struct {
	Tag
	failures int
}

// NewTags returns the worker.
func NewTags(registry reconciler.Registry, log *slog.Logger, common Common) *Tags {
	t := &Tags{registry: registry, log: log, wanted: map[string]*tagging{}}
	t.queue = common.Queue(queue.Options{
		Turn: t.tag, Timeout: resolveTimeout, MaxBackoff: 10 * time.Minute,
		Host: func(key string) string { host, _, _ := strings.Cut(key, "/"); return host },
	})
	return t
}

// Run works until the context ends.
func (t *Tags) Run(ctx context.Context) error { return t.queue.Run(ctx) }

// Want has a tag put on an image, sooner or later.
func (t *Tags) Want(tag Tag) {
	t.mu.Lock()
	if t.wanted[tag.key()] == nil {
		t.wanted[tag.key()] = &tagging{Tag: tag}
	}
	t.mu.Unlock()
	t.queue.Add(tag.key())
}

// tag is one turn at one tag.
func (t *Tags) tag(ctx context.Context, key string) (again time.Duration, err error) {
	t.mu.Lock()
	wanted := t.wanted[key]
	t.mu.Unlock()
	if wanted == nil {
		return 0, nil
	}
	err = t.registry.Tag(ctx, wanted.Repository, wanted.Digest, wanted.Tag.Tag)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // also when it is refused: accounts and permissions get mended
		if wanted.failures++; wanted.failures == 1 {
			t.log.Warn("an image cannot be tagged now; it is tried again", "image", wanted.Repository, "tag", wanted.Tag.Tag, "error", err.Error())
		}
		return 0, err
	}
	if err != nil {
		t.log.Error("an image cannot be tagged, as it is not there", "image", wanted.Repository, "tag", wanted.Tag.Tag, "error", err.Error())
	}
	t.mu.Lock()
	delete(t.wanted, key)
	t.mu.Unlock()
	return 0, nil
}
