package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
)

// httpSession speaks the protocol over HTTP. go-git's loses what the server says of a fault, and leaves out the
// capabilities that some servers insist on.
type httpSession struct {
	dialer *Dialer
	// base is the URL of the repository without credentials: as asked for, and after the refs were listed where redirects
	// led.
	base  *url.URL
	login Credential
	// asked is the URL that the login is for.
	asked   string
	service string
	refs    *packp.AdvRefs
	// movedTo is another host that the server sent us to, where no credentials go.
	movedTo string
}

const (
	infoRefs     = "/info/refs"
	maxRedirects = 10
)

// newHTTPSession begins a conversation with the repository at a URL; what stands in the URL logs in where nothing else
// does.
func (d *Dialer) newHTTPSession(raw string, login Credential, service string) (*httpSession, error) {
	base, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%q is not the URL of a repository; use https, ssh, file or a path", Redact(raw))
	}
	if base.User != nil && login == (Credential{}) {
		login.Username = base.User.Username()
		login.Password, _ = base.User.Password()
	}
	base.User, base.RawQuery, base.Fragment = nil, "", ""
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), strings.TrimRight(base.RawPath, "/")
	return &httpSession{dialer: d, base: base, login: login, asked: raw, service: service}, nil
}

// AdvertisedReferencesContext returns the refs.
func (s *httpSession) AdvertisedReferencesContext(ctx context.Context) (_ *packp.AdvRefs, err error) {
	if s.refs != nil {
		return s.refs, nil
	}
	req, err := s.request(ctx, http.MethodGet, infoRefs+"?service="+s.service, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "*/*")
	res, err := s.dialer.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if err := s.follow(res.Request.URL); err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, s.refusal(res)
	}
	body := s.dialer.lines.Get().(*bufio.Reader)
	body.Reset(res.Body)
	defer func() {
		body.Reset(nil)
		s.dialer.lines.Put(body)
	}()
	refs, err := readRefs(body, s.service)
	if errors.Is(err, errNoProtocol) {
		return nil, notGit(res.Header, body)
	}
	s.refs = refs
	return refs, err
}

// request makes one, with the credentials, unless the host wants to be left alone.
func (s *httpSession) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	if err := s.dialer.quiet.asks(s.base.Host); err != nil {
		return nil, err
	}
	var content io.Reader
	if body != nil {
		// A reader whose length is known, for servers that refuse what comes in chunks.
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base.String()+path, content)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", capability.DefaultAgent())
	if s.login != (Credential{}) {
		req.SetBasicAuth(s.login.Username, s.login.Password)
	}
	return req, nil
}

// follow goes on at the URL that a listing of refs ended at.
func (s *httpSession) follow(at *url.URL) error {
	asked := s.base
	path, ok := strings.CutSuffix(at.EscapedPath(), infoRefs)
	if !ok {
		return &ServerError{Said: fmt.Sprintf("it sends us to %s://%s%s, which is no repository but perhaps a page to log in at", at.Scheme, at.Host, at.EscapedPath())}
	}
	base, err := url.Parse(at.Scheme + "://" + at.Host + path)
	if err != nil {
		return fmt.Errorf("the server redirects to what is no URL: %w", err)
	}
	s.base = base
	if !sameOrigin(asked, at) {
		if s.login != (Credential{}) {
			s.login, s.movedTo = Credential{}, base.String()
		}
	}
	return nil
}

// refusal is what a server says instead of doing what it was asked.
func (s *httpSession) refusal(res *http.Response) error {
	err := refusalOf(res)
	s.dialer.quiet.heard(res.Request.URL.Host, err)
	err.MovedTo = s.movedTo
	if told := s.dialer.access.Rejected; told != nil && res.StatusCode == http.StatusUnauthorized && s.login != (Credential{}) {
		told(s.asked, s.login)
	}
	return err
}

// post sends a request of the protocol and returns the answer.
func (s *httpSession) post(ctx context.Context, body []byte) (io.ReadCloser, error) {
	req, err := s.request(ctx, http.MethodPost, "/"+s.service, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-"+s.service+"-request")
	req.Header.Set("Accept", "application/x-"+s.service+"-result")
	res, err := s.dialer.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, errors.Join(s.refusal(res), res.Body.Close())
	}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind == "text/html" {
		return nil, errors.Join(notGit(res.Header, bufio.NewReader(res.Body)), res.Body.Close())
	}
	return res.Body, nil
}

// UploadPack implements uploadSession.
func (s *httpSession) UploadPack(ctx context.Context, req *packp.UploadPackRequest) (io.ReadCloser, error) {
	var body bytes.Buffer
	if err := encodeUpload(&body, req); err != nil {
		return nil, err
	}
	return s.post(ctx, body.Bytes())
}

// ReceivePack implements receiveSession.
func (s *httpSession) ReceivePack(ctx context.Context, req *packp.ReferenceUpdateRequest) (_ *packp.ReportStatus, err error) {
	var body bytes.Buffer
	if err := req.Encode(&body); err != nil {
		return nil, err
	}
	answer, err := s.post(ctx, body.Bytes())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Close()) }()
	return readReport(answer, req)
}

// Explain implements uploadSession: errors over HTTP say all there is.
func (s *httpSession) Explain(err error) error { return err }

// Close ends the conversation.
func (s *httpSession) Close() error { return nil }

// checkRedirect says whether a redirect is followed, and takes the credentials out of what is sent to another host. As with
// git, only a listing of refs may be redirected: it begins a conversation and says where the rest of it goes.
func (d *Dialer) checkRedirect(req *http.Request, via []*http.Request) error {
	if req.Method != http.MethodGet || via[0].Method != http.MethodGet {
		return http.ErrUseLastResponse
	}
	d.redirected.Store(true)
	last := via[len(via)-1].URL
	switch {
	case len(via) >= maxRedirects:
		return &ServerError{Said: "it redirects without an end"}
	case req.URL.Scheme != schemeHTTP && req.URL.Scheme != schemeHTTPS:
		return &ServerError{Said: fmt.Sprintf("it redirects to %s://%s, which is no address of a repository", req.URL.Scheme, req.URL.Host)}
	case last.Scheme == schemeHTTPS && req.URL.Scheme == schemeHTTP:
		return &ServerError{Said: fmt.Sprintf("it redirects from https to http://%s, which is not followed", req.URL.Host)}
	}
	leaves := !sameOrigin(via[0].URL, req.URL)
	for _, hop := range via[1:] {
		leaves = leaves || !sameOrigin(via[0].URL, hop.URL)
	}
	if leaves {
		req.Header.Del("Authorization")
		req.URL.User = nil
	}
	return nil
}

// sameOrigin says that what logs in at one URL may be sent to another: the same host and port, or the step from http to
// https there.
func sameOrigin(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	if from.Scheme == to.Scheme {
		return portOf(from) == portOf(to)
	}
	return from.Scheme == schemeHTTP && to.Scheme == schemeHTTPS && portOf(from) == "80" && portOf(to) == "443"
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == schemeHTTPS {
		return "443"
	}
	return "80"
}

// loginOf asks for what to log in with at a URL.
func (d *Dialer) loginOf(ctx context.Context, raw string) (Credential, error) {
	if d.access.Credentials == nil {
		return Credential{}, nil
	}
	c, err := d.access.Credentials(ctx, raw)
	if err != nil {
		return Credential{}, fmt.Errorf("credentials for %s: %w", Redact(raw), err)
	}
	return c, nil
}

// httpSessionAt begins a conversation over HTTP.
func (d *Dialer) httpSessionAt(ctx context.Context, raw string, service string) (*httpSession, error) {
	login, err := d.loginOf(ctx, raw)
	if err != nil {
		return nil, err
	}
	return d.newHTTPSession(raw, login, service)
}
