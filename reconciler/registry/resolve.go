package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/manifest"
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
		a = c.own
	}
	digest, config, err := c.read(ctx, a, ref)
	if err != nil {
		return manifest.Image{}, err
	}
	return manifest.Image{Repository: nameOf(ref.Context()), Tag: tag, Digest: digest, Port: exposed(config)}, nil
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
	return refused{fmt.Errorf("%q is no image reference; write registry/repository:tag or registry/repository@sha256:...: %w", reference, err)}
}

// isOwn says that a repository is in the platform's own registry, which gets the credentials.
func (c *Client) isOwn(in name.Repository) bool {
	return c.options.Host != nil && c.options.Host() == in.RegistryStr()
}

// configOf reads the config of an image; of an index, that of its first image. What they say about ports and labels is
// the same for every architecture.
func configOf(found *remote.Descriptor) (v1.Config, error) {
	image, err := imageOf(found)
	if err != nil || image == nil {
		return v1.Config{}, err
	}
	m, err := image.Manifest()
	if err != nil {
		return v1.Config{}, err
	}
	if m.Config.Size > maxAnswer {
		return v1.Config{}, errTooLarge
	}
	raw, err := image.RawConfigFile()
	if err != nil {
		return v1.Config{}, err
	}
	var file v1.ConfigFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return v1.Config{}, fmt.Errorf("%w: its config is not what images have", errNoImage)
	}
	return file.Config, nil
}

// imageOf returns the image, or the first one of an index; nil for an index without images.
func imageOf(found *remote.Descriptor) (v1.Image, error) {
	if !found.MediaType.IsIndex() {
		return found.Image()
	}
	index, err := found.ImageIndex()
	if err != nil {
		return nil, err
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range m.Manifests {
		// Attestations are listed as images of an unknown platform.
		if d.MediaType.IsImage() && (d.Platform == nil || d.Platform.OS != "unknown") {
			return index.Image(d.Digest)
		}
	}
	return nil, nil
}

// exposed is the TCP port an image exposes; 0 when there is none, or several.
func exposed(config v1.Config) int {
	var ports []int
	for declared := range config.ExposedPorts {
		number, protocol, _ := strings.Cut(declared, "/")
		port, err := strconv.Atoi(number)
		if err == nil && (protocol == "" || protocol == "tcp") && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	if len(ports) != 1 {
		return 0
	}
	return ports[0]
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
