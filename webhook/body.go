package webhook

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// MaxBody is how large a delivery may be, in bytes. GitHub sends none that is larger.
const MaxBody = 25 << 20

const (
	// usualBody is what each body may take without asking: most deliveries are smaller.
	usualBody = 32 << 10
	// allBodies is what the larger bodies may take together, as whoever sends one need not have signed it.
	allBodies = 4 * MaxBody
)

// errBusy says that too much is being received.
var errBusy = errors.New("too many large deliveries are being received (send it again later)")

// room is memory for bodies that are being received.
type room struct {
	limit int64
	taken atomic.Int64
}

// take takes some of it, if so much is left.
func (m *room) take(size int64) bool {
	if m.taken.Add(size) > m.limit {
		m.taken.Add(-size)
		return false
	}
	return true
}

// read reads the body of a request to its end, or to the limit. It takes no more memory than what has arrived asks for,
// give or take a factor of two. done gives that back, and is to be called in any case.
func (m *room) read(w http.ResponseWriter, r *http.Request) (body []byte, done func(), err error) {
	var taken int64
	done = func() { m.taken.Add(-taken) }
	from := http.MaxBytesReader(w, r.Body, MaxBody)
	body = make([]byte, 0, min(max(r.ContentLength+1, 512), usualBody))
	for {
		if len(body) == cap(body) {
			size := min(2*int64(cap(body)), MaxBody+1) // never filled: the reader ends before
			if grown := size - max(int64(cap(body)), usualBody); size > usualBody && grown > 0 {
				if !m.take(grown) {
					return nil, done, errBusy
				}
				taken += grown
			}
			body = append(make([]byte, 0, size), body...)
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, done, nil
		}
		if err != nil {
			return nil, done, err
		}
	}
}
