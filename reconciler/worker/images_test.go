package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/worker"
)

func TestImagesAreAskedForOnceUnlessTheyAreGone(t *testing.T) {
	image := manifest.Image{Repository: "r.test/app", Digest: "sha256:1"}
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		registry := &images{gone: true}
		asked := worker.NewImages(registry, common)
		asked.Want(image)
		run(asked.Run)
		synctest.Wait()
		if news := asked.Take(); len(news) != 1 || news[0].Ref != image.Ref() || news[0].There || news[0].Err != nil {
			t.Errorf("got %+v, want that %s is gone", news, image.Ref())
		}
		registry.mu.Lock()
		registry.gone = false // it was put back
		registry.mu.Unlock()
		pass(10 * time.Minute)
		if news := asked.Take(); len(news) != 1 || !news[0].There {
			t.Errorf("got %+v, want that %s is there again", news, image.Ref())
		}
		pass(time.Hour)
		if news := asked.Take(); len(news) != 0 {
			t.Errorf("what is there was asked for again: %+v", news)
		}
		asked.Want(image)
		asked.Forget(image.Ref())
		pass(time.Minute)
		if news := asked.Take(); len(news) != 0 {
			t.Errorf("news of what is forgotten: %+v", news)
		}
	})
}

func TestARegistryThatDoesNotSayIsNotWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		asked := worker.NewImages(&images{silent: true}, common)
		asked.Want(manifest.Image{Repository: "r.test/app", Digest: "sha256:1"})
		run(asked.Run)
		pass(worker.AskTimeout + time.Millisecond)
		if news := asked.Take(); len(news) != 1 || news[0].Err == nil {
			t.Errorf("after %v: %+v, want that nobody knows", worker.AskTimeout, news)
		}
	})
}

func TestATagOfSomebodyElseIsToldOfAndTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		registry := &images{taken: true}
		tags := worker.NewTags(registry, slog.New(slog.DiscardHandler), common)
		tag := worker.Tag{Repository: "r.test/app", Digest: "sha256:1", Tag: "v1.0.0"}
		tags.Want(tag)
		run(tags.Run)
		synctest.Wait()
		if news := tags.Take(); len(news) != 1 || news[0].Tag != tag || news[0].Taken == nil || news[0].Taken.Digest != "sha256:9" {
			t.Errorf("got %+v, want that the tag is somebody else's", news)
		}
		registry.mu.Lock()
		registry.taken = false // they have removed it
		registry.mu.Unlock()
		pass(time.Hour)
		if news := tags.Take(); len(news) != 1 || news[0].Taken != nil || len(registry.tagged) != 1 {
			t.Errorf("got %+v and tags %v, want the tag", news, registry.tagged)
		}
	})
}

// limited is a registry that asks to be left alone.
type limited struct {
	images
	asked []time.Time
	after time.Duration
}

func (l *limited) Resolve(context.Context, string) (manifest.Image, error) {
	l.asked = append(l.asked, time.Now())
	if len(l.asked) == 1 {
		return manifest.Image{}, busy{l.after}
	}
	return manifest.Image{Digest: "sha256:1"}, nil
}

type busy struct{ after time.Duration }

func (b busy) Error() string             { return "429, come back in " + b.after.String() }
func (b busy) RetryAfter() time.Duration { return b.after }

func TestARegistryIsLeftAloneAsLongAsItAsksFor(t *testing.T) {
	for _, after := range []time.Duration{20 * time.Second, 10 * time.Minute} {
		bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
			l := &limited{after: after}
			b := worker.NewBuilds(nil, l, common)
			b.Want(reconciler.BuildRequest{ID: "b", Reference: "r.test/app:1"})
			run(b.Run)
			synctest.Wait()
			if news := b.Take(); len(news) != 1 || !errors.As(news[0].Err, new(busy)) {
				t.Errorf("got %+v, want why it waits", news)
			}
			pass(time.Hour)
			if len(l.asked) != 2 || l.asked[1].Sub(l.asked[0]) < after || l.asked[1].Sub(l.asked[0]) > after+time.Minute {
				t.Errorf("asked at %v, want it again after %v", l.asked, after)
			}
		})
	}
}

// late is a registry that gets an image after a while.
type late struct {
	images
	mu    sync.Mutex
	asked []time.Time
	there bool
}

// times are when it was asked so far.
func (l *late) times() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.asked)
}

// get has the image from now on, or not.
func (l *late) get(there bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.there = there
}

func (l *late) Resolve(context.Context, string) (manifest.Image, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, time.Now())
	if !l.there {
		return manifest.Image{}, errors.New("404")
	}
	return manifest.Image{Digest: "sha256:1"}, nil
}

// An image that could not be used is asked for again, less and less often, until it can; nobody asks for what is not wanted.
func TestReferencesAreAskedForAgain(t *testing.T) {
	bubble(t, func(t *testing.T, common worker.Common, run func(func(context.Context) error)) {
		l := &late{}
		r := worker.NewReferences(l, common)
		begun := time.Now()
		r.Keep([]string{"r.test/app:1"})
		run(r.Run)
		pass(time.Hour)
		if asked := l.times(); len(asked) < 9 || len(asked) > 14 || asked[0].Sub(begun) < 20*time.Second {
			t.Errorf("asked in the first hour at %v, which began at %v", asked, begun)
		}
		r.Keep([]string{"r.test/app:1"})
		l.get(true)
		pass(13 * time.Minute)
		if came := r.Take(); len(came) != 1 || came[0] != "r.test/app:1" {
			t.Errorf("once it is there got %v", came)
		}
		n := len(l.times())
		if pass(time.Hour); len(l.times()) != n {
			t.Error("it is asked for again although it is there")
		}
		l.get(false)
		r.Keep([]string{"r.test/app:2"})
		pass(time.Minute)
		r.Keep(nil)
		n = len(l.times())
		if pass(time.Hour); len(l.times()) != n {
			t.Error("it is asked for although nobody wants it")
		}
		r.Keep([]string{"r.test/app:2"})
		if pass(time.Minute); len(l.times()) == n {
			t.Error("it is not asked for although it is wanted again")
		}
	})
}
