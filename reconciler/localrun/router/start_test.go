package router_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localrun/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything may take here; nothing is expected to take as long.
const patience = 2 * time.Minute

// now is what the clock of the routers says.
var now = time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)

// running is a router that serves, and a client whose requests all go there.
type running struct {
	*router.Router
	t       *testing.T
	address string
	client  *http.Client
	// stop ends Serve and returns what it said.
	stop func() error
}

func start(t *testing.T, options router.Options) *running {
	t.Helper()
	return startOn(t, listen(t), options)
}

func startOn(t *testing.T, l net.Listener, options router.Options) *running {
	t.Helper()
	if options.Clock == nil {
		options.Clock = func() time.Time { return now }
	}
	r := &running{Router: router.New(options), t: t, address: l.Addr().String()}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx, l) }()
	stopped := false
	r.stop = func() error {
		cancel()
		stopped = true
		return receive(t, ended)
	}
	r.client = r.newClient((*http.Protocols).SetHTTP1)
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		if stopped {
			return
		}
		if err := r.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return r
}

// newClient sends all requests to the router, whatever host they are for.
func (r *running) newClient(speak func(*http.Protocols, bool)) *http.Client {
	var protocols http.Protocols
	speak(&protocols, true)
	transport := &http.Transport{
		Protocols:           &protocols,
		MaxIdleConnsPerHost: 100,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, r.address)
		},
	}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// get asks for a URL and returns the status and the body.
func (r *running) get(url string, header ...string) (int, string) {
	r.t.Helper()
	response := r.do(request(r.t, http.MethodGet, url, nil, header...))
	return response.StatusCode, readAll(r.t, response.Body)
}

func (r *running) do(req *http.Request) *http.Response {
	r.t.Helper()
	response, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	return response
}

// request has headers as "Name: value".
func request(t *testing.T, method, url string, body io.Reader, header ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Add(name, value)
	}
	return req
}

func readAll(t *testing.T, body io.ReadCloser) string {
	t.Helper()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// app is an instance: a real server on a port of its own.
type app struct {
	address string
	server  *http.Server
	stop    func()
}

func newApp(t *testing.T, handler http.HandlerFunc) *app {
	t.Helper()
	l := listen(t)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	a := &app{address: l.Addr().String(), server: &http.Server{Handler: handler, Protocols: &protocols}}
	ended := make(chan error, 1)
	go func() { ended <- a.server.Serve(l) }()
	a.stop = func() { _ = a.server.Close() }
	t.Cleanup(func() {
		a.stop()
		receive(t, ended)
	})
	return a
}

// says answers everything with a word.
func says(word string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, word) }
}

func site(apps ...*app) router.Site {
	s := router.Site{Project: manifest.Key{Workspace: "ws-1", Project: "shop"}}
	for _, a := range apps {
		s.Addresses = append(s.Addresses, a.address)
	}
	return s
}

func receive[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	return value
}
