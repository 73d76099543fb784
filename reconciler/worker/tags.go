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

// TagNews is what came of a tag when it was first tried, and when that has changed.
type TagNews struct {
	Tag
	// Taken says that the tag is somebody else's; nil when it is not, or not known to be.
	Taken *reconciler.TagTakenError
}

// Tags gives images the tag of the release that they are in. Nothing waits for it: images run by their digest.
type Tags struct {
	Common
	registry reconciler.Registry
	log      *slog.Logger
	queue    Queue

	mu     sync.Mutex
	wanted map[string]*tagging
	fresh  map[string]TagNews
}

type tagging struct {
	Tag
	failures int
	// taken was told of.
	taken bool
}

// How tags are tried again: what somebody else has may be given up, in which case it is nobody's hurry.
const (
	maxTagBackoff = 10 * time.Minute
	tagAgain      = 10 * time.Minute
)

// NewTags returns the worker.
func NewTags(registry reconciler.Registry, log *slog.Logger, common Common) *Tags {
	t := &Tags{Common: common, registry: registry, log: log, wanted: map[string]*tagging{}, fresh: map[string]TagNews{}}
	t.queue = common.Queue(queue.Options{
		Turn: t.tag, Timeout: resolveTimeout, MaxBackoff: maxTagBackoff,
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

// Take returns what came of tags since it was last asked, in their order.
func (t *Tags) Take() []TagNews {
	t.mu.Lock()
	defer t.mu.Unlock()
	return drain(t.fresh)
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
	var taken *reconciler.TagTakenError
	switch {
	case errors.As(err, &taken):
		if !wanted.taken {
			t.log.Warn("a tag is somebody else's and was left as it is", "image", wanted.Repository, "tag", wanted.Tag.Tag, "digest", taken.Digest, "error", err.Error())
		}
		wanted.taken = true
		t.tell(wanted, taken)
		return tagAgain, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist): // also when it is refused: accounts and permissions get mended
		if wanted.failures++; wanted.failures == 1 {
			t.log.Warn("an image cannot be tagged now; it is tried again", "image", wanted.Repository, "tag", wanted.Tag.Tag, "error", err.Error())
			t.tell(wanted, nil)
		}
		return 0, err
	case err != nil:
		t.log.Error("an image cannot be tagged, as it is not there", "image", wanted.Repository, "tag", wanted.Tag.Tag, "error", err.Error())
	}
	t.mu.Lock()
	delete(t.wanted, key)
	t.mu.Unlock()
	t.tell(wanted, nil)
	return 0, nil
}

// tell says what came of a tag.
func (t *Tags) tell(of *tagging, taken *reconciler.TagTakenError) {
	t.mu.Lock()
	t.fresh[of.key()] = TagNews{Tag: of.Tag, Taken: taken}
	t.mu.Unlock()
	t.Notify()
}
