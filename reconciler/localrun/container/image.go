package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// loading bounds how long it may take to fetch an image and have a tool take it in.
const loading = 15 * time.Minute

// DefaultLimit of an image that a tool takes in, in bytes, when it is unpacked.
const DefaultLimit = 8 << 30

// TooLargeError says that an image is larger than this machine hands to a tool.
type TooLargeError struct{ Limit int64 }

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the image is too large to run here: it is larger than %d MiB when it is unpacked (leave out what it does not need)", e.Limit>>20)
}

// Has says whether an image is there.
func (t Tool) Has(ctx context.Context, image string) bool {
	return t.run(ctx, probing, "image", "inspect", image) == nil
}

// RemoveImage removes the name of an image, and the image with its last one. One that is not there is no error.
func (t Tool) RemoveImage(ctx context.Context, image string) error {
	err := t.run(ctx, removing, "image", "rm", image)
	if err != nil && !t.Has(ctx, image) {
		return nil
	}
	return err
}

// Load is an image for a tool to take in.
type Load struct {
	Image v1.Image
	// As is what the tool shall call it.
	As string
	// Dir is where the file is made that it goes through, and removed.
	Dir string
	// Limit of the image, in bytes, when it is unpacked.
	Limit int64
}

// Load has the tool take in an image. Nothing of it is unpacked before all of it was looked at.
func (t Tool) Load(ctx context.Context, l Load) error {
	ctx, cancel := context.WithTimeout(ctx, loading)
	defer cancel()
	as, err := name.NewTag(l.As)
	if err != nil {
		return fmt.Errorf("naming the image for %s: %w", t.Name, err)
	}
	manifest, err := l.Image.Manifest()
	if err != nil {
		return fmt.Errorf("reading the image: %w", err)
	}
	packed := manifest.Config.Size
	for _, layer := range manifest.Layers {
		if packed += layer.Size; layer.Size < 0 || packed > l.Limit {
			return &TooLargeError{Limit: l.Limit}
		}
	}
	archive := filepath.Join(l.Dir, "image.tar.partial")
	defer os.Remove(archive)
	if err := tarball.WriteToFile(archive, as, l.Image); err != nil {
		return fmt.Errorf("fetching the image: %w", err)
	}
	if err := measure(ctx, archive, l.Limit); err != nil {
		return err
	}
	return t.run(ctx, loading, "load", "--quiet", "--input", archive)
}

// measure reads an image in a file as it is when it is unpacked, up to a limit.
func measure(ctx context.Context, file string, limit int64) error {
	image, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		return fmt.Errorf("looking at the image: %w", err)
	}
	layers, err := image.Layers()
	if err != nil {
		return fmt.Errorf("looking at the layers of the image: %w", err)
	}
	left := &budget{ctx: ctx, left: limit, limit: limit}
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			return fmt.Errorf("looking at a layer of the image: %w", err)
		}
		_, err = io.Copy(left, content)
		if err = errors.Join(err, content.Close()); err != nil {
			return fmt.Errorf("looking at a layer of the image: %w", err)
		}
	}
	return nil
}

// budget is what may be written until an image is too large.
type budget struct {
	ctx         context.Context
	left, limit int64
}

// Write implements io.Writer.
func (b *budget) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, &TooLargeError{Limit: b.limit}
	}
	return len(p), context.Cause(b.ctx)
}
