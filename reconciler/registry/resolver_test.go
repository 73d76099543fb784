package registry_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/buildertest"
	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/ociregistry"
)

func newResolver(t *testing.T, c *registry.Client, next reconciler.Builder, notify func(string)) *registry.Resolver {
	t.Helper()
	r, err := registry.NewResolver(c, next, notify)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestResolverIsABuilder(t *testing.T) {
	buildertest.Run(t, func(t *testing.T) buildertest.Subject {
		server := ociregistry.New(t)
		c := newClient(t, registry.Options{})
		push(t, c, server.Host+"/acme/shop", "1", newImage(t, v1.Config{}))
		return buildertest.Subject{
			Open: func(t *testing.T, notify func(string)) reconciler.Builder { return newResolver(t, c, nil, notify) },
			Good: reconciler.BuildRequest{ID: "good", Image: "app", Reference: server.Host + "/acme/shop:1"},
			Bad:  reconciler.BuildRequest{ID: "bad", Image: "app", Reference: server.Host + "/acme/shop:2"},
			Mend: func(t *testing.T) { push(t, c, server.Host+"/acme/shop", "2", newImage(t, v1.Config{})) },
		}
	})
}

func TestResolverAsksAgainWhenTheRegistryIsInTrouble(t *testing.T) {
	server := ociregistry.New(t)
	c := newClient(t, registry.Options{})
	push(t, c, server.Host+"/acme/shop", "1", newImage(t, v1.Config{}))
	r := newResolver(t, c, nil, nil)
	request := reconciler.BuildRequest{ID: "x", Image: "app", Reference: server.Host + "/acme/shop:1"}
	server.Fail("", "/manifests/", http.StatusInternalServerError)
	if err := r.Start(t.Context(), request); err == nil || !strings.Contains(err.Error(), "in trouble") {
		t.Fatalf("Start = %v, want an error, so that it is asked again", err)
	}
	server.Answer(nil)
	if err := r.Start(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	status, err := r.Status(t.Context(), "x")
	if err != nil || status.Image == nil {
		t.Errorf("got %+v, %v, want an image", status, err)
	}
}

func TestATagIsResolvedOnce(t *testing.T) {
	server := ociregistry.New(t)
	c := newClient(t, registry.Options{})
	first := push(t, c, server.Host+"/acme/shop", "1", newImage(t, v1.Config{}))
	r := newResolver(t, c, nil, nil)
	request := reconciler.BuildRequest{ID: "x", Image: "app", Reference: server.Host + "/acme/shop:1"}
	for range 2 {
		if err := r.Start(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		push(t, c, server.Host+"/acme/shop", "1", newImage(t, v1.Config{}))
	}
	status, err := r.Status(t.Context(), "x")
	if err != nil || status.Image == nil || status.Image.Digest != first {
		t.Errorf("got %+v, %v, want the digest at the time of the first start", status, err)
	}
}

// recorder is a builder that notes what it is asked.
type recorder struct{ asked []string }

func (r *recorder) Start(_ context.Context, request reconciler.BuildRequest) error {
	r.asked = append(r.asked, "start "+request.ID)
	return nil
}

func (r *recorder) Status(_ context.Context, id string) (reconciler.BuildStatus, error) {
	r.asked = append(r.asked, "status "+id)
	return reconciler.BuildStatus{}, nil
}

func (r *recorder) Cancel(_ context.Context, id string) error {
	r.asked = append(r.asked, "cancel "+id)
	return nil
}

func (r *recorder) Forget(_ context.Context, id string) error {
	r.asked = append(r.asked, "forget "+id)
	return nil
}

func TestSourcesGoToTheNextBuilder(t *testing.T) {
	next := &recorder{}
	r := newResolver(t, newClient(t, registry.Options{}), next, nil)
	ctx := t.Context()
	if err := r.Start(ctx, reconciler.BuildRequest{ID: "x", Repository: "https://github.com/acme/shop"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Status(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	if err := r.Cancel(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	if err := r.Forget(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(next.asked, ", "); got != "start x, status x, cancel x, forget x" {
		t.Errorf("the next builder was asked: %s", got)
	}
}

func TestWithoutABuilderSourcesFail(t *testing.T) {
	r := newResolver(t, newClient(t, registry.Options{}), nil, nil)
	if err := r.Start(t.Context(), reconciler.BuildRequest{ID: "x", Repository: "https://github.com/acme/shop"}); err != nil {
		t.Fatal(err)
	}
	status, err := r.Status(t.Context(), "x")
	if err != nil || status.Failure == nil || !strings.Contains(status.Failure.Summary, "set builder.kind") {
		t.Errorf("got %+v, %v, want a failure that says what to set", status, err)
	}
}
