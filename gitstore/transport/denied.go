package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
)

// DeniedError says that the other side was reached and does not do what it is asked: there is no such repository, it is
// not for whoever asks, or the request is refused. Asking again does not help before somebody has mended that.
type DeniedError struct{ err error }

func (e *DeniedError) Error() string { return e.err.Error() }

func (e *DeniedError) Unwrap() error { return e.err }

// denied makes a DeniedError of an error that is one by its type; never by its text.
func denied(err error) error {
	var answer *ServerError
	if errors.As(err, &answer) && refusing(answer.Status) && answer.Wait == 0 { // who names a time limits us for that long
		return &DeniedError{err}
	}
	return err
}

// refusing says that an answer is about the request, and not about the moment; 0 is one in Git's own words.
func refusing(status int) bool {
	return status < http.StatusInternalServerError && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}

// deniedHandshake makes a DeniedError of a failed SSH handshake, unless the connection is what failed.
func deniedHandshake(ctx context.Context, err error) error {
	var network net.Error
	if ctx.Err() != nil || errors.As(err, &network) || errors.Is(err, io.EOF) {
		return err
	}
	return &DeniedError{err}
}
