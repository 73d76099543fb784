package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/reconciler"
)

// defaultPlatform is what the nodes of a cluster are when nobody says otherwise.
const defaultPlatform = "linux/amd64"

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
	// Workspaces are credentials for the repositories of single workspaces, by their names, in place of those. They are sent for no
	// other repository: those of a workspace are below Root()/NAME/.
	Workspaces map[string]Login
	// Root returns registry.url of platform.yaml, host[:port][/path]; without it nobody has credentials of their own.
	Root func() string
	// Host returns the host[:port] of the platform's own registry, for images of it that people name. Without it
	// Resolve asks every registry without credentials.
	Host func() string
	// Insecure allows plain HTTP to the platform's own registry. Loopback addresses are always allowed it.
	Insecure bool
	// Platforms of the cluster's nodes, as os/architecture or os/architecture/variant: an image has to be for one of them.
	// linux/amd64 when empty.
	Platforms []string
	// Clock tells the time; time.Now when nil.
	Clock func() time.Time
	// Timeout of reading or tagging, each try for itself; 15 s when 0. A push ends with its context only.
	Timeout time.Duration
	// RetryDelay before the second try of what failed for the moment, tripled before each further one; 1 s when 0. A push
	// is tried five times, all else three times.
	RetryDelay time.Duration
	// Transport is what all requests go through on their way out, the last of all; none when nil.
	Transport func(http.RoundTripper) http.RoundTripper
}

// Client reads and writes images. It is safe for use by several goroutines.
type Client struct {
	options   Options
	transport *http.Transport
	hosts     *quietHosts
	own       ownRegistry
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
	if err := o.checkLogins(); err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = defaultRetryDelay
	}
	if len(o.Platforms) == 0 {
		o.Platforms = []string{defaultPlatform}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	standard, ok := remote.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("registry: the default transport is a %T", remote.DefaultTransport)
	}
	c := &Client{options: o, transport: standard.Clone(), hosts: &quietHosts{}, own: ownRegistry{options: o, workspaces: map[string]access{}}}
	var err error
	if c.own.platform, err = c.access(Login{o.Username, o.Password}, true); err != nil {
		return nil, err
	}
	for workspace, login := range o.Workspaces {
		if c.own.workspaces[workspace], err = c.access(login, true); err != nil {
			return nil, err
		}
	}
	c.others, err = c.access(Login{}, false)
	return c, err
}

// remoteOptions are how the library is used. Retries are ours: those of the library do not end with the context.
func (c *Client) remoteOptions(login Login, own bool) []remote.Option {
	return []remote.Option{
		remote.WithAuth(login.authenticator()),
		remote.WithTransport(c.wire(own)),
		remote.WithUserAgent("plateform"),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
	}
}

// access prepares one way to ask.
func (c *Client) access(login Login, own bool) (access, error) {
	options := c.remoteOptions(login, own)
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

// wire is how all requests go out. own says that they are for the platform's own registry.
func (c *Client) wire(own bool) http.RoundTripper {
	var out http.RoundTripper = c.transport
	if c.options.Transport != nil {
		out = c.options.Transport(out)
	}
	return tolerant{neighbourly{attentive{pages{bounded{out}}, c.options.Clock, c.hosts}, own}}
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
	found, err := c.get(ctx, c.own.access(ref.Context()), ref)
	if err != nil {
		return "", err
	}
	return found.Digest.String(), nil
}

// Lookup returns the digest and the labels of the image that a tag of a repository of the platform points at, or that a
// digest names. An error is fs.ErrNotExist when there is none. What is no image has no labels.
func (c *Client) Lookup(ctx context.Context, repository, tag string) (digest string, labels map[string]string, err error) {
	var ref name.Reference
	if strings.HasPrefix(tag, "sha256:") {
		ref, err = name.NewDigest(repository+"@"+tag, c.nameOptions(true)...)
	} else {
		ref, err = c.ownTag(repository, tag)
	}
	if err != nil {
		return "", nil, err
	}
	err = c.try(ctx, "reading "+tag, ref.Context(), func(ctx context.Context) error {
		found, err := c.own.access(ref.Context()).puller.Get(ctx, ref)
		if err != nil {
			return err
		}
		digest = found.Digest.String()
		if !found.MediaType.IsImage() { // nothing that a build makes
			return nil
		}
		image, err := found.Image()
		if err != nil {
			return err
		}
		file, err := configOf(image)
		if errors.Is(err, errNoImage) {
			return nil
		}
		labels = file.Config.Labels
		return err
	})
	if err != nil {
		return "", nil, err
	}
	return digest, labels, nil
}

// get reads a manifest. Its digest is computed from its content, whatever the registry says it is.
func (c *Client) get(ctx context.Context, a access, ref name.Reference) (found *remote.Descriptor, err error) {
	err = c.try(ctx, "reading "+ref.Identifier(), ref.Context(), func(ctx context.Context) error {
		found, err = getImage(ctx, a, ref)
		return err
	})
	return found, err
}

// getImage reads a manifest and refuses what is none of an image. What is read of it later needs the same context.
func getImage(ctx context.Context, a access, ref name.Reference) (*remote.Descriptor, error) {
	found, err := a.puller.Get(ctx, ref)
	if err == nil && !found.MediaType.IsImage() && !found.MediaType.IsIndex() {
		return nil, fmt.Errorf("%w but %s", errNoImage, kindOf(string(found.MediaType)))
	}
	return found, err
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
