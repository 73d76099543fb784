package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// pipes are a running git-upload-pack or git-receive-pack, here or at the other end of SSH. They break when the context
// they were made with ends.
type pipes struct {
	in  io.WriteCloser
	out io.Reader
	// stop ends it in any state, waits for it, and frees everything. It may be called twice.
	stop func() error
	// complaint is what it wrote to standard error; complete after stop.
	complaint *Tail
}

// streamSession speaks the protocol over pipes. go-git has this for its own transports only, and those hang when the
// other side does.
type streamSession struct {
	pipes   *pipes
	out     *bufio.Reader
	receive bool
	refs    *packp.AdvRefs
	asked   bool
}

func newStreamSession(p *pipes, service string) *streamSession {
	return &streamSession{pipes: p, out: bufio.NewReaderSize(p.out, maxLine), receive: service == transport.ReceivePackServiceName}
}

// AdvertisedReferencesContext returns the refs, which the other side sends first. The pipes end with their own context.
func (s *streamSession) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	if s.refs != nil {
		return s.refs, nil
	}
	service := transport.UploadPackServiceName
	if s.receive {
		service = transport.ReceivePackServiceName
	}
	refs, err := readRefs(s.out, service)
	switch {
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return nil, err
	case errors.Is(err, errNoProtocol):
		return nil, s.turnedAway(s.garbage(err))
	case err != nil:
		return nil, s.turnedAway(err)
	}
	s.refs = refs
	return refs, nil
}

// garbage adds what came in place of the protocol: a shell that greets, for example.
func (s *streamSession) garbage(err error) error {
	start, _ := s.out.Peek(s.out.Buffered()) // it is all there
	if words := firstWords(start); words != "" {
		return fmt.Errorf("%w but %q", err, words)
	}
	return err
}

// UploadPack asks for objects and returns the answer to read them from.
func (s *streamSession) UploadPack(_ context.Context, req *packp.UploadPackRequest) (io.ReadCloser, error) {
	s.asked = true
	if err := encodeUpload(s.pipes.in, req); err != nil {
		return nil, s.Explain(err)
	}
	if err := s.pipes.in.Close(); err != nil {
		return nil, s.Explain(err)
	}
	return io.NopCloser(s.out), nil
}

// ReceivePack sends objects and returns what became of them.
func (s *streamSession) ReceivePack(_ context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	s.asked = true
	if err := req.Encode(s.pipes.in); err != nil {
		return nil, s.Explain(err)
	}
	if err := s.pipes.in.Close(); err != nil {
		return nil, s.Explain(err)
	}
	report, err := readReport(s.out, req)
	if report == nil {
		return nil, s.Explain(err)
	}
	return report, err
}

// Close ends the conversation.
func (s *streamSession) Close() error {
	if !s.asked && s.refs != nil {
		// A flush is the polite way to want nothing; whether it arrives does not matter.
		_ = pktline.NewEncoder(s.pipes.in).Flush()
	}
	return s.pipes.stop()
}

// Explain adds what the other side had to say.
func (s *streamSession) Explain(err error) error {
	_ = s.pipes.stop()
	said := strings.TrimSpace(s.pipes.complaint.String())
	if said == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, said)
}

// turnedAway is Explain for a conversation that did not begin: when the other side says why, it was reached.
func (s *streamSession) turnedAway(err error) error {
	err = s.Explain(err)
	if s.pipes.complaint.String() == "" {
		return err
	}
	return &DeniedError{err}
}

// Tail keeps the last bytes written to it.
type Tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const maxTail = 4 << 10

// Write never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p)
	if over := t.buf.Len() - maxTail; over > 0 {
		t.buf.Next(over)
	}
	return len(p), nil
}

// String is text, whatever was written.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(t.buf.String(), "?")
}
