package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// Dialer opens sessions with remotes. It is safe for use by several goroutines.
type Dialer struct {
	access Access
	http   *http.Client
	// redirected says that a server has redirected us: go-git finds out anew in each session where to.
	redirected atomic.Bool
}

// New returns a Dialer. It makes no network call.
func New(a Access) *Dialer {
	d := &Dialer{access: a.WithDefaults(), http: newHTTPClient()}
	d.http.CheckRedirect = func(*http.Request, []*http.Request) error {
		d.redirected.Store(true)
		return nil
	}
	return d
}

// Close drops idle connections.
func (d *Dialer) Close() { d.http.CloseIdleConnections() }

// session is one conversation with a remote. Every call ends when its context does, also when the other side hangs.
type session interface {
	AdvertisedReferencesContext(ctx context.Context) (*packp.AdvRefs, error)
	Close() error
}

// stream begins a conversation over a pair of pipes: with a program here, or over SSH.
func (d *Dialer) stream(ctx context.Context, ep *transport.Endpoint, service string) (*streamSession, error) {
	var (
		p   *pipes
		err error
	)
	if ep.Protocol == schemeSSH {
		p, err = dialSSH(ctx, d.access.SSH, ep, service)
	} else {
		p, err = startProgram(ctx, ep.Path, service)
	}
	if err != nil {
		return nil, err
	}
	return newStreamSession(p, service), nil
}

// endpoint takes a URL apart and asks for what to log in with.
func (d *Dialer) endpoint(ctx context.Context, raw string) (*transport.Endpoint, transport.AuthMethod, error) {
	ep, err := endpointOf(raw)
	if err != nil {
		return nil, nil, err
	}
	if !isHTTP(ep) || d.access.Credentials == nil {
		return ep, nil, nil
	}
	c, err := d.access.Credentials(ctx, raw)
	if err != nil {
		return nil, nil, fmt.Errorf("credentials for %s: %w", Redact(raw), err)
	}
	if c == (Credential{}) {
		return ep, nil, nil
	}
	return ep, &githttp.BasicAuth{Username: c.Username, Password: c.Password}, nil
}

func isHTTP(ep *transport.Endpoint) bool {
	return ep.Protocol == schemeHTTP || ep.Protocol == schemeHTTPS
}

// newHTTPClient returns a client of its own, so that closing a Store leaves no connection behind. Calls are bounded by
// their contexts.
func newHTTPClient() *http.Client {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 15 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     90 * time.Second,
	}
	return &http.Client{Transport: errorLimiter{t}}
}

// errorLimiter bounds the bodies of error answers: go-git reads them whole for its message.
type errorLimiter struct{ next *http.Transport }

const maxErrorBody = 4 << 10

func (l errorLimiter) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.next.RoundTrip(r)
	if err != nil || res.StatusCode < http.StatusBadRequest {
		return res, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
	if cerr := res.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(bytes.TrimSpace(body)))
	return res, nil
}

// CloseIdleConnections is what http.Client looks for.
func (l errorLimiter) CloseIdleConnections() { l.next.CloseIdleConnections() }

// listRefs returns what a remote has; nothing for an empty repository.
func listRefs(ctx context.Context, s session) (*packp.AdvRefs, error) {
	refs, err := s.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return packp.NewAdvRefs(), nil
	}
	if err != nil {
		return nil, contextError(ctx, err)
	}
	if formats := refs.Capabilities.Get("object-format"); len(formats) > 0 && formats[0] != "sha1" {
		return nil, fmt.Errorf("the repository names its objects by %s; only sha1 works", formats[0])
	}
	return refs, nil
}

// contextError says that time ran out when that is why a call failed.
func contextError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}

// afterTimeout ends a context when a call takes too long.
func afterTimeout(d time.Duration, cancel context.CancelCauseFunc) *time.Timer {
	return time.AfterFunc(d, func() { cancel(fmt.Errorf("no answer in %s: %w", d, context.DeadlineExceeded)) })
}
