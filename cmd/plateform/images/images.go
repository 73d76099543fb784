// Package images looks whether the images of an installation are there, and takes those of the registry inside serve to another one.
package images

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler/registry"
)

// Copy copies all tags to a registry, host[:port][/path], with the credentials of the settings, and tells of each. serve runs.
func Copy(ctx context.Context, out io.Writer, s *installation.Settings, to string) error {
	if !s.Registry.Embedded() {
		return exit.Usage("registry.kind in serve.yaml is %s: there is no registry inside serve to copy from", s.Registry.Kind)
	}
	if _, err := name.NewRepository(to + "/x"); err != nil {
		return exit.Usage("%s is no registry (write host[:port][/path]): %w", to, err)
	}
	options, err := s.Registry.Options()
	if err != nil {
		return err
	}
	options.Root = func() string { return to }
	client, err := registry.New(options)
	if err != nil {
		return err
	}
	defer client.Close()
	from, err := name.NewRegistry(s.Registry.Listen)
	if err != nil {
		return exit.Usage("registry.listen: %w", err)
	}
	c := &imageCopy{out: out, from: from, to: to, client: client}
	if err := c.all(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "Copied %s to %s, or found there.\n", terminal.Count(c.copied, "tag"), to)
	if c.failed > 0 {
		return exit.Finding("%s could not be copied", terminal.Count(c.failed, "tag"))
	}
	fmt.Fprintf(out, "\nNext: set registry.url in platform.yaml to %s. Releases that are there go on naming %s:\ndocs/registry.md says how to go on.\n", to, s.Registry.Listen)
	return nil
}

// imageCopy takes images from one registry to another.
type imageCopy struct {
	out            io.Writer
	from           name.Registry
	to             string
	client         *registry.Client
	copied, failed int
}

// all copies every tag of every repository.
func (c *imageCopy) all(ctx context.Context) error {
	names, err := remote.Catalog(ctx, c.from)
	if err != nil {
		return fmt.Errorf("asking the registry inside serve at %s for its images (is plateform serve running?): %w", c.from, err)
	}
	for _, repository := range names {
		tags, err := remote.List(c.from.Repo(repository), remote.WithContext(ctx))
		if err != nil {
			return fmt.Errorf("listing the tags of %s: %w", repository, err)
		}
		for _, tag := range tags {
			digest, err := c.one(ctx, repository, tag)
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil:
				c.failed++
				fmt.Fprintf(c.out, "%s:%s  %v\n", repository, tag, err)
			default:
				c.copied++
				fmt.Fprintf(c.out, "%s:%s  %s\n", repository, tag, digest)
			}
		}
	}
	return nil
}

// one copies what a tag points at, and returns its digest.
func (c *imageCopy) one(ctx context.Context, repository, tag string) (string, error) {
	found, err := remote.Get(c.from.Repo(repository).Tag(tag), remote.WithContext(ctx))
	if err != nil {
		return "", err
	}
	if !found.MediaType.IsImage() {
		return "", errors.New("it is an index of several images, which this command does not copy (use crane or skopeo)")
	}
	image, err := found.Image()
	if err != nil {
		return "", err
	}
	return c.client.Push(ctx, c.to+"/"+repository, tag, image)
}
