package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/reconciler"
)

// Defaults and limits.
const (
	defaultTimeout    = 15 * time.Second
	defaultRetryDelay = time.Second
	// How often what may go away by itself is tried. An image took long to build, so that pushing it waits out a restart
	// of the registry.
	tries     = 3
	pushTries = 5
	// maxAnswer bounds what is read of one answer, in bytes. Layers are never downloaded, and no sane manifest or image
	// config is a tenth of this.
	maxAnswer = 4 << 20
)

// Password is a secret that does not show when it is printed.
type Password string

// String hides the password.
func (Password) String() string { return "***" }

// GoString hides the password.
func (Password) GoString() string { return "***" }

// MarshalText hides the password.
func (Password) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Options of a Client. The zero value reads and writes without credentials.
type Options struct {
	// Username and Password for the platform's own registry; none when both are empty. They are never sent elsewhere.
	Username string
	Password Password
	// Host returns the host[:port] of the platform's own registry, for images of it that people name. Without it
	// Resolve asks every registry without credentials.
	Host func() string
	// Insecure allows plain HTTP to the platform's own registry. Loopback addresses are always allowed it.
	Insecure bool
	// Timeout of reading or tagging, each try for itself; 15 s when 0. A push ends with its context only.
	Timeout time.Duration
	// RetryDelay before the second try of what failed for the moment, tripled before each further one; 1 s when 0. A push
	// is tried five times, all else three times.
	RetryDelay time.Duration
}

// Client reads and writes images. It is safe for use by several goroutines.
type Client struct {
	options   Options
	transport *http.Transport
	own       access
	others    access
}

// access is a way to ask registries: with the platform's credentials, or without. It remembers tokens.
type access struct {
	puller *remote.Puller
	pusher *remote.Pusher
}

var _ reconciler.Registry = (*Client)(nil)

// New returns a client. Close it at the end.
func New(o Options) (*Client, error) {
	if (o.Username == "") != (o.Password == "") {
		return nil, errors.New("registry: a username needs a password and the other way round; set both registry.usernameFile and registry.passwordFile, or neither")
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = defaultRetryDelay
	}
	standard, ok := remote.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("registry: the default transport is a %T", remote.DefaultTransport)
	}
	c := &Client{options: o, transport: standard.Clone()}
	var err error
	if c.own, err = c.access(c.auth()); err != nil {
		return nil, err
	}
	c.others, err = c.access(authn.Anonymous)
	return c, err
}

// auth is how the platform logs in to its own registry.
func (c *Client) auth() authn.Authenticator {
	if c.options.Username == "" {
		return authn.Anonymous
	}
	return &authn.Basic{Username: c.options.Username, Password: string(c.options.Password)}
}

// access prepares one way to ask. Retries are ours: those of the library do not end with the context.
func (c *Client) access(auth authn.Authenticator) (access, error) {
	options := []remote.Option{
		remote.WithAuth(auth),
		remote.WithTransport(bounded{c.transport}),
		remote.WithUserAgent("plateform"),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
	}
	puller, err := remote.NewPuller(options...)
	if err != nil {
		return access{}, fmt.Errorf("registry: %w", err)
	}
	pusher, err := remote.NewPusher(options...)
	if err != nil {
		return access{}, fmt.Errorf("registry: %w", err)
	}
	return access{puller: puller, pusher: pusher}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Digest returns the digest of the manifest that a tag of a repository of the platform points at. An error is
// fs.ErrNotExist when there is none.
func (c *Client) Digest(ctx context.Context, repository, tag string) (string, error) {
	ref, err := c.ownTag(repository, tag)
	if err != nil {
		return "", err
	}
	found, err := c.get(ctx, c.own, ref)
	if err != nil {
		return "", err
	}
	return found.Digest.String(), nil
}

// Lookup returns the digest and the labels of the image that a tag of a repository of the platform points at. An error
// is fs.ErrNotExist when there is none.
func (c *Client) Lookup(ctx context.Context, repository, tag string) (digest string, labels map[string]string, err error) {
	ref, err := c.ownTag(repository, tag)
	if err != nil {
		return "", nil, err
	}
	digest, config, err := c.read(ctx, c.own, ref)
	return digest, config.Labels, err
}

// Push uploads an image under a tag of a repository of the platform, reads back what the tag points at, and returns its
// digest.
func (c *Client) Push(ctx context.Context, repository, tag string, image v1.Image) (string, error) {
	ref, err := c.ownTag(repository, tag)
	if err != nil {
		return "", err
	}
	want, err := image.Digest()
	if err != nil {
		return "", fmt.Errorf("reading the image to push: %w", err)
	}
	// How long a push may take depends on the size of the image: only the caller can say.
	err = c.retry(ctx, limits{tries: pushTries}, "pushing "+tag, ref.Context(), func(ctx context.Context) error {
		return c.own.pusher.Push(ctx, ref, image)
	})
	if err != nil {
		return "", err
	}
	found, err := c.get(ctx, c.own, ref)
	if err != nil {
		return "", err
	}
	if found.Digest != want {
		return "", differs(ref, want, found.Digest)
	}
	return want.String(), nil
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
	found, err := c.get(ctx, c.own, ref.Context().Digest(digest))
	if err != nil {
		return err
	}
	err = c.try(ctx, "tagging "+digest+" as "+tag, ref.Context(), func(ctx context.Context) error {
		return c.own.pusher.Put(ctx, ref, found)
	})
	if err != nil {
		return err
	}
	now, err := c.get(ctx, c.own, ref)
	if err != nil {
		return err
	}
	if now.Digest != want {
		return differs(ref, want, now.Digest)
	}
	return nil
}

// get reads a manifest. Its digest is computed from its content, whatever the registry says it is.
func (c *Client) get(ctx context.Context, a access, ref name.Reference) (found *remote.Descriptor, err error) {
	err = c.try(ctx, "reading "+ref.Identifier(), ref.Context(), func(ctx context.Context) error {
		found, err = getImage(ctx, a, ref)
		return err
	})
	return found, err
}

// read reads a manifest and the config of its image; of an index, that of its first image.
func (c *Client) read(ctx context.Context, a access, ref name.Reference) (digest string, config v1.Config, err error) {
	err = c.try(ctx, "reading "+ref.Identifier(), ref.Context(), func(ctx context.Context) error {
		found, err := getImage(ctx, a, ref)
		if err != nil {
			return err
		}
		digest = found.Digest.String()
		config, err = configOf(found)
		return err
	})
	return digest, config, err
}

// getImage reads a manifest and refuses what is none of an image. What is read of it later needs the same context.
func getImage(ctx context.Context, a access, ref name.Reference) (*remote.Descriptor, error) {
	found, err := a.puller.Get(ctx, ref)
	if err == nil && !found.MediaType.IsImage() && !found.MediaType.IsIndex() {
		return nil, fmt.Errorf("%w: %s", errNoImage, oneLine(string(found.MediaType)))
	}
	return found, err
}

// try does something short, up to three times.
func (c *Client) try(ctx context.Context, doing string, in name.Repository, f func(context.Context) error) error {
	return c.retry(ctx, limits{tries, c.options.Timeout}, doing, in, f)
}

// limits say how often something is tried, and how long one try may take, 0 for as long as the context allows.
type limits struct {
	tries   uint
	timeout time.Duration
}

// retry does something within limits, as long as what goes wrong may go away by itself. The error names the registry, the
// repository and what to do.
func (c *Client) retry(ctx context.Context, within limits, doing string, in name.Repository, f func(context.Context) error) error {
	attempt := func() (struct{}, error) {
		trying, cancel := ctx, context.CancelFunc(func() {})
		if within.timeout > 0 {
			trying, cancel = context.WithTimeout(ctx, within.timeout)
		}
		defer cancel()
		err := f(trying)
		if err == nil {
			return struct{}{}, nil
		}
		if ctx.Err() != nil {
			return struct{}{}, backoff.Permanent(context.Cause(ctx))
		}
		explained := explain(err, doing, in)
		if !explained.Temporary() {
			return struct{}{}, backoff.Permanent(explained)
		}
		return struct{}{}, explained
	}
	pause := &backoff.ExponentialBackOff{
		InitialInterval: c.options.RetryDelay, Multiplier: 3, RandomizationFactor: 0.1, MaxInterval: time.Minute,
	}
	_, err := backoff.Retry(ctx, attempt, backoff.WithBackOff(pause), backoff.WithMaxTries(within.tries), backoff.WithMaxElapsedTime(0))
	// The last try returns its error as it is, wrapped or not.
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Unwrap()
	}
	return err
}

// ownTag is a tag of a repository of the platform.
func (c *Client) ownTag(repository, tag string) (name.Tag, error) {
	ref, err := name.NewTag(repository+":"+tag, c.nameOptions(true)...)
	if err != nil {
		return name.Tag{}, refused{fmt.Errorf("%s:%s is no image name: %w", repository, tag, err)}
	}
	return ref, nil
}

func (c *Client) nameOptions(own bool) []name.Option {
	options := []name.Option{name.WithDefaultTag("")}
	if own && c.options.Insecure {
		options = append(options, name.Insecure)
	}
	return options
}
