package jenkins

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bndr/gojenkins"
)

// Bounds of what a Jenkins may take of this process.
const (
	requestTimeout = 20 * time.Second
	maxJSON        = 32 << 20
	maxText        = 1 << 20
	maxPage        = 64 << 10
)

// Secret is never shown.
type Secret string

// String hides the secret.
func (Secret) String() string { return "***" }

// GoString hides the secret.
func (Secret) GoString() string { return "***" }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// requester sends the requests of the library. It differs from the library's own: errors keep their status, pages of HTML are
// none of Jenkins' answers, no redirect is followed, all is bounded, and who comes with an API token needs no crumb.
type requester struct {
	gojenkins.JenkinsRequester        // what is not below leads nowhere
	base                       string // without a slash at the end
	user                       string
	token                      func() (Secret, error)
	client                     *http.Client
}

var _ gojenkins.JenkinsRequester = (*requester)(nil)

func newRequester(o Options) *requester {
	return &requester{
		JenkinsRequester: &gojenkins.Requester{Base: "http://unused.invalid", Client: &http.Client{Transport: unused{}}},
		base:             strings.TrimRight(o.URL, "/"), user: o.User, token: o.Token, client: newClient(o.Authorities),
	}
}

// newClient returns what sends requests to a Jenkins whose certificate is signed by one of the authorities, or by one that this
// machine trusts when there are none.
func newClient(authorities *x509.CertPool) *http.Client {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call is one request.
type call struct {
	method, endpoint string
	query            map[string]string
	kind, body       string
	limit            int64
}

// do sends a request and reads its answer. An answer that is an error is one here too.
func (r *requester) do(ctx context.Context, c call) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	response, err := r.send(ctx, c)
	if err != nil {
		return response, nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, c.limit))
	if err != nil {
		return response, nil, &UnreachableError{Host: response.Request.URL.Host, Err: plain(err)}
	}
	return response, data, nil
}

// send sends a request, and returns its answer when that is none that says no. The caller closes its body.
func (r *requester) send(ctx context.Context, c call) (*http.Response, error) {
	target := r.base + c.endpoint
	if len(c.query) > 0 {
		values := url.Values{}
		for name, value := range c.query {
			values.Set(name, value)
		}
		target += "?" + values.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, c.method, target, strings.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(r.user, string(token))
	request.Header.Set("User-Agent", "plateform")
	if c.kind != "" {
		request.Header.Set("Content-Type", c.kind)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, &UnreachableError{Host: request.URL.Host, Err: plain(err)}
	}
	if !succeeded(response, c) {
		defer response.Body.Close()
		return response, refusal(response, c)
	}
	return response, nil
}

// succeeded says that Jenkins did what it was asked for. It redirects after stopping a build, and to an item that is in the queue already.
func succeeded(response *http.Response, c call) bool {
	if response.StatusCode/100 != 3 {
		return response.StatusCode/100 == 2
	}
	location, err := url.Parse(response.Header.Get("Location"))
	if err != nil || c.method != http.MethodPost {
		return false
	}
	path := location.EscapedPath()
	stopped, stop := strings.CutSuffix(c.endpoint, "/stop")
	return strings.Contains(path, "/queue/item/") || stop && strings.HasSuffix(path, stopped+"/")
}

// plain leaves out the method and the URL, which are long and say nothing new.
func plain(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		return outer.Err
	}
	return err
}

// decode reads an answer that has to be JSON.
func decode(response *http.Response, data []byte, c call, into any) error {
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return &PageError{Path: c.endpoint, Kind: kind}
	}
	if int64(len(data)) >= c.limit {
		return fmt.Errorf("the answer to %s is larger than %d MiB", c.endpoint, c.limit>>20)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading the answer to %s: %w", c.endpoint, err)
	}
	return nil
}

// GetJSON implements gojenkins.JenkinsRequester.
func (r *requester) GetJSON(ctx context.Context, endpoint string, into any, query map[string]string) (*http.Response, error) {
	c := call{method: http.MethodGet, endpoint: strings.TrimSuffix(endpoint, "/"), query: query, limit: maxJSON}
	if !strings.Contains(c.endpoint, "/wfapi/") {
		c.endpoint += "/api/json"
	}
	response, data, err := r.do(ctx, c)
	if err != nil {
		return nil, err
	}
	return response, decode(response, data, c, into)
}

// Get implements gojenkins.JenkinsRequester, for what is text. A longer one is cut off.
func (r *requester) Get(ctx context.Context, endpoint string, into any, query map[string]string) (*http.Response, error) {
	text, ok := into.(*string)
	if !ok {
		return nil, errors.New("jenkins: only text is read as it is")
	}
	response, data, err := r.do(ctx, call{method: http.MethodGet, endpoint: endpoint, query: query, limit: maxText})
	if err != nil {
		return nil, err
	}
	*text = string(data)
	return response, nil
}

// Post implements gojenkins.JenkinsRequester. The answer's body is of no interest.
func (r *requester) Post(ctx context.Context, endpoint string, payload io.Reader, _ any, query map[string]string) (*http.Response, error) {
	c := call{method: http.MethodPost, endpoint: endpoint, query: query, kind: "application/x-www-form-urlencoded", limit: maxPage}
	if payload != nil {
		body, err := io.ReadAll(payload)
		if err != nil {
			return nil, err
		}
		c.body = string(body)
	}
	response, _, err := r.do(ctx, c)
	return response, err
}

// unused answers what Plateform asks no Jenkins for.
type unused struct{}

// RoundTrip implements http.RoundTripper.
func (unused) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		Status: "501 Not Implemented", StatusCode: http.StatusNotImplemented, Header: http.Header{}, Body: http.NoBody, Request: r,
	}, nil
}
