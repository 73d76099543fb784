package registry

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Pull returns an image by its digest; of an index that for one of the platforms. Its layers are fetched when they are read,
// as long as the context lasts, however large they are. All of it is compared with the digest.
func (c *Client) Pull(ctx context.Context, repository, digest string) (v1.Image, error) {
	ref, _, err := c.parse(repository + "@" + digest)
	if err != nil {
		return nil, err
	}
	a := c.others
	if c.isOwn(ref.Context()) {
		a = c.own.access(ref.Context())
	}
	pulled := &fetched{}
	err = c.try(ctx, "reading "+ref.Identifier(), ref.Context(), func(ctx context.Context) error {
		found, err := getImage(ctx, a, ref)
		if err != nil {
			return err
		}
		if _, err := c.runnable(found); err != nil {
			return err
		}
		pulled.Image, err = c.imageOf(found)
		if err == nil {
			_, err = configOf(pulled.Image) // is kept, and has to be read while this context lasts
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	pulled.layers, err = c.layers(ctx, ref.Context(), pulled)
	if err != nil {
		return nil, err
	}
	return pulled, nil
}

// fetched is an image whose layers are not bounded as its manifest is.
type fetched struct {
	v1.Image
	layers []v1.Layer
}

// Layers implements v1.Image.
func (f *fetched) Layers() ([]v1.Layer, error) { return f.layers, nil }

// layers are those of an image. Their size is bounded by whoever reads them, and by nothing else.
func (c *Client) layers(ctx context.Context, in name.Repository, image v1.Image) ([]v1.Layer, error) {
	m, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	login, own := Login{}, c.isOwn(in)
	if own {
		login = c.own.login(in)
	}
	options := append(c.remoteOptions(login, own), remote.WithTransport(tolerant{neighbourly{attentive{c.transport, c.options.Clock, c.hosts}, own}}))
	puller, err := remote.NewPuller(options...)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	var layers []v1.Layer
	for _, d := range m.Layers {
		layer, err := puller.Layer(ctx, in.Digest(d.Digest.String()))
		if err != nil {
			return nil, fmt.Errorf("registry: layer %s of %s: %w", d.Digest, in, err)
		}
		layers = append(layers, layer)
	}
	return layers, nil
}
