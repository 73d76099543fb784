package client

import (
	"bytes"
	"io"
	"net/http"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxCached bounds how many answers are kept, maxAnswerBytes how long one of them may be, a page of a hundred pull requests for one,
// and maxCachedBytes all of them.
const (
	maxCached      = 4096
	maxAnswerBytes = 4 << 20
	maxCachedBytes = 32 << 20
)

// cached is an answer that GitHub can be asked about: what has not changed costs nothing.
type cached struct {
	etag   string
	header http.Header
	body   []byte
}

// cache keeps the answers that were used last.
type cache struct {
	mu    sync.Mutex
	known *simplelru.LRU[string, cached]
	bytes int
}

func newCache() (*cache, error) {
	c := &cache{}
	known, err := simplelru.NewLRU(maxCached, func(_ string, forgotten cached) { c.bytes -= len(forgotten.body) })
	c.known = known
	return c, err
}

func (c *cache) get(key string) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known.Get(key)
}

func (c *cache) add(key string, answer cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Remove(key)
	c.known.Add(key, answer)
	for c.bytes += len(answer.body); c.bytes > maxCachedBytes; {
		c.known.RemoveOldest()
	}
}

// keyOf tells answers apart. Who asks is not in it: GitHub's ETags differ by token, so that nobody is answered with what somebody
// else may read.
func keyOf(req *http.Request) string { return req.Header.Get("Accept") + " " + req.URL.String() }

// remember has a request ask whether what is known has changed.
func (c *Client) remember(req *http.Request) (cached, bool) {
	if req.Method != http.MethodGet {
		return cached{}, false
	}
	known, ok := c.cache.get(keyOf(req))
	if ok {
		req.Header.Set("If-None-Match", known.etag)
	}
	return known, ok
}

// keep keeps an answer.
func (c *Client) keep(req *http.Request, res *http.Response, body []byte) {
	etag := res.Header.Get("ETag")
	if req.Method != http.MethodGet || res.StatusCode != http.StatusOK || etag == "" || len(body) > maxAnswerBytes {
		return
	}
	c.cache.add(keyOf(req), cached{etag: etag, header: res.Header.Clone(), body: bytes.Clone(body)})
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
