package transport

import (
	"context"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// receiveSession sends objects out.
type receiveSession interface {
	session
	ReceivePack(ctx context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error)
}

// Push is a conversation that sends objects out.
type Push struct {
	dialer  *Dialer
	session receiveSession
}

// Push begins a conversation that lasts as long as ctx.
func (d *Dialer) Push(ctx context.Context, url string) (*Push, error) {
	session, err := d.receive(ctx, url)
	if err != nil {
		return nil, contextError(ctx, err)
	}
	return &Push{d, session}, nil
}

func (d *Dialer) receive(ctx context.Context, url string) (receiveSession, error) {
	ep, err := endpointOf(url)
	if err != nil {
		return nil, err
	}
	if isHTTP(ep) {
		return d.httpSessionAt(ctx, url, transport.ReceivePackServiceName)
	}
	return d.stream(ctx, ep, transport.ReceivePackServiceName)
}

// Refs returns what the remote has.
func (p *Push) Refs(ctx context.Context) (*packp.AdvRefs, error) { return listRefs(ctx, p.session) }

// Alone says that the next push can be sent without asking for the refs first: it is a request of its own.
func (p *Push) Alone() bool {
	_, stream := p.session.(*streamSession)
	return !stream && !p.dialer.redirected.Load()
}

// Send sends objects and returns what became of them; nil and an error when there was no answer that says it.
func (p *Push) Send(ctx context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	report, err := p.session.ReceivePack(ctx, req)
	return report, denied(contextError(ctx, err))
}

// Close ends the conversation.
func (p *Push) Close() error { return p.session.Close() }
