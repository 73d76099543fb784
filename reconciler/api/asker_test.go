package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/plateform/plateform/reconciler/api"
)

// Whoever tells whose a token is hears from which address it was shown.
func TestWhereSomebodyAsksFrom(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"directly", "203.0.113.7:999", nil, "203.0.113.7"},
		{"directly, with a header of their own", "203.0.113.7:999", []string{"198.51.100.1"}, "203.0.113.7"},
		{"through a proxy here", "127.0.0.1:999", []string{"203.0.113.7"}, "203.0.113.7"},
		{"through a proxy, with a header of their own", "10.1.2.3:999", []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{"through a proxy that adds a line", "[::1]:999", []string{"198.51.100.1", "203.0.113.7"}, "203.0.113.7"},
		{"through a proxy that says nothing", "10.1.2.3:999", nil, ""},
		{"through a proxy that says what is no address", "10.1.2.3:999", []string{"unknown"}, ""},
		{"over IPv6", "[2001:db8::1:2:3:4]:999", nil, "2001:db8::/64"},
		{"over IPv4 in IPv6", "[::ffff:203.0.113.7]:999", nil, "203.0.113.7"},
		{"from nowhere", "@", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, api.RunsPath(shop), nil)
			request.RemoteAddr = tt.peer
			request.Header.Set("Authorization", "Bearer token-of-bob")
			for _, line := range tt.forwarded {
				request.Header.Add("X-Forwarded-For", line)
			}
			answer := httptest.NewRecorder()
			w.api.ServeHTTP(answer, request)
			if answer.Code != http.StatusOK || w.asker != tt.want {
				t.Errorf("%d, and it was asked about %q, want %q", answer.Code, w.asker, tt.want)
			}
		})
	}
}
