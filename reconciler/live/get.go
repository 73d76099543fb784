package live

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/plateform/plateform/reconciler"
)

// maxBody is how much of an answer is read, to tell it from another.
const maxBody = 4 << 10

// answer is what the ingress controller said for a host.
type answer struct {
	reach reconciler.Reach
	// untrusted says why the certificate that it showed is not trusted; nil when it is, or when there was none to show.
	untrusted error
}

// reply is one response.
type reply struct {
	status int
	body   []byte
}

// get asks an ingress controller for a project.
func (o Options) get(ctx context.Context, target *url.URL, at string) (a answer) {
	at = withPort(at, target)
	var untrusted error
	r, err := o.request(ctx, target, at, &untrusted)
	a.untrusted = untrusted
	var closed *dialError
	switch {
	case errors.As(err, &closed):
		a.reach = reconciler.Reach{Unasked: true, Missing: fmt.Sprintf("the ingress at %s cannot be reached from here: %v", at, closed.Unwrap())}
		return a
	case err != nil:
		a.reach.Missing = fmt.Sprintf("it does not answer through the ingress at %s: %v", at, plain(err))
		return a
	}
	if a.reach.Missing = wrong(r.status); a.reach.Missing != "" {
		return a
	}
	if r.status == http.StatusNotFound && o.isNobodys(ctx, target, at, r) {
		a.reach.Missing = "the ingress does not lead to it yet: it answers 404 as for a host that nobody has"
		return a
	}
	a.reach.Live = true
	return a
}

// isNobodys says that an answer is that for a host that nobody has.
func (o Options) isNobodys(ctx context.Context, target *url.URL, at string, r reply) bool {
	nobody := *target
	_, domain, _ := strings.Cut(target.Hostname(), ".")
	nobody.Host = strings.ToLower(rand.Text()[:12]) + "." + cmp.Or(domain, "invalid")
	other, err := o.request(ctx, &nobody, at, new(error))
	return err == nil && other.status == r.status && bytes.Equal(other.body, r.body)
}

// request asks for the first page of a URL at an address, whatever DNS says of its host. A certificate that is not trusted keeps nothing
// from being asked: nothing is sent that anybody could misuse.
func (o Options) request(ctx context.Context, target *url.URL, at string, untrusted *error) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	transport := &http.Transport{
		Proxy: nil, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, o.Timeout/2) // so that it is known that it was this which took too long
			defer cancel()
			c, err := o.Dial(ctx, network, at)
			if err != nil {
				return nil, &dialError{err}
			}
			return c, nil
		},
		TLSClientConfig: &tls.Config{
			ServerName: target.Hostname(), InsecureSkipVerify: true, //nolint:gosec // it is verified below, and told
			VerifyConnection: func(state tls.ConnectionState) error {
				*untrusted = verify(state)
				return nil
			},
		},
	}
	defer transport.CloseIdleConnections()
	asked := *target
	asked.Path, asked.RawQuery = "/", ""
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, asked.String(), http.NoBody)
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("User-Agent", "plateform")
	response, err := transport.RoundTrip(request) // what it redirects to is its own affair
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return reply{}, err
	}
	return reply{response.StatusCode, body}, nil
}

// verify says why browsers would not trust a connection.
func verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("none was shown")
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: state.ServerName, Intermediates: between})
	return err
}

// dialError says that there was no connection.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// plain is an error in words for people.
func plain(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time")
	case errors.Is(err, io.EOF):
		return errors.New("the connection was closed without an answer")
	}
	return err
}

// withPort is an address with the port of a URL, unless it has one.
func withPort(at string, target *url.URL) string {
	if _, _, err := net.SplitHostPort(at); err == nil {
		return at
	}
	usual := "80"
	if target.Scheme == "https" {
		usual = "443"
	}
	return net.JoinHostPort(strings.Trim(at, "[]"), cmp.Or(target.Port(), usual))
}

// decode reads an Ingress.
func decode(o unstructured.Unstructured) (*networkingv1.Ingress, error) {
	ingress := &networkingv1.Ingress{}
	return ingress, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, ingress)
}
