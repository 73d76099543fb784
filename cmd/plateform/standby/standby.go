// Package standby has one of several serves lead, and the others stand by: they answer who asks, send on what they are told to the one
// that leads, and write nothing.
package standby

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/reconciler/lease"
	"github.com/plateform/plateform/webhook"
)

// sendTimeout bounds one try to send something on.
const sendTimeout = 10 * time.Second

// Standby is this process's part among several. It is nil where there is one alone, which always leads.
type Standby struct {
	lease   *lease.Lease
	relay   *webhook.Relay
	client  *http.Client
	log     *slog.Logger
	leading atomic.Bool
	// self is where the others reach this process, and host what they know its machine by; empty for what it listens on.
	self lease.Address
	host string
}

// New returns a Standby. host is what the others know this machine by; empty when it listens on an address that they reach. The
// cluster is not asked anything before Run.
func New(o lease.Options, host string) (*Standby, error) {
	l, err := lease.New(o)
	if err != nil {
		return nil, err
	}
	// The others are asked as they are named: no proxy is between.
	s := &Standby{lease: l, log: o.Log, host: host, client: &http.Client{Timeout: sendTimeout, Transport: &http.Transport{IdleConnTimeout: time.Minute}}}
	s.relay = webhook.NewRelay(webhook.RelayOptions{
		Leader: func() string { return s.lease.Leader().Listen }, Client: s.client, Log: o.Log,
		Pauses: []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second},
	})
	return s, nil
}

// Run stands by until this process leads, and calls lead then, whose context ends when it does not lead any more: the error is
// lease.ErrLost then.
func (s *Standby) Run(ctx context.Context, lead func(ctx context.Context) error) error {
	if s == nil {
		return lead(ctx)
	}
	if s.self.Listen == "" {
		return errors.New("nobody says where the others reach this process")
	}
	defer s.client.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	waiting, stop := context.WithCancel(ctx)
	group.Go(func() error {
		if err := s.relay.Run(waiting); ctx.Err() != nil {
			return err
		}
		return nil
	})
	group.Go(func() error {
		defer stop()
		return s.lease.Run(ctx, s.self, func(ctx context.Context) error {
			stop()
			s.leading.Store(true)
			defer s.leading.Store(false)
			return lead(ctx)
		})
	})
	return group.Wait()
}

// Leading says that this process leads: it may write, unless Check says otherwise.
func (s *Standby) Leading() bool { return s == nil || s.leading.Load() }

// Check says why nothing may be written now; nil when it may.
func (s *Standby) Check() error {
	if s == nil {
		return nil
	}
	return s.lease.Check()
}

// Says is what there is to say of a process that does not lead.
func (s *Standby) Says() string {
	if leader := s.lease.Leader().Listen; leader != "" && s.lease.Led() {
		return fmt.Sprintf("standing by: %s leads (Lease %s)", leader, s.lease)
	}
	return fmt.Sprintf("standing by: no process is known to lead (Lease %s)", s.lease)
}

// Ready answers whether a process is ready: one that stands by is, as soon as it takes webhooks.
func (s *Standby) Ready(leading http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Leading() {
			leading.ServeHTTP(w, r)
			return
		}
		fmt.Fprintln(w, s.Says())
	})
}

// Webhooks has what a sender tells acted on here, or sent on to the process that leads.
func (s *Standby) Webhooks(from webhook.Sender, leading http.Handler) http.Handler {
	if s == nil {
		return leading
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Leading() {
			leading.ServeHTTP(w, r)
			return
		}
		s.relay.Take(from, w, r)
	})
}

// passedHeader marks a question that was passed on, so that it goes on no second time.
const passedHeader = "X-Plateform-Passed"

// API answers questions about runs here, or passes them on to the process that leads, which alone knows: it is there that it is found
// out who asks.
func (s *Standby) API(leading http.Handler) http.Handler {
	if s == nil {
		return leading
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: s.lease.Leader().API})
			r.Out.Host = r.In.Host // a web page may only ask where it is from
			r.SetXForwarded()
			r.Out.Header.Set(passedHeader, "1")
		},
		Transport:     s.client.Transport,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			s.unavailable(w, fmt.Sprintf("it does not answer (%v)", err))
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.Leading():
			leading.ServeHTTP(w, r)
		case r.Header.Get(passedHeader) != "" || !s.lease.Led() || s.lease.Leader().API == "":
			s.unavailable(w, "ask again in a moment")
		default:
			_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // the process that leads ends answers that take too long
			proxy.ServeHTTP(w, r)
		}
	})
}

func (s *Standby) unavailable(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", "2")
	http.Error(w, s.Says()+"; "+why, http.StatusServiceUnavailable)
}

// Fenced sends requests that change something only while this process may write. Those that do not are sent in any case.
func (s *Standby) Fenced(next http.RoundTripper) http.RoundTripper {
	if s == nil {
		return next
	}
	return fenced{next, s}
}

// fenced is a RoundTripper behind a fence.
type fenced struct {
	next  http.RoundTripper
	fence *Standby
}

// RoundTrip implements http.RoundTripper.
func (f fenced) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "":
		return f.next.RoundTrip(r)
	}
	if err := f.fence.Check(); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	return f.next.RoundTrip(r)
}

// Listens notes where this process takes webhooks.
func (s *Standby) Listens(address string) (err error) {
	if s == nil {
		return nil
	}
	s.self.Listen, err = s.reached(address, "listen")
	return err
}

// Answers notes where this process answers questions about runs.
func (s *Standby) Answers(address string) (err error) {
	if s == nil {
		return nil
	}
	s.self.API, err = s.reached(address, "api.listen")
	return err
}

// reached is how the others reach an address that this process listens on, by a setting.
func (s *Standby) reached(address, setting string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%s: %w", setting, err)
	}
	if s.host != "" {
		return net.JoinHostPort(s.host, port), nil
	}
	if net.ParseIP(host).IsUnspecified() {
		return "", exit.Usage("%s is on all addresses of this machine, and other serves have to reach this one: name the address that they do so by, with serve --advertise", setting)
	}
	return address, nil
}

// podNamespace is the file that says which namespace a pod is in.
const podNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Namespace is the one of a Lease: the one that is named, or that of the pod that this is.
func Namespace(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	inside, err := os.ReadFile(podNamespace)
	if errors.Is(err, fs.ErrNotExist) {
		return "", exit.Usage("election.namespace is not set, and this is no pod: name the namespace that the Lease is in")
	}
	if err != nil {
		return "", fmt.Errorf("finding the namespace of this pod: %w", err)
	}
	return strings.TrimSpace(string(inside)), nil
}
