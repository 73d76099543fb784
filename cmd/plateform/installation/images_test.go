package installation

import (
	"strings"
	"testing"
)

// The registry that platform.yaml names is the embedded one under all names of its address, and under no other.
func TestIsEmbedded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind, listen, url string
		want              bool
	}{
		{"embedded", "127.0.0.1:5480", "127.0.0.1:5480", true},
		{"embedded", "127.0.0.1:5480", "127.0.0.1:5480/acme", true},
		{"embedded", "127.0.0.1:5480", "localhost:5480", true},
		{"embedded", "localhost:5480", "127.0.0.1:5480/acme", true},
		{"embedded", "[::1]:5480", "[::1]:5480/acme", true},
		{"embedded", "127.0.0.1:5480", "127.0.0.1:5481", false},
		{"embedded", "127.0.0.1:5480", "127.0.0.1", false},
		{"embedded", "127.0.0.1:5480", "127.0.0.2:5480", false},
		{"embedded", "127.0.0.1:5480", "harbor.example.com", false},
		{"external", "", "127.0.0.1:5480", false},
	} {
		s := RegistrySettings{Kind: tt.kind, Listen: tt.listen}
		if got := s.IsEmbedded(tt.url); got != tt.want {
			t.Errorf("%+v: %s is the embedded one: %t", s, tt.url, got)
		}
		host, _, _ := strings.Cut(tt.url, "/")
		if told := s.otherRegistry(host); (told != "") != (tt.kind == "embedded" && !tt.want) {
			t.Errorf("%+v with %s: %q is told", s, tt.url, told)
		}
	}
	if told := (RegistrySettings{Kind: "embedded", Listen: "127.0.0.1:5480"}).otherRegistry(""); told != "" {
		t.Errorf("before platform.yaml was read: %q", told)
	}
}
