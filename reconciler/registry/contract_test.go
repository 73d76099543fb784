package registry_test

import (
	"errors"
	"io/fs"
	"net/http"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/reconciler/registrytest"
	"github.com/plateform/plateform/test/ociregistry"
)

func TestClientIsARegistry(t *testing.T) {
	registrytest.Run(t, func(t *testing.T) registrytest.Subject {
		server := ociregistry.New(t)
		c := newClient(t, registry.Options{})
		repository := server.Host + "/ws-1/shop"
		return registrytest.Subject{
			Registry: c, Repository: repository, Tag: "build-1",
			Digest: push(t, c, repository, "build-1", newImage(t, v1.Config{})),
			Other:  push(t, c, repository, "build-2", newImage(t, v1.Config{})),
			Freeze: func(*testing.T) { server.Immutable(true) },
			Tagged: func(t *testing.T, tag string) string {
				digest, err := newClient(t, registry.Options{}).Digest(t.Context(), repository, tag)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
				return digest
			},
			Break:   func(*testing.T) { server.Fail("", "/v2/", http.StatusInternalServerError) },
			Silence: func(*testing.T) { server.Answer(silent) },
		}
	})
}
