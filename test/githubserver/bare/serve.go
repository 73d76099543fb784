package bare

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
)

// The services of git's smart HTTP.
const (
	Fetch = "git-upload-pack"
	Push  = "git-receive-pack"
)

// Request is a request of a git client, with its body read in full: the client sends large ones in chunks, which CGI
// does not know.
type Request struct {
	HTTP *http.Request
	// Below is the path below the repository: info/refs, git-upload-pack or git-receive-pack.
	Below string
	// User is told to hooks.
	User string
	body []byte
}

// Service says which service a request is for.
func (r *Request) Service() string {
	if r.Below == "info/refs" {
		return r.HTTP.URL.Query().Get("service")
	}
	return r.Below
}

// ErrTooLarge says that a request is larger than allowed.
var ErrTooLarge = errors.New("the request is too large")

// Spool reads the body of a request, up to so many bytes.
func (r *Request) Spool(limit int64) error {
	var body io.Reader = r.HTTP.Body
	if r.HTTP.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return fmt.Errorf("unpacking what git sent: %w", err)
		}
		body = unpacked
	}
	all, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return fmt.Errorf("reading what git sent: %w", err)
	}
	if int64(len(all)) > limit {
		return ErrTooLarge
	}
	r.body = all
	return nil
}

// Serve answers with git http-backend. It works for as long as the request's context allows.
func (r *Repo) Serve(request *Request) (*httptest.ResponseRecorder, error) {
	exe, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("serving a repository needs git: %w", err)
	}
	backend := &cgi.Handler{Path: exe, Args: []string{"http-backend"}, Stderr: io.Discard,
		Env: environment("GIT_PROJECT_ROOT="+filepath.Dir(r.Dir), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER="+request.User)}
	inner := request.HTTP.Clone(request.HTTP.Context())
	inner.URL.Path = "/" + filepath.Base(r.Dir) + "/" + request.Below
	inner.Body, inner.ContentLength, inner.TransferEncoding = io.NopCloser(bytes.NewReader(request.body)), int64(len(request.body)), nil
	inner.Header.Del("Content-Encoding")
	inner.Header.Del("Authorization") // a token has no business in the environment of a process
	rec := httptest.NewRecorder()
	backend.ServeHTTP(rec, inner)
	return rec, nil
}

// Command is what a push asks of one ref.
type Command struct {
	Old, New, Ref string
}

// Refusal is why a command is not done.
type Refusal struct {
	// Reason is what the client shows behind the ref.
	Reason string
	// Remote are the lines that the client shows as the server's.
	Remote []string
}

// pushed is a push, taken apart.
type pushed struct {
	commands     []Command
	capabilities []string
	pack         []byte
}

func parsePush(body []byte) (pushed, error) {
	var p pushed
	for {
		if len(body) < 4 {
			return p, errors.New("a push that ends early")
		}
		var size int
		if _, err := fmt.Sscanf(string(body[:4]), "%04x", &size); err != nil || size > len(body) {
			return p, errors.New("a push with a line of no length")
		}
		if size < 4 {
			p.pack = body[4:]
			return p, nil
		}
		text, capabilities, _ := strings.Cut(string(body[4:size]), "\x00")
		if capabilities != "" {
			p.capabilities = strings.Fields(capabilities)
		}
		if f := strings.Fields(text); len(f) == 3 {
			p.commands = append(p.commands, Command{f[0], f[1], f[2]})
		}
		body = body[size:]
	}
}

// Commands are what a push asks for.
func (r *Request) Commands() ([]Command, error) {
	p, err := parsePush(r.body)
	return p.commands, err
}

// Refs are what a request is to move: none unless it is a push.
func (r *Request) Refs() []string {
	if r.Below != Push {
		return nil
	}
	commands, err := r.Commands()
	if err != nil {
		return nil
	}
	var refs []string
	for _, c := range commands {
		refs = append(refs, c.Ref)
	}
	return refs
}

// Keep stores the objects of a push, without moving a ref, so that they can be looked at before anything is decided.
func (r *Repo) Keep(ctx context.Context, request *Request) error {
	p, err := parsePush(request.body)
	if err != nil || len(p.pack) == 0 {
		return err
	}
	_, err = r.git(ctx, p.pack, "index-pack", "--stdin", "--fix-thin")
	return err
}

// Refuse answers a push as git-receive-pack does whose hook declines: no ref is moved.
func (r *Request) Refuse(why Refusal) (*httptest.ResponseRecorder, error) {
	p, err := parsePush(r.body)
	if err != nil {
		return nil, err
	}
	report := packet("unpack ok\n")
	for _, c := range p.commands {
		report += packet("ng " + c.Ref + " " + why.Reason + "\n")
	}
	report += "0000"
	var answer strings.Builder
	if p.has("side-band-64k") {
		for _, line := range why.Remote {
			answer.WriteString(packet("\x02" + line + "\n"))
		}
		const most = 60000 // a packet holds 65,520 bytes
		for len(report) > 0 {
			n := min(most, len(report))
			answer.WriteString(packet("\x01" + report[:n]))
			report = report[n:]
		}
		answer.WriteString("0000")
	} else {
		answer.WriteString(report)
	}
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	rec.Header().Set("Cache-Control", "no-cache")
	rec.WriteHeader(http.StatusOK)
	_, err = io.WriteString(rec, answer.String())
	return rec, err
}

func (p pushed) has(capability string) bool {
	for _, c := range p.capabilities {
		if c == capability {
			return true
		}
	}
	return false
}

func packet(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
