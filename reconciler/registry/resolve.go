package registry

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// dockerHub is what people call the registry that the library knows by its address.
const dockerHub = "docker.io"

// Resolve implements reconciler.Registry. It finds the image that people mean by a reference: `nginx`, `ghcr.io/acme/shop:1.2`, `acme/shop@sha256:...`. A
// digest is kept, once it is known to exist; else the tag, or `latest`, is looked up now. The port is the one the image
// exposes, when it exposes just one. Name is left empty.
func (c *Client) Resolve(ctx context.Context, reference string) (manifest.Image, error) {
	ref, tag, err := c.parse(reference)
	if err != nil {
		return manifest.Image{}, err
	}
	a := c.others
	if c.isOwn(ref.Context()) {
		a = c.own.access(ref.Context())
	}
	image := manifest.Image{Repository: nameOf(ref.Context()), Tag: tag}
	err = c.try(ctx, "reading "+ref.Identifier(), ref.Context(), func(ctx context.Context) error {
		found, err := getImage(ctx, a, ref)
		if err != nil {
			return err
		}
		config, err := c.runnable(found)
		image.Digest, image.Port = found.Digest.String(), reconciler.ExposedPort(config.ExposedPorts)
		return err
	})
	if err != nil {
		return manifest.Image{}, err
	}
	return image, nil
}

// parse splits a reference. The tag is the one that was authored, beside a digest too; latest without either.
func (c *Client) parse(reference string) (ref name.Reference, tag string, err error) {
	options := c.nameOptions(false)
	base, _, byDigest := strings.Cut(reference, "@")
	named, err := name.NewTag(base, append(options, name.WithDefaultTag(""))...)
	if err != nil {
		return nil, "", noReference(reference, err)
	}
	tag = named.TagStr()
	if c.isOwn(named.Context()) {
		options = c.nameOptions(true)
	}
	if byDigest {
		ref, err = name.NewDigest(reference, options...)
	} else {
		if tag == "" {
			tag = "latest"
		}
		ref, err = name.NewTag(named.Context().Name()+":"+tag, options...)
	}
	if err != nil {
		return nil, "", noReference(reference, err)
	}
	return ref, tag, nil
}

func noReference(reference string, err error) error {
	repository, _, _ := strings.Cut(reference, "@")
	if i := strings.LastIndex(repository, ":"); i > strings.LastIndex(repository, "/") {
		repository = repository[:i]
	}
	if lower := strings.ToLower(repository); lower != repository {
		return refused{fmt.Errorf("%q is no image reference, as names of repositories are lower case: write %s: %w", reference, lower, err)}
	}
	return refused{fmt.Errorf("%q is no image reference; write registry/repository:tag or registry/repository@sha256:...: %w", reference, err)}
}

// isOwn says that a repository is in the platform's own registry, which gets the credentials.
func (c *Client) isOwn(in name.Repository) bool {
	return c.options.Host != nil && isAt(in, c.options.Host())
}

// isAt says that a repository is at a host[:port], however people write that.
func isAt(in name.Repository, host string) bool {
	registry, err := name.NewRegistry(host)
	return host != "" && err == nil && strings.EqualFold(registry.RegistryStr(), in.RegistryStr())
}

// hostOf is the host[:port] of a repository as people write it.
func hostOf(in name.Repository) string {
	if in.RegistryStr() == name.DefaultRegistry {
		return dockerHub
	}
	return in.RegistryStr()
}

// nameOf is the full name of a repository as people write it.
func nameOf(in name.Repository) string { return hostOf(in) + "/" + in.RepositoryStr() }
