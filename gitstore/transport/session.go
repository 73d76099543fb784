package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// Dialer opens sessions with remotes. It is safe for use by several goroutines.
type Dialer struct {
	access Access
	http   *http.Client
	quiet  *quietHosts
	// redirected says that a server has redirected us: each session finds out anew where to.
	redirected atomic.Bool
	// lines are readers of lists of refs, with room for the longest line: looks at many sources would make one each.
	lines sync.Pool
}

// New returns a Dialer. It makes no network call.
func New(a Access) *Dialer {
	a = a.WithDefaults()
	d := &Dialer{access: a, http: newHTTPClient(), quiet: &quietHosts{clock: a.Clock}}
	d.http.CheckRedirect = d.checkRedirect
	d.lines.New = func() any { return bufio.NewReaderSize(nil, maxLine) }
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
	return &http.Client{Transport: t}
}

// maxErrorBody bounds what is read of an answer that is an error.
const maxErrorBody = 4 << 10

// listRefs returns what a remote has; nothing for an empty repository.
func listRefs(ctx context.Context, s session) (*packp.AdvRefs, error) {
	refs, err := s.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return packp.NewAdvRefs(), nil
	}
	if err != nil {
		return nil, denied(contextError(ctx, err))
	}
	return refs, nil
}

// contextError says that time ran out when that is why a call failed. That the conversation broke off then is no news.
func contextError(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(err, cause) {
		return err
	}
	for _, broke := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, os.ErrClosed, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, broke) {
			return &brokenOff{cause: cause, err: err}
		}
	}
	return fmt.Errorf("%w (%w)", cause, err)
}

// brokenOff is a conversation that we ended, and how it broke then, which its words leave out.
type brokenOff struct{ cause, err error }

func (b *brokenOff) Error() string { return b.cause.Error() }

func (b *brokenOff) Unwrap() []error { return []error{b.cause, b.err} }

// SilenceError says that the other side gave no answer in time. It is a context.DeadlineExceeded.
type SilenceError struct {
	// Limit is how long it was waited for.
	Limit time.Duration
}

func (e *SilenceError) Error() string { return fmt.Sprintf("no answer in %s", e.Limit) }

func (*SilenceError) Unwrap() error { return context.DeadlineExceeded }

// afterTimeout ends a context when a call takes too long.
func afterTimeout(d time.Duration, cancel context.CancelCauseFunc) *time.Timer {
	return time.AfterFunc(d, func() { cancel(&SilenceError{d}) })
}
