package registry_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/ociregistry"
)

// Registries with immutable tags refuse also what is there already, each in its own way.
func TestATagThatIsThereIsFine(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusPreconditionFailed, http.StatusMethodNotAllowed} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			server := ociregistry.New(t)
			c := newClient(t, registry.Options{})
			repository, image := server.Host+"/ws-1/shop", newImage(t, v1.Config{})
			digest := push(t, c, repository, "build-1", image)
			if err := c.Tag(t.Context(), repository, digest, "v1.0.0"); err != nil {
				t.Fatal(err)
			}
			server.Fail(http.MethodPut, "/manifests/", status)
			if err := c.Tag(t.Context(), repository, digest, "v1.0.0"); err != nil {
				t.Errorf("tagging again: %v", err)
			}
			if again, err := c.Push(t.Context(), repository, "build-1", image); err != nil || again != digest {
				t.Errorf("pushing again: %s, %v", again, err)
			}
			if err := c.Tag(t.Context(), repository, digest, "v1.0.1"); err == nil {
				t.Error("a tag that is not there and may not be written was written")
			}
		})
	}
}

func TestATagOfSomebodyElseIsLeftAlone(t *testing.T) {
	for _, immutable := range []bool{false, true} {
		server := ociregistry.New(t)
		c := newClient(t, registry.Options{})
		repository := server.Host + "/ws-1/shop"
		theirs := push(t, c, repository, "v1.0.0", newImage(t, v1.Config{}))
		shelf{t, server.Host, "ws-1/shop"}.artifact("v1.0.1", "application/vnd.cncf.helm.config.v1+json", "application/tar")
		chart, err := c.Digest(t.Context(), repository, "build-1")
		if err == nil {
			t.Fatalf("build-1 is %s already", chart)
		}
		image := newImage(t, v1.Config{})
		ours := push(t, c, repository, "build-1", image)
		server.Immutable(immutable)
		for _, tag := range []string{"v1.0.0", "v1.0.1"} {
			var taken *reconciler.TagTakenError
			if err := c.Tag(t.Context(), repository, ours, tag); !errors.As(err, &taken) || taken.Wanted != ours || taken.Tag != tag || taken.Repository != repository {
				t.Errorf("Tag %s = %v, want that it is taken", tag, err)
			}
			if _, err := c.Push(t.Context(), repository, tag, image); !errors.As(err, &taken) || taken.Temporary() {
				t.Errorf("Push %s = %v, want that it is taken", tag, err)
			}
		}
		if now, err := c.Digest(t.Context(), repository, "v1.0.0"); err != nil || now != theirs {
			t.Errorf("v1.0.0 is %s (%v), want %s", now, err, theirs)
		}
	}
}

// retag has a registry give a tag of ws-1/shop to a manifest that it has, as if somebody else had asked for it.
func retag(server *ociregistry.Registry, digest, tag string) {
	const manifests = "/v2/ws-1/shop/manifests/"
	there := httptest.NewRecorder()
	server.ServeDirectly(there, httptest.NewRequest(http.MethodGet, manifests+digest, nil))
	put := httptest.NewRequest(http.MethodPut, manifests+tag, there.Body)
	put.Header.Set("Content-Type", there.Header().Get("Content-Type"))
	server.ServeDirectly(httptest.NewRecorder(), put)
}

// Somebody else writes a tag after it was looked for: before an image that is uploaded gets there, or just before it is written.
func TestSomebodyElseIsFaster(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		same         bool // they write what we do
		refuse       int  // how a write is answered then
	}{
		{"while layers are uploaded", http.MethodPost, false, 0},
		{"with another image, on an immutable tag", http.MethodPut, false, http.StatusConflict},
		{"with the same image, on an immutable tag", http.MethodPut, true, http.StatusConflict},
		{"with the same image, where that is forbidden", http.MethodPut, true, http.StatusForbidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := ociregistry.New(t)
			c := newClient(t, registry.Options{})
			repository, image := server.Host+"/ws-1/shop", newImage(t, v1.Config{})
			theirs := push(t, c, repository, "theirs", newImage(t, v1.Config{}))
			if tt.same {
				theirs = push(t, c, repository, "ours", image)
			}
			var once sync.Once
			server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != tt.method || r.Method == http.MethodPut && !strings.HasSuffix(r.URL.Path, "/manifests/v1.0.0") {
					return false
				}
				once.Do(func() { retag(server, theirs, "v1.0.0") })
				if tt.refuse != 0 {
					w.WriteHeader(tt.refuse)
				}
				return tt.refuse != 0
			})
			_, err := c.Push(t.Context(), repository, "v1.0.0", image)
			var taken *reconciler.TagTakenError
			if tt.same != (err == nil) || !tt.same && (!errors.As(err, &taken) || taken.Digest != theirs) {
				t.Errorf("Push = %v, want it to be fine: %t, and else taken by %s", err, tt.same, theirs)
			}
			if now, err := c.Digest(t.Context(), repository, "v1.0.0"); err != nil || now != theirs {
				t.Errorf("v1.0.0 is %s (%v), want %s", now, err, theirs)
			}
		})
	}
}

// A pusher that remembers what it has uploaded would not do it again for a registry that has lost it.
func TestWhatTheRegistryLostIsPushedAgain(t *testing.T) {
	first, second := ociregistry.New(t), ociregistry.New(t)
	c := newClient(t, registry.Options{})
	repository, image := first.Host+"/ws-1/shop", newImage(t, v1.Config{})
	push(t, c, repository, "build-1", image)
	var uploads atomic.Int32
	first.Answer(func(w http.ResponseWriter, r *http.Request) bool { // from now on all is as on the second, which has nothing
		if r.Method == http.MethodPost {
			uploads.Add(1)
		}
		second.ServeHTTP(w, r)
		return true
	})
	push(t, c, repository, "build-1", image)
	if n := uploads.Load(); n != 2 { // a layer and the config
		t.Errorf("%d blobs were uploaded again, want 2", n)
	}
}

func TestHas(t *testing.T) {
	missing := "sha256:" + strings.Repeat("0", 64)
	headless := func(status int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				w.WriteHeader(status)
			}
			return r.Method == http.MethodHead
		}
	}
	everything := func(status int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			return true
		}
	}
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		there  bool // of what is there
		unsure bool
	}{
		{"as it should be", nil, true, false},
		{"HEAD is 404", headless(http.StatusNotFound), true, false},
		{"HEAD is 405", headless(http.StatusMethodNotAllowed), true, false},
		{"HEAD is 403", headless(http.StatusForbidden), true, false},
		{"all is 404, as from a proxy", everything(http.StatusNotFound), false, true},
		{"500", everything(http.StatusInternalServerError), false, true},
		{"401", everything(http.StatusUnauthorized), false, true},
		{"403", everything(http.StatusForbidden), false, true},
		{"429", everything(http.StatusTooManyRequests), false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := ociregistry.New(t)
			repository := server.Host + "/ws-1/shop"
			digest := push(t, newClient(t, registry.Options{}), repository, "build-1", newImage(t, v1.Config{}))
			server.Answer(tt.answer)
			c := newClient(t, registry.Options{})
			if there, err := c.Has(t.Context(), repository, digest); there != tt.there || (err != nil) != tt.unsure {
				t.Errorf("of what is there: %v, %v", there, err)
			}
			if there, err := c.Has(t.Context(), repository, missing); there || (err != nil) != tt.unsure {
				t.Errorf("of what is not there: %v, %v", there, err)
			}
		})
	}
	if there, err := newClient(t, registry.Options{}).Has(t.Context(), "127.0.0.1:1/ws-1/shop", missing); there || err == nil {
		t.Errorf("of a registry that is not there: %v, %v", there, err)
	}
}
