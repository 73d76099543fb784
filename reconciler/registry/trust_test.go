package registry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// hosts answers in place of all hosts, and notes what they are asked.
type hosts struct {
	answers map[string]http.Header // with a Location it is a redirect, else a challenge
	asked   []string
	logins  []string
}

// RoundTrip implements http.RoundTripper.
func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	h.asked = append(h.asked, r.URL.String())
	if r.Header.Get("Authorization") != "" {
		h.logins = append(h.logins, r.URL.Host)
	}
	w := httptest.NewRecorder()
	status := http.StatusOK
	if answer, found := h.answers[r.URL.String()]; found {
		for name, values := range answer {
			w.Header()[name] = append([]string(nil), values...)
		}
		status = http.StatusUnauthorized
		if answer.Get("Location") != "" {
			status = http.StatusTemporaryRedirect
		}
	}
	w.WriteHeader(status)
	response := w.Result()
	response.Request = r
	return response, nil
}

// Redirects of the platform's own registry are followed, though not to where others can read along, and nobody else gets the
// credentials. Those of another registry are for the library to follow, which knows where not to.
func TestWhereRedirectsAreFollowed(t *testing.T) {
	for _, tt := range []struct {
		own      bool
		from, to string
		followed bool
		login    bool // goes along
	}{
		{true, "https://registry.test/v2/a", "https://10.0.0.1/a", true, false},
		{true, "https://registry.test/v2/a", "/v2/b", true, true},
		{true, "https://registry.test/v2/a", "https://registry.test:8443/v2/a", true, false},
		{true, "http://registry.test/v2/a", "http://10.0.0.1/a", true, false},
		{true, "https://registry.test/v2/a", "http://10.0.0.1/a", false, false},
		{true, "https://registry.test/v2/a", "http://registry.test/v2/a", false, false},
		{false, "https://registry.test/v2/a", "https://10.0.0.1/a", false, false},
		{false, "http://registry.test/v2/a", "http://169.254.169.254/a", false, false},
	} {
		h := &hosts{answers: map[string]http.Header{tt.from: {"Location": {tt.to}}}}
		request := httptest.NewRequest(http.MethodGet, tt.from, nil)
		request.SetBasicAuth("robot", "hunter2")
		response, err := neighbourly{h, tt.own}.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if followed := len(h.asked) == 2; followed != tt.followed {
			t.Errorf("own %t, %s to %s: asked %v, want it followed: %t", tt.own, tt.from, tt.to, h.asked, tt.followed)
		}
		if login := len(h.logins) == 2; login != tt.login {
			t.Errorf("own %t, %s to %s: credentials went to %v", tt.own, tt.from, tt.to, h.logins)
		}
	}
}

// Token servers that the library would refuse are let through for the platform's own registry, and for others on their own
// machine, though never from https to http.
func TestWhichTokenServersAreLetThrough(t *testing.T) {
	for _, tt := range []struct {
		own           bool
		registry, hop string
		through       bool
	}{
		{true, "https://registry.test/v2/", "https://10.0.0.1/token", true},
		{true, "http://registry.test/v2/", "http://10.0.0.1/token", true},
		{true, "https://registry.test/v2/", "http://10.0.0.1/token", false},
		{true, "https://registry.test/v2/", "http://registry.test:5001/token", false},
		{false, "https://registry.test/v2/", "https://registry.test:5001/token", true},
		{false, "https://registry.test/v2/", "https://10.0.0.1/token", false},
		{false, "http://registry.test/v2/", "http://169.254.169.254/token", false},
	} {
		h := &hosts{answers: map[string]http.Header{tt.registry: {"Www-Authenticate": {`Bearer realm="` + tt.hop + `",service="x"`}}}}
		response, err := neighbourly{h, tt.own}.RoundTrip(httptest.NewRequest(http.MethodGet, tt.registry, nil))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		_, rest, _ := strings.Cut(response.Header.Get("WWW-Authenticate"), `realm="`)
		realm, _, _ := strings.Cut(rest, `"`)
		if through := realm != tt.hop; through != tt.through {
			t.Errorf("own %t, %s names %s: it is told as %s", tt.own, tt.registry, tt.hop, realm)
		}
		if !tt.through {
			continue
		}
		response, err = neighbourly{h, tt.own}.RoundTrip(httptest.NewRequest(http.MethodGet, realm+"?scope=y", nil))
		if err != nil || h.asked[len(h.asked)-1] != tt.hop+"?scope=y" {
			t.Errorf("own %t: asked %v (%v), want %s last", tt.own, h.asked, err, tt.hop)
			continue
		}
		response.Body.Close()
	}
}
