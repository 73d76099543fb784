package transport

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Where a listing of refs is redirected to, and whether the credentials go along.
func TestRedirectsThatAreFollowed(t *testing.T) {
	t.Parallel()
	const git = "https://git.test/a/info/refs"
	for _, c := range []struct {
		method          string
		hops            []string
		followed, login bool
	}{
		{http.MethodGet, []string{git, "https://git.test/b/info/refs"}, true, true},
		{http.MethodGet, []string{"http://git.test/a", git}, true, true},
		{http.MethodGet, []string{git, "http://git.test/a"}, false, true},
		{http.MethodGet, []string{git, "ssh://git.test/a"}, false, true},
		{http.MethodGet, []string{git, "https://git.test:8443/a"}, true, false},
		{http.MethodGet, []string{git, "https://other.test/a"}, true, false},
		{http.MethodGet, []string{git, "https://other.test/a", "https://git.test/b"}, true, false},
		{http.MethodPost, []string{git, "https://git.test/b"}, false, true},
	} {
		var via []*http.Request
		for _, hop := range c.hops {
			r := httptest.NewRequest(c.method, hop, nil)
			r.SetBasicAuth("bot", "hunter2")
			via = append(via, r)
		}
		last := len(via) - 1
		err := New(Access{}).checkRedirect(via[last], via[:last])
		if followed := err == nil; followed != c.followed {
			t.Errorf("%s %v: %v, want it followed: %t", c.method, c.hops, err, c.followed)
		}
		if login := via[last].Header.Get("Authorization") != ""; login != c.login {
			t.Errorf("%s %v: credentials go along: %t", c.method, c.hops, login)
		}
	}
}
