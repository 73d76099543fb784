package transport

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
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

// A login that a server does not take is told to whoever gave it, with the URL that it was for; another refusal is not.
func TestARejectedLoginIsTold(t *testing.T) {
	t.Parallel()
	status := http.StatusUnauthorized
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	var told []string
	login := Credential{Username: "bot", Password: "hunter2"}
	dialer := New(Access{
		Credentials: func(_ context.Context, url string) (Credential, error) {
			if strings.HasSuffix(url, "/public") {
				return Credential{}, nil
			}
			return login, nil
		},
		Rejected: func(url string, c Credential) {
			if c != login {
				t.Error("another login is told than was given")
			}
			told = append(told, strings.TrimPrefix(url, server.URL))
		},
	})
	ask := func(path string) {
		session, err := dialer.httpSessionAt(t.Context(), server.URL+path, "git-upload-pack")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.AdvertisedReferencesContext(t.Context()); err == nil {
			t.Error("no error")
		}
	}
	ask("/private/")
	ask("/public")
	status = http.StatusForbidden
	ask("/forbidden")
	if len(told) != 1 || told[0] != "/private/" {
		t.Errorf("told of %v", told)
	}
}
