package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// remembered is how many ended requests a Resolver remembers. One that it forgot is asked for again.
const remembered = 4096

// Images finds the image that a reference means.
type Images interface {
	// Resolve returns the image with its digest; the name is left empty.
	Resolve(ctx context.Context, reference string) (manifest.Image, error)
}

// Resolver is a reconciler.Builder for images that people name instead of having them built: it looks up the digest.
// Everything else is handed on to another builder. It is safe for use by several goroutines.
type Resolver struct {
	images Images
	next   reconciler.Builder
	notify func(id string)

	mu    sync.Mutex
	busy  map[string]bool
	ended *lru.Cache[string, reconciler.BuildStatus]
}

var _ reconciler.Builder = (*Resolver)(nil)

// NewResolver returns a Resolver in front of next; nil for an installation that builds nothing. notify is called with
// the ID of a request whose status has changed, and must not block; it may be nil.
func NewResolver(images Images, next reconciler.Builder, notify func(id string)) (*Resolver, error) {
	ended, err := lru.New[string, reconciler.BuildStatus](remembered)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if notify == nil {
		notify = func(string) {}
	}
	return &Resolver{images: images, next: next, notify: notify, busy: map[string]bool{}, ended: ended}, nil
}

// Start implements reconciler.Builder. Looking up a digest is one short question, so the answer is there when it
// returns. What may go away by itself, such as a registry in trouble, is returned as an error: ask again later.
func (r *Resolver) Start(ctx context.Context, request reconciler.BuildRequest) error {
	if request.Reference == "" && r.next != nil {
		return r.next.Start(ctx, request)
	}
	if !r.begin(request.ID) {
		return nil
	}
	status, err := r.resolve(ctx, request)
	r.end(request.ID, status, err)
	if err != nil {
		return err
	}
	r.notify(request.ID)
	return nil
}

// begin says whether the request is a new one, and marks it.
func (r *Resolver) begin(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[id] || r.ended.Contains(id) {
		return false
	}
	r.busy[id] = true
	return true
}

func (r *Resolver) end(id string, status reconciler.BuildStatus, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, id)
	if err == nil {
		r.ended.Add(id, status)
	}
}

func (r *Resolver) resolve(ctx context.Context, request reconciler.BuildRequest) (reconciler.BuildStatus, error) {
	if request.Reference == "" {
		return failed("this installation builds nothing: name an image in project.yaml, or set builder.kind in serve.yaml"), nil
	}
	image, err := r.images.Resolve(ctx, request.Reference)
	var e *Error
	switch {
	case ctx.Err() != nil, errors.As(err, &e) && e.Temporary():
		return reconciler.BuildStatus{}, fmt.Errorf("resolving the image %s: %w", request.Reference, err)
	case err != nil:
		return failed(err.Error()), nil
	}
	image.Name = request.Image
	return reconciler.BuildStatus{Done: true, Image: &image}, nil
}

func failed(summary string) reconciler.BuildStatus {
	return reconciler.BuildStatus{Done: true, Failure: &reconciler.BuildFailure{Summary: summary}}
}

// Status implements reconciler.Builder.
func (r *Resolver) Status(ctx context.Context, id string) (reconciler.BuildStatus, error) {
	r.mu.Lock()
	status, ended := r.ended.Get(id)
	busy := r.busy[id]
	r.mu.Unlock()
	switch {
	case ended:
		return copied(status), nil
	case busy:
		return reconciler.BuildStatus{}, nil
	case r.next != nil:
		return r.next.Status(ctx, id)
	}
	return reconciler.BuildStatus{}, fmt.Errorf("%s: %w", id, reconciler.ErrNoBuild)
}

// copied keeps callers from changing what is remembered.
func copied(s reconciler.BuildStatus) reconciler.BuildStatus {
	if s.Image != nil {
		image := *s.Image
		s.Image = &image
	}
	if s.Failure != nil {
		failure := *s.Failure
		s.Failure = &failure
	}
	return s
}

// Cancel implements reconciler.Builder. A lookup is over in no time: only what was handed on can be stopped.
func (r *Resolver) Cancel(ctx context.Context, id string) error {
	if r.next == nil {
		return nil
	}
	return r.next.Cancel(ctx, id)
}

// Forget implements reconciler.Builder.
func (r *Resolver) Forget(ctx context.Context, id string) error {
	r.mu.Lock()
	if status, ok := r.ended.Peek(id); ok && status.Failure != nil {
		r.ended.Remove(id)
	}
	r.mu.Unlock()
	if r.next == nil {
		return nil
	}
	return r.next.Forget(ctx, id)
}
