package registry

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Pull returns how an image wants to be run, and its layers, which are fetched when they are read, as long as the context
// lasts. Of an index it is the image for one of the platforms. All of it is compared with the digest.
func (c *Client) Pull(ctx context.Context, repository, digest string) (v1.Config, []v1.Layer, error) {
	ref, _, err := c.parse(repository + "@" + digest)
	if err != nil {
		return v1.Config{}, nil, err
	}
	own := c.isOwn(ref.Context())
	a := c.others
	if own {
		a = c.own
	}
	var config v1.Config
	var layers []v1.Descriptor
	err = c.try(ctx, "reading "+ref.Identifier(), ref.Context(), func(ctx context.Context) error {
		found, err := getImage(ctx, a, ref)
		if err != nil {
			return err
		}
		config, layers, err = c.contents(found)
		return err
	})
	if err != nil {
		return v1.Config{}, nil, err
	}
	fetched, err := c.layers(ctx, own, ref.Context(), layers)
	return config, fetched, err
}

// contents are the config and the layers of what runs here.
func (c *Client) contents(found *remote.Descriptor) (v1.Config, []v1.Descriptor, error) {
	config, err := c.runnable(found)
	if err != nil {
		return v1.Config{}, nil, err
	}
	image, err := c.imageOf(found)
	if err != nil {
		return v1.Config{}, nil, err
	}
	m, err := image.Manifest()
	if err != nil {
		return v1.Config{}, nil, err
	}
	return config, m.Layers, nil
}

// layers are those of an image. Their size is bounded by whoever reads them, and by nothing else.
func (c *Client) layers(ctx context.Context, own bool, in name.Repository, wanted []v1.Descriptor) ([]v1.Layer, error) {
	options := append(c.remoteOptions(own), remote.WithTransport(tolerant{neighbourly{attentive{c.transport, c.options.Clock}, own}}))
	puller, err := remote.NewPuller(options...)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	var layers []v1.Layer
	for _, d := range wanted {
		layer, err := puller.Layer(ctx, in.Digest(d.Digest.String()))
		if err != nil {
			return nil, fmt.Errorf("registry: layer %s of %s: %w", d.Digest, in, err)
		}
		layers = append(layers, layer)
	}
	return layers, nil
}
