package transport

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// maxLine is the longest line of the protocol, and room for it in a buffer.
const maxLine = 64 << 10

// errNoProtocol says that what came does not begin like the protocol.
var errNoProtocol = errors.New("what came is not the Git protocol")

// peekLine returns the next line without taking it: its content, and its length with the four digits before it. Both are
// empty for a flush.
func peekLine(r *bufio.Reader) (content []byte, length int, err error) {
	digits, err := r.Peek(4)
	if err != nil {
		return nil, 0, err
	}
	n, err := strconv.ParseUint(string(digits), 16, 16)
	if err != nil || n > 0 && n < 4 {
		return nil, 0, errNoProtocol
	}
	if n == 0 {
		return nil, 4, nil
	}
	line, err := r.Peek(int(n))
	if err != nil {
		return nil, 0, err
	}
	return line[4:], int(n), nil
}

// readRefs reads the refs that a conversation begins with. What comes that is no list of refs stays unread.
func readRefs(r *bufio.Reader, service string) (*packp.AdvRefs, error) {
	if err := takeGreeting(r); err != nil {
		return nil, err
	}
	refs := packp.NewAdvRefs()
	err := refs.Decode(r)
	empty := errors.Is(err, packp.ErrEmptyAdvRefs) || err == nil && refs.IsEmpty()
	switch {
	case empty && service == transport.UploadPackServiceName:
		return nil, transport.ErrEmptyRemoteRepository
	case err != nil && !empty:
		return nil, fmt.Errorf("the list of refs: %w", err)
	}
	return refs, nil
}

// takeGreeting takes what may stand before the refs, and refuses what go-git would stumble over.
func takeGreeting(r *bufio.Reader) error {
	greeted := false
	for {
		line, length, err := peekLine(r)
		if errors.Is(err, io.EOF) {
			return errNoProtocol
		}
		if err != nil {
			return err
		}
		text := strings.TrimSpace(string(line))
		switch {
		case strings.HasPrefix(text, "# service="), text == "version 1":
			greeted = true
		case length == 4 && greeted:
			greeted = false
		case strings.HasPrefix(text, "version "):
			return &ServerError{Said: fmt.Sprintf("it speaks %q of the protocol only; Plateform speaks version 0", text)}
		case strings.HasPrefix(text, "ERR "):
			return &ServerError{Said: firstWords([]byte(text[4:]))}
		default:
			return checkFormat(line)
		}
		if _, err := r.Discard(length); err != nil {
			return err
		}
	}
}

// checkFormat refuses a repository whose objects have other names than this package can read. line is the first of the
// refs.
func checkFormat(line []byte) error {
	_, said, _ := bytes.Cut(line, []byte{0})
	format := "sha1"
	for _, c := range strings.Fields(string(said)) {
		if f, ok := strings.CutPrefix(c, "object-format="); ok {
			format = f
		}
	}
	if hash, _, _ := bytes.Cut(line, []byte(" ")); format == "sha1" && len(hash) == 64 {
		format = "sha256"
	}
	if format != "sha1" {
		return &FormatError{Format: format}
	}
	return nil
}

// FormatError says that a repository names its objects in a way that cannot be read here.
type FormatError struct {
	// Format of the names, such as sha256.
	Format string
}

// Error says what works.
func (e *FormatError) Error() string {
	return fmt.Sprintf("the repository names its objects by %s; only sha1 works (make a new one with git init --object-format=sha1)", e.Format)
}

// encodeUpload writes what is wanted and what is there already.
func encodeUpload(w io.Writer, req *packp.UploadPackRequest) error {
	if err := req.UploadRequest.Encode(w); err != nil {
		return err
	}
	if err := req.UploadHaves.Encode(w, false); err != nil {
		return err
	}
	return pktline.NewEncoder(w).EncodeString("done\n")
}

// packIn returns the pack in the answer to an upload request: behind the lines about what both sides have, of which each
// server sends as many as it likes, and out of the bands that mix it with messages.
func packIn(r *bufio.Reader, c *capability.List) (io.Reader, error) {
	for {
		if start, err := r.Peek(4); err != nil {
			return nil, fmt.Errorf("the answer ends before the pack: %w", unexpected(err))
		} else if string(start) == "PACK" {
			return r, nil
		}
		line, length, err := peekLine(r)
		if err != nil {
			return nil, fmt.Errorf("the answer before the pack: %w", unexpected(err))
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		switch {
		case word == "ERR":
			return nil, &ServerError{Said: firstWords([]byte(rest))}
		case length == 4, word == "ACK", word == "NAK", word == "shallow", word == "unshallow":
			if _, err := r.Discard(length); err != nil {
				return nil, err
			}
		case line[0] <= byte(sideband.ErrorMessage):
			said := &Tail{}
			return withTail{unmix(c, r, said), said}, nil
		default:
			return nil, &ServerError{Said: firstWords(line)}
		}
	}
}

// unexpected makes the end of what is read an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unmix takes data out of an answer that may mix it with messages, which are written to said.
func unmix(c *capability.List, r io.Reader, said io.Writer) io.Reader {
	kind := sideband.Sideband64k
	switch {
	case c.Supports(capability.Sideband64k):
	case c.Supports(capability.Sideband):
		kind = sideband.Sideband
	default:
		return r
	}
	d := sideband.NewDemuxer(kind, r)
	d.Progress = said
	return spoken{d}
}

// spoken tells the last words of a server as such.
type spoken struct{ bands *sideband.Demuxer }

// Read implements io.Reader.
func (s spoken) Read(p []byte) (int, error) {
	n, err := s.bands.Read(p)
	if err != nil {
		if words, ok := strings.CutPrefix(err.Error(), "unexpected error: "); ok {
			err = &ServerError{Said: firstWords([]byte(words))}
		}
	}
	return n, err
}

// withTail adds what a server had said before to an error.
type withTail struct {
	io.Reader
	said *Tail
}

// Read implements io.Reader.
func (w withTail) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = withWords(err, w.said)
	}
	return n, err
}

// errNoReport says that the server keeps what became of a push to itself: the refs have to tell.
var errNoReport = errors.New("the server does not say what became of the push")

// readReport reads what became of a push.
func readReport(r io.Reader, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	said := &Tail{}
	progress := io.Writer(said)
	if req.Progress != nil {
		progress = io.MultiWriter(said, req.Progress)
	}
	if !req.Capabilities.Supports(capability.ReportStatus) {
		if _, err := io.Copy(io.Discard, unmix(req.Capabilities, r, progress)); err != nil {
			return nil, withWords(err, said)
		}
		return nil, withWords(errNoReport, said)
	}
	report := packp.NewReportStatus()
	if err := report.Decode(unmix(req.Capabilities, r, progress)); err != nil {
		return nil, withWords(err, said)
	}
	return report, report.Error()
}

// withWords adds what the server had said before.
func withWords(err error, said *Tail) error {
	if words := strings.Join(strings.Fields(said.String()), " "); words != "" {
		return fmt.Errorf("%w: %s", err, words)
	}
	return err
}
