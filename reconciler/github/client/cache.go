package client

import (
	"bytes"
	"io"
	"net/http"
)

// maxCached bounds how many answers are kept, maxCachedBytes how long one may be.
const (
	maxCached      = 512
	maxCachedBytes = 256 << 10
)

// cached is an answer that GitHub can be asked about: what has not changed costs nothing.
type cached struct {
	etag   string
	header http.Header
	body   []byte
}

// keyOf tells answers apart. Who asks is not in it: GitHub's ETags differ by token, so that nobody is answered with what somebody
// else may read.
func keyOf(req *http.Request) string { return req.Header.Get("Accept") + " " + req.URL.String() }

// remember has a request ask whether what is known has changed.
func (c *Client) remember(req *http.Request) (cached, bool) {
	if req.Method != http.MethodGet {
		return cached{}, false
	}
	known, ok := c.cache.Get(keyOf(req))
	if ok {
		req.Header.Set("If-None-Match", known.etag)
	}
	return known, ok
}

// keep keeps an answer.
func (c *Client) keep(req *http.Request, res *http.Response, body []byte) {
	etag := res.Header.Get("ETag")
	if req.Method != http.MethodGet || res.StatusCode != http.StatusOK || etag == "" || len(body) > maxCachedBytes {
		return
	}
	c.cache.Add(keyOf(req), cached{etag: etag, header: res.Header.Clone(), body: body})
}

// answer is the one that is known, with what GitHub says of its limits now.
func (c cached) answer(res *http.Response, req *http.Request) *http.Response {
	header := c.header.Clone()
	for name, values := range res.Header {
		if name != "Content-Length" && name != "Content-Type" && name != "Link" {
			header[name] = values
		}
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: res.Proto, ProtoMajor: res.ProtoMajor, ProtoMinor: res.ProtoMinor,
		Header: header, Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body)), Request: req,
	}
}
