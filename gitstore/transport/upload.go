package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// uploadSession brings objects in.
type uploadSession interface {
	session
	// UploadPack sends a request and returns the answer to it.
	UploadPack(ctx context.Context, req *packp.UploadPackRequest) (io.ReadCloser, error)
	// Explain adds to an error what the other side had to say elsewhere.
	Explain(err error) error
}

// Upload is a conversation that brings objects in: what the remote uploads to us.
type Upload struct {
	// Refs of the remote, which the conversation began with.
	Refs    *packp.AdvRefs
	session uploadSession
	stall   time.Duration
	cancel  context.CancelCauseFunc
}

// Upload begins a conversation that lasts as long as ctx. The refs must come within the time of a call.
func (d *Dialer) Upload(ctx context.Context, url string) (*Upload, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := afterTimeout(d.access.CallTimeout, cancel)
	defer timer.Stop()
	session, err := d.upload(ctx, url)
	if err != nil {
		err = contextError(ctx, err)
		cancel(nil)
		return nil, err
	}
	refs, err := listRefs(ctx, session)
	if err != nil {
		err = errors.Join(err, session.Close())
		cancel(nil)
		return nil, err
	}
	return &Upload{Refs: refs, session: session, stall: d.access.StallTimeout, cancel: cancel}, nil
}

func (d *Dialer) upload(ctx context.Context, url string) (uploadSession, error) {
	ep, err := endpointOf(url)
	if err != nil {
		return nil, err
	}
	if isHTTP(ep) {
		return d.httpSessionAt(ctx, url, transport.UploadPackServiceName)
	}
	return d.stream(ctx, ep, transport.UploadPackServiceName)
}

// Once says that objects can be asked for only once. Over HTTP each request stands alone.
func (u *Upload) Once() bool {
	_, stream := u.session.(*streamSession)
	return stream
}

// Close ends the conversation.
func (u *Upload) Close() error {
	err := u.session.Close()
	u.cancel(nil)
	return err
}

// Receive asks for objects, and has take read the pack that comes. It gives up when nothing comes for too long.
func (u *Upload) Receive(ctx context.Context, req *packp.UploadPackRequest, take func(context.Context, io.Reader) error) (err error) {
	if u.Refs.Capabilities.Supports(capability.NoProgress) {
		if err := req.Capabilities.Set(capability.NoProgress); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watchedReader{stall: u.stall, timer: afterTimeout(u.stall, cancel)}
	defer w.timer.Stop()
	res, err := u.session.UploadPack(ctx, req)
	if err != nil {
		return contextError(ctx, err)
	}
	defer func() { err = errors.Join(err, res.Close()) }()
	w.r = res
	content, err := packIn(bufio.NewReaderSize(w, maxLine), req.Capabilities)
	if err != nil {
		return contextError(ctx, u.session.Explain(err))
	}
	return contextError(ctx, take(ctx, content))
}

// watchedReader has a timer running while it waits for something to read.
type watchedReader struct {
	r     io.Reader
	stall time.Duration
	timer *time.Timer
}

func (w *watchedReader) Read(p []byte) (int, error) {
	w.timer.Reset(w.stall)
	defer w.timer.Stop()
	return w.r.Read(p)
}
