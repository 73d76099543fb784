package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/reconciler"
)

// Push uploads an image under a tag of a repository of the platform, reads back what the tag points at, and returns its
// digest. A tag that has another digest is left as it is: the error is a *reconciler.TagTakenError.
func (c *Client) Push(ctx context.Context, repository, tag string, image v1.Image) (string, error) {
	ref, err := c.ownTag(repository, tag)
	if err != nil {
		return "", err
	}
	want, err := image.Digest()
	if err != nil {
		return "", fmt.Errorf("reading the image to push: %w", err)
	}
	if there, err := c.holds(ctx, ref, want); err != nil || there {
		return want.String(), err
	}
	// A pusher remembers what it has uploaded, and a registry may have lost that since.
	pusher, err := remote.NewPusher(c.remoteOptions(c.own.login(ref.Context()), true)...)
	if err != nil {
		return "", fmt.Errorf("registry: %w", err)
	}
	// How long a push may take depends on the size of the image: only the caller can say.
	patient := limits{tries: pushTries, wait: maxPushWait}
	err = c.retry(ctx, patient, "pushing "+tag, ref.Context(), func(ctx context.Context) error {
		return upload(ctx, pusher, ref.Context(), image)
	})
	if err != nil {
		return "", err
	}
	if there, err := c.holds(ctx, ref, want); err != nil || there { // an upload takes long enough for others to be faster
		return want.String(), err
	}
	err = c.retry(ctx, patient, "pushing "+tag, ref.Context(), func(ctx context.Context) error {
		return pusher.Push(ctx, ref, image)
	})
	return want.String(), c.written(ctx, ref, want, err)
}

// uploads is how many layers of an image are uploaded at once.
const uploads = 4

// upload brings the layers of an image to a registry.
func upload(ctx context.Context, pusher *remote.Pusher, to name.Repository, image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return fmt.Errorf("reading the image to push: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(uploads)
	for _, layer := range layers {
		group.Go(func() error { return pusher.Upload(ctx, to, layer) })
	}
	return group.Wait()
}

// Tag implements reconciler.Registry for repositories of the platform.
func (c *Client) Tag(ctx context.Context, repository, digest, tag string) error {
	ref, err := c.ownTag(repository, tag)
	if err != nil {
		return err
	}
	want, err := v1.NewHash(digest)
	if err != nil {
		return refused{fmt.Errorf("tagging %s: %w", repository, err)}
	}
	found, err := c.get(ctx, c.own.access(ref.Context()), ref.Context().Digest(digest))
	if err != nil {
		return err
	}
	if there, err := c.holds(ctx, ref, want); err != nil || there {
		return err
	}
	err = c.try(ctx, "tagging "+digest+" as "+tag, ref.Context(), func(ctx context.Context) error {
		return c.own.access(ref.Context()).pusher.Put(ctx, ref, found)
	})
	return c.written(ctx, ref, want, err)
}

// holds says that a tag has the digest that it is to have. When it has another one it is somebody else's, which is an error.
// Where nobody may look, whoever writes is told.
func (c *Client) holds(ctx context.Context, ref name.Tag, want v1.Hash) (bool, error) {
	now, err := c.tagged(ctx, ref)
	var answer *Error
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.As(err, &answer) && !answer.Temporary() && answer.Status != 0:
		return false, nil
	case err != nil:
		return false, err
	case now != want:
		return false, taken(ref, now, want)
	}
	return true, nil
}

// written says how writing a tag came out. A registry with immutable tags refuses also what is there already; and whether
// others were faster is known only afterwards.
func (c *Client) written(ctx context.Context, ref name.Tag, want v1.Hash, err error) error {
	if err != nil && ctx.Err() != nil {
		return err
	}
	now, unread := c.tagged(ctx, ref)
	switch {
	case err != nil && unread != nil:
		return err
	case unread != nil:
		return unread
	case err != nil && now != want:
		return taken(ref, now, want)
	case now != want:
		return differs(ref, want, now)
	}
	return nil
}

// tagged is the digest that a tag has, whatever it is of.
func (c *Client) tagged(ctx context.Context, ref name.Tag) (digest v1.Hash, err error) {
	err = c.try(ctx, "reading "+ref.Identifier(), ref.Context(), func(ctx context.Context) error {
		found, err := c.own.access(ref.Context()).puller.Get(ctx, ref)
		if err == nil {
			digest = found.Digest
		}
		return err
	})
	return digest, err
}

func taken(ref name.Tag, now, want v1.Hash) error {
	return &reconciler.TagTakenError{Repository: nameOf(ref.Context()), Tag: ref.TagStr(), Digest: now.String(), Wanted: want.String()}
}

// Has implements reconciler.Registry. It asks once: whoever asks decides how long an answer is waited for.
func (c *Client) Has(ctx context.Context, repository, digest string) (bool, error) {
	ref, a, err := c.byDigest(repository, digest)
	if err != nil {
		return false, err
	}
	gone := false
	once := limits{tries: 1, timeout: c.options.Timeout}
	err = c.retry(ctx, once, "looking for "+digest, ref.Context(), func(ctx context.Context) error {
		gone, err = isGone(ctx, a, ref)
		return err
	})
	return err == nil && !gone, err
}

// isGone says that a registry does not have a manifest. Some answer HEAD with what GET then gives, so only GET proves it.
func isGone(ctx context.Context, a access, ref name.Digest) (bool, error) {
	if _, err := a.puller.Head(ctx, ref); err == nil {
		return false, nil
	}
	_, err := a.puller.Get(ctx, ref)
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && answer.Request != nil &&
		strings.Contains(answer.Request.URL.Path, "/manifests/") { // and not all of the registry
		return true, nil
	}
	return false, err
}

// byDigest is a manifest in any registry, and how to ask for it.
func (c *Client) byDigest(repository, digest string) (name.Digest, access, error) {
	ref, err := name.NewDigest(repository+"@"+digest, c.nameOptions(false)...)
	if err == nil && c.isOwn(ref.Context()) {
		ref, err = name.NewDigest(repository+"@"+digest, c.nameOptions(true)...)
		return ref, c.own.access(ref.Context()), err
	}
	if err != nil {
		return ref, c.others, noReference(repository+"@"+digest, err)
	}
	return ref, c.others, nil
}

// differs says that a tag holds another manifest than was written.
func differs(ref name.Reference, want, got v1.Hash) *Error {
	return &Error{
		Registry: hostOf(ref.Context()), Repository: nameOf(ref.Context()), Doing: "checking " + ref.Identifier(),
		What: fmt.Sprintf("it has digest %s, but %s was written", got, want),
		Fix:  "somebody else writes this tag, or the registry alters what it stores; look there",
	}
}
