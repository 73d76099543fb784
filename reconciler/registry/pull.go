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
	return c.pull(ctx, c.isOwn(ref.Context()), ref)
}

// Copy brings an image of a repository of the platform into another one of the same registry, under a tag: layers are mounted where
// the registry does that, and else sent through here. The image keeps its digest. A tag that has another one is left as it is: the
// error is a *reconciler.TagTakenError.
func (c *Client) Copy(ctx context.Context, from, digest, to, tag string) error {
	if from == to {
		return c.Tag(ctx, to, digest, tag)
	}
	ref, err := name.NewDigest(from+"@"+digest, c.nameOptions(true)...)
	if err != nil {
		return noReference(from+"@"+digest, err)
	}
	image, err := c.pull(ctx, true, ref)
	if err != nil {
		return err
	}
	pushed, err := c.Push(ctx, to, tag, image)
	if err == nil && pushed != digest { // an index, of which only one image came along
		return refused{fmt.Errorf("copying %s to %s: it came to %s there", from+"@"+digest, to, pushed)}
	}
	return err
}

// pull is Pull, from the platform's own registry or another one.
func (c *Client) pull(ctx context.Context, own bool, ref name.Reference) (v1.Image, error) {
	a := c.others
	if own {
		a = c.own.access(ref.Context())
	}
	pulled := &fetched{}
	err := c.try(ctx, "reading "+ref.Identifier(), ref.Context(), func(ctx context.Context) error {
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
	pulled.layers, err = layersOf(ctx, c, own, pulled, ref.Context())
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

// layersOf are those of an image. Their size is bounded by whoever reads them, and by nothing else.
func layersOf(ctx context.Context, c *Client, own bool, image v1.Image, in name.Repository) ([]v1.Layer, error) {
	m, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	login := Login{}
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
