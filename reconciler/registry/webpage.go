package registry

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
)

// errWebPage says that somebody answers in place of a registry: a proxy, a page to log in at, a web server under the wrong name.
var errWebPage = errors.New("it answers with a web page, and not as a registry does")

// pages refuses web pages that come where a registry was asked. One that only calls its answer so, as some do, is taken.
type pages struct{ inner http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (p pages) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := p.inner.RoundTrip(request)
	if err != nil || response.StatusCode/100 != 2 || request.Method == http.MethodHead {
		return response, err
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || kind != "text/html" && kind != "application/xhtml+xml" {
		return response, nil //nolint:nilerr // what names no kind is no web page
	}
	begin, err := io.ReadAll(io.LimitReader(response.Body, 512))
	if err == nil && bytes.HasPrefix(bytes.TrimSpace(begin), []byte("<")) {
		err = errWebPage
	}
	if err != nil {
		response.Body.Close()
		return nil, err
	}
	response.Body = &resumed{Reader: io.MultiReader(bytes.NewReader(begin), response.Body), Closer: response.Body}
	return response, nil
}

// resumed is a body whose begin has been read.
type resumed struct {
	io.Reader
	io.Closer
}
