package registry

import (
	"errors"
	"io"
	"net/http"
)

// errTooLarge says that a registry sends more than any manifest or image config needs.
var errTooLarge = errors.New("the answer is larger than 4 MiB")

// bounded refuses answers that are larger than maxAnswer, whoever asked for them.
type bounded struct {
	inner http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.inner.RoundTrip(request)
	if err != nil || request.Method == http.MethodHead {
		return response, err // the answer to a HEAD says how large something else is
	}
	if response.ContentLength > maxAnswer {
		response.Body.Close()
		return nil, errTooLarge
	}
	response.Body = &boundedBody{ReadCloser: response.Body, left: maxAnswer}
	return response, nil
}

// boundedBody fails once more than left bytes came.
type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	if b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
