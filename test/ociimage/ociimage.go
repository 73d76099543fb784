// Package ociimage pushes images of one layer to a registry, for tests that run what they have built.
package ociimage

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Program is a layer with one program, /app.
func Program(content []byte) (tarball.Opener, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	header := w.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: int64(len(content))})
	_, err := w.Write(content)
	if err := errors.Join(header, err, w.Close()); err != nil {
		return nil, err
	}
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil }, nil
}

// Push pushes an image of a layer for this kind of machine, by plain HTTP, and returns its digest.
func Push(ctx context.Context, reference string, layer tarball.Opener, config v1.Config) (digest string, err error) {
	tag, err := name.NewTag(reference, name.Insecure)
	if err != nil {
		return "", err
	}
	only, err := tarball.LayerFromOpener(layer)
	if err != nil {
		return "", err
	}
	image, err := mutate.AppendLayers(empty.Image, only)
	if err != nil {
		return "", err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return "", err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", runtime.GOARCH, config
	if image, err = mutate.ConfigFile(image, file); err != nil {
		return "", err
	}
	if err := remote.Write(tag, image, remote.WithContext(ctx)); err != nil {
		return "", fmt.Errorf("pushing %s: %w", reference, err)
	}
	made, err := image.Digest()
	return made.String(), err
}
