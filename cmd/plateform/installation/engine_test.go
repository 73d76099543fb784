package installation

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/plateform/plateform/manifest"
)

// URLs that lead elsewhere than where apps answer are told, with both settings; what is as it should be, or may be, is not.
func TestURLsThatLeadElsewhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, kind, listen string
		ingress            manifest.IngressSpec
		told               bool
	}{
		{"the same port", "local", "127.0.0.1:8480", manifest.IngressSpec{Port: 8480}, false},
		{"another port", "local", "127.0.0.1:8481", manifest.IngressSpec{Port: 8480}, true},
		{"no port in URLs", "local", "127.0.0.1:8480", manifest.IngressSpec{}, true},
		{"the usual port", "local", "0.0.0.0:80", manifest.IngressSpec{}, false},
		{"something in front speaks TLS", "local", "127.0.0.1:8480", manifest.IngressSpec{TLSIssuer: "ca"}, false},
		{"any port", "local", "127.0.0.1:0", manifest.IngressSpec{Port: 8480}, false},
		{"a cluster", "none", "127.0.0.1:8481", manifest.IngressSpec{Port: 8480}, false},
	} {
		told, fix := EngineSettings{Kind: tt.kind, Listen: tt.listen}.OtherPort(tt.ingress)
		if (told != "") != tt.told {
			t.Errorf("%s: %q is told", tt.name, told)
		}
		if tt.told && (!strings.Contains(told, tt.listen) || !strings.Contains(fix, "ingress.port") || !strings.Contains(fix, "engine.listen")) {
			t.Errorf("%s: %s (%s)", tt.name, told, fix)
		}
	}
}

// The port of engine.listen is in every URL, so where it is taken both settings are named.
func TestATakenAddressOfAppsNamesBothSettings(t *testing.T) {
	t.Parallel()
	var listening net.ListenConfig
	taken, err := listening.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	i := &Installation{apps: &apps{}, settings: &Settings{Engine: EngineSettings{Kind: EngineLocal, Listen: taken.Addr().String()}}}
	_, err = i.ListenApps(context.Background())
	if want := "set engine.listen in serve.yaml and ingress.port in platform.yaml, both"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("it says %v, want %q", err, want)
	}
}
