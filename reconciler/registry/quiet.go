package registry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// askedKey is where the context of a try has what the registry asks for meanwhile.
type askedKey struct{}

// asked is how long a registry asks to be left alone.
type asked struct {
	mu    sync.Mutex
	after time.Duration
}

func (a *asked) note(after time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.after = max(a.after, after)
}

func (a *asked) wait() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.after
}

// noteWait tells the try that a request is part of how long its host asks to be left alone.
func noteWait(ctx context.Context, wait time.Duration) {
	if asked, _ := ctx.Value(askedKey{}).(*asked); asked != nil {
		asked.note(wait)
	}
}

// quietHosts are those that asked to be left alone, for all that is in them: who limits requests counts them by account or address, not
// by repository. It is safe for use by several goroutines.
type quietHosts struct {
	mu    sync.Mutex
	quiet map[string]quiet
}

// quiet is a host that is not asked until a time, since it answered a status.
type quiet struct {
	until  time.Time
	status int
}

// leaveAlone has a host not be asked for a while.
func (h *quietHosts) leaveAlone(host string, status int, wait time.Duration, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	until := now.Add(min(wait, maxRetryAfter))
	if wait <= 0 || !until.After(h.quiet[host].until) {
		return
	}
	if h.quiet == nil {
		h.quiet = map[string]quiet{}
	}
	h.quiet[host] = quiet{until, status}
}

// leftAlone is why a host is not to be asked now; nil when it may be.
func (h *quietHosts) leftAlone(host string, now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	q, found := h.quiet[host]
	switch {
	case !found:
		return nil
	case !now.Before(q.until):
		delete(h.quiet, host)
		return nil
	}
	return &quietError{Host: host, Status: q.status, Wait: q.until.Sub(now)}
}

// quietError says that a host was not asked, as it wants to be left alone.
type quietError struct {
	Host   string
	Status int
	Wait   time.Duration
}

// Error implements error.
func (e *quietError) Error() string {
	return fmt.Sprintf("%s was not asked now: it has answered %d %s before", e.Host, e.Status, http.StatusText(e.Status))
}

// attentive notes how long a host that limits requests, or is in trouble, asks to be left alone, which no error of the library says,
// and leaves it alone for that long.
type attentive struct {
	inner http.RoundTripper
	clock func() time.Time
	hosts *quietHosts
}

// RoundTrip implements http.RoundTripper.
func (t attentive) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := t.hosts.leftAlone(request.URL.Host, t.clock()); err != nil {
		return nil, err
	}
	response, err := t.inner.RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
		return response, err
	}
	wait := retryAfter(response.Header, t.clock())
	noteWait(request.Context(), wait)
	t.hosts.leaveAlone(request.URL.Host, response.StatusCode, wait, t.clock())
	return response, nil
}

// retryAfter reads the header Retry-After: seconds, or a date, which is compared with the clock of the registry if it tells it.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, math.MaxInt32)) * time.Second //nolint:gosec // it fits
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if theirs, err := http.ParseTime(header.Get("Date")); err == nil {
		now = theirs
	}
	return max(until.Sub(now), 0)
}
