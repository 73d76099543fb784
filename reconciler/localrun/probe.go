package localrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/plateform/plateform/reconciler/localrun/shim"
)

// loopback is where programs are reached.
const loopback = "127.0.0.1"

// freeAddress is one that nobody listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// await waits until a process is ready to answer, and says why it does not get there.
func (r *replica) await(ctx context.Context, process *shim.Process, address string) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.Times.Start)
	defer cancel()
	ticker := time.NewTicker(r.options.Times.Interval)
	defer ticker.Stop()
	var err error
	for {
		at, fixed := r.find(process, address)
		last := r.probe(ctx, at)
		if last == nil {
			r.ready(at, fixed)
			return nil
		}
		if err == nil || ctx.Err() == nil { // a probe that was cut off says nothing
			err = last
		}
		select {
		case <-process.Done():
			return errors.New(r.launcher.ended(process.Exit(), r.service))
		case <-ctx.Done():
			return &lastingError{fmt.Errorf("it is not ready after %v: %w%s", r.options.Times.Start, err, r.where(err))}
		case <-ticker.C:
			r.set(func(s *state) { s.why = "it is not ready yet: " + err.Error() })
		}
	}
}

// find is where a process listens: where PORT says, or on its declared port.
func (r *replica) find(process *shim.Process, address string) (at string, fixed bool) {
	declared := r.service.declared()
	switch {
	case r.service.engine != "":
		return address, true
	case declared != address && !r.launcher.listens(process, address) && r.launcher.listens(process, declared):
		return declared, true
	}
	return address, false
}

// ready says that requests may come.
func (r *replica) ready(at string, fixed bool) {
	if fixed && r.service.engine == "" {
		r.log.Add(r.title, fmt.Sprintf("plateform: it listens on its declared port %d whatever PORT says: only one process of it can run, and a rollout has to stop the old one first (have it listen on $PORT)", r.service.port))
	}
	r.set(func(s *state) { s.address, s.fixed, s.was, s.why, s.up = at, fixed, true, "", r.options.Clock() })
}

// probe asks whether a process is ready.
func (r *replica) probe(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.Times.Probe)
	defer cancel()
	if r.service.probe == "" {
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return unanswered(err)
		}
		return r.launcher.accepted(connection)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+r.service.probe, http.NoBody)
	if err != nil {
		return &lastingError{fmt.Errorf("its health path cannot be asked for: %w", err)}
	}
	request.Header.Set("User-Agent", "plateform-probe")
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return unanswered(err)
	}
	response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode >= 400 { // as a probe of Kubernetes takes it
		return fmt.Errorf("%s answers %s", r.service.probe, response.Status)
	}
	return nil
}

// errNothingListens is why most programs do not get ready.
var errNothingListens = errors.New("nothing listens on its port")

// where says where a program that does not get ready is looked for, once that is why.
func (r *replica) where(err error) string {
	switch {
	case !errors.Is(err, errNothingListens) || r.service.engine != "":
		return ""
	case r.service.port == 0:
		return " (have it listen on $PORT, at 127.0.0.1 or all addresses)"
	}
	return fmt.Sprintf(" (have it listen on $PORT or its declared port %d, at 127.0.0.1 or all addresses)", r.service.port)
}

// unanswered says in few words why a probe got no answer: the same ones each time, as people are told of every change.
func unanswered(err error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return errNothingListens
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("it does not answer in time")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends the connection without an answer")
	}
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err
	}
	return fmt.Errorf("it does not answer: %w", err)
}
