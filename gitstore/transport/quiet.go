package transport

import (
	"net/http"
	"sync"
	"time"
)

// quietHosts are those that asked to be left alone, for all their repositories: who limits requests counts them by account or address.
// It is safe for use by several goroutines.
type quietHosts struct {
	clock func() time.Time

	mu    sync.Mutex
	until map[string]quiet
}

// quiet is a host that is not asked until a time, and what it has answered.
type quiet struct {
	until  time.Time
	answer ServerError
}

// heard notes what a host has answered, if that asks to be left alone.
func (q *quietHosts) heard(host string, answer *ServerError) {
	wait := answer.RetryAfter()
	switch answer.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusForbidden:
	default:
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	until := q.clock().Add(wait)
	if wait <= 0 || !until.After(q.until[host].until) {
		return
	}
	if q.until == nil {
		q.until = map[string]quiet{}
	}
	q.until[host] = quiet{until, ServerError{Status: answer.Status, Said: answer.Said}}
}

// asks is what a host has answered that is not to be asked now, with what is left of the time; nil when it may be asked.
func (q *quietHosts) asks(host string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	left, found := q.until[host]
	if !found {
		return nil
	}
	wait := left.until.Sub(q.clock())
	if wait <= 0 {
		delete(q.until, host)
		return nil
	}
	answer := left.answer
	answer.Wait = (wait + time.Second - 1).Truncate(time.Second)
	return &answer
}
