package client

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// The cache holds what was used last, within its bounds, however often the same is kept again.
func TestCacheIsBounded(t *testing.T) {
	c, err := newCache()
	if err != nil {
		t.Fatal(err)
	}
	mib := make([]byte, 1<<20)
	for i := range 100 {
		c.add("the same", cached{etag: fmt.Sprint(i), body: mib})
	}
	if got, there := c.get("the same"); !there || got.etag != "99" || c.bytes != len(mib) || c.known.Len() != 1 {
		t.Errorf("%d bytes in %d answers, the last is %q", c.bytes, c.known.Len(), got.etag)
	}
	for i := range 100 {
		c.add(fmt.Sprint(i), cached{body: mib})
		if _, there := c.get("the same"); !there {
			t.Fatalf("after %d others what is used is gone", i+1)
		}
	}
	if _, there := c.get("0"); there || c.bytes != maxCachedBytes || c.known.Len() != maxCachedBytes>>20 {
		t.Errorf("%d bytes in %d answers", c.bytes, c.known.Len())
	}
	for i := range 2 * maxCached {
		c.add(fmt.Sprint("small ", i), cached{body: mib[:1]})
	}
	if c.known.Len() > maxCached || c.bytes > maxCachedBytes {
		t.Errorf("%d bytes in %d answers", c.bytes, c.known.Len())
	}
}

// A page of a hundred pull requests is remembered; what is longer than any page is not.
func TestWhatIsKept(t *testing.T) {
	for size, want := range map[int]bool{2 << 20: true, maxAnswerBytes: true, maxAnswerBytes + 1: false} {
		known, err := newCache()
		if err != nil {
			t.Fatal(err)
		}
		c := &Client{cache: known}
		req := httptest.NewRequest(http.MethodGet, "https://api.example.com/pulls", nil)
		c.keep(req, &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {"1"}}}, make([]byte, size))
		if _, there := c.remember(req); there != want {
			t.Errorf("an answer of %d bytes is remembered: %v", size, there)
		}
	}
}
