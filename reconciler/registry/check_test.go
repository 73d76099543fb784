package registry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/ociregistry"
)

func TestCheck(t *testing.T) {
	server := ociregistry.New(t)
	server.RequireLogin("robot", "right")
	host := server.Host
	tests := []struct {
		name    string
		options registry.Options
		host    string
		want    string // in the error; "" for none
	}{
		{"no credentials needed", registry.Options{}, ociregistry.New(t).Host, ""},
		{"the right ones", registry.Options{Username: "robot", Password: "right"}, host, ""},
		{"the wrong ones", registry.Options{Username: "robot", Password: "wrong"}, host, "does not accept the credentials"},
		{"none", registry.Options{}, host, "does not accept the credentials"},
		{"nobody there", registry.Options{}, "127.0.0.1:1", "check that the registry is up"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, err := newClient(t, tt.options).Check(t.Context(), tt.host+"/ws-1/shop")
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Fatalf("got %v, want %q in it", err, tt.want)
			case err != nil && (strings.Contains(err.Error(), "wrong") || !errors.As(err, new(*registry.Error))):
				t.Errorf("the error %v shows the password or has no type", err)
			case answer.Encrypted:
				t.Error("plain HTTP is taken for HTTPS")
			}
		})
	}
	if len(server.Pushes()) > 0 {
		t.Errorf("the check pushed %v", server.Pushes())
	}
}
