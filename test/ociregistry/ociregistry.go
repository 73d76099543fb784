// Package ociregistry is a real OCI registry in process, on loopback, for tests. It counts what is pushed, and it can ask
// for credentials, fail, and lie.
package ociregistry

import (
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	client "github.com/plateform/plateform/reconciler/registry"
)

// Registry is a running registry.
type Registry struct {
	// Host is its 127.0.0.1:port.
	Host string

	serve, direct http.Handler

	mu       sync.Mutex
	username string
	password string
	answer   func(http.ResponseWriter, *http.Request) bool
	requests int
	pushes   map[string]int
	// owners are the logins that alone are let in to repositories below a path; asked are who asked for which repository.
	owners map[string]login
	asked  map[string][]string
	// immutable: a tag that is there cannot be written again.
	immutable bool
}

type login struct{ username, password string }

// New starts a registry that ends with the test.
func New(t testing.TB) *Registry {
	t.Helper()
	return Of(t, registry.New(registry.Logger(log.New(io.Discard, "", 0))))
}

// Of is New for a registry of the caller's.
func Of(t testing.TB, images http.Handler) *Registry {
	t.Helper()
	r := &Registry{pushes: map[string]int{}, direct: images, owners: map[string]login{}, asked: map[string][]string{}}
	r.serve = r.handler(r.direct)
	server := httptest.NewServer(r)
	r.Host = strings.TrimPrefix(server.URL, "http://")
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return r
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.serve.ServeHTTP(w, request)
}

// ServeDirectly answers a request as the registry would without any fault.
func (r *Registry) ServeDirectly(w http.ResponseWriter, request *http.Request) {
	r.direct.ServeHTTP(w, request)
}

func (r *Registry) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.requests++
		answer := r.answer
		r.mu.Unlock()
		if answer != nil && answer(w, request) {
			return
		}
		if !r.admits(request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		if r.refuses(request, next) {
			http.Error(w, `{"errors":[{"code":"TAG_INVALID","message":"the tag already exists and cannot be overwritten because the repository is immutable"}]}`, http.StatusBadRequest)
			return
		}
		if path, isManifest := strings.CutPrefix(request.URL.Path, "/v2/"); isManifest && request.Method == http.MethodPut {
			if repository, tag, ok := strings.Cut(path, "/manifests/"); ok {
				r.mu.Lock()
				r.pushes[repository+":"+tag]++
				r.mu.Unlock()
			}
		}
		next.ServeHTTP(w, request)
	})
}

// admits says that whoever asks may, and notes who it is.
func (r *Registry) admits(request *http.Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	username, password, _ := request.BasicAuth()
	who := login{username, password}
	path := strings.TrimPrefix(request.URL.Path, "/v2/")
	if path == "" { // whoever is somebody is let in there
		for _, owner := range r.owners {
			if owner == who {
				return true
			}
		}
		return r.username == "" && len(r.owners) == 0 || r.username != "" && who == login{r.username, r.password}
	}
	repository := path
	for _, below := range []string{"/manifests/", "/blobs/", "/tags/"} {
		repository, _, _ = strings.Cut(repository, below)
	}
	if username != "" && !slices.Contains(r.asked[repository], username) {
		r.asked[repository] = append(r.asked[repository], username)
	}
	for prefix, owner := range r.owners {
		if strings.HasPrefix(path, prefix) {
			return owner == who
		}
	}
	return r.username == "" || who == login{r.username, r.password}
}

// Own has these credentials alone be let in to the repositories below a path, as apps/shop/. RequireLogin is for all others.
func (r *Registry) Own(path, username, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owners[path] = login{username, password}
}

// Askers are the usernames that asked for each repository, in the order of their first time, whether they were let in or not.
func (r *Registry) Askers() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.asked)
}

// refuses says that a request would write a tag again that must not be.
func (r *Registry) refuses(request *http.Request, next http.Handler) bool {
	r.mu.Lock()
	immutable := r.immutable
	r.mu.Unlock()
	if !immutable || request.Method != http.MethodPut || !strings.Contains(request.URL.Path, "/manifests/") || strings.Contains(request.URL.Path, "sha256:") {
		return false
	}
	there := httptest.NewRecorder()
	question := request.Clone(request.Context())
	question.Method, question.Body, question.ContentLength = http.MethodHead, http.NoBody, 0
	next.ServeHTTP(there, question)
	return there.Code == http.StatusOK
}

// Immutable makes tags that are there impossible to write again, also with the digest that they have.
func (r *Registry) Immutable(immutable bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.immutable = immutable
}

// RequireLogin makes the registry ask for these credentials.
func (r *Registry) RequireLogin(username, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.username, r.password = username, password
}

// Answer has requests answered by f, which says whether it did; nil gives the registry back. f is called by several
// goroutines.
func (r *Registry) Answer(f func(w http.ResponseWriter, request *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// Fail answers requests of this method to paths that contain part with a status; an empty method means all.
func (r *Registry) Fail(method, part string, status int) {
	r.Answer(func(w http.ResponseWriter, request *http.Request) bool {
		if method != "" && request.Method != method || !strings.Contains(request.URL.Path, part) {
			return false
		}
		http.Error(w, http.StatusText(status), status)
		return true
	})
}

// Pushes is how often each repository:tag was pushed.
func (r *Registry) Pushes() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.pushes)
}

// Requests is how many requests came.
func (r *Registry) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// Client returns a client of the registry that gives up at once, and ends with the test.
func (r *Registry) Client(t testing.TB, username, password string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{
		Username: username, Password: client.Password(password), RetryDelay: time.Millisecond,
		Host: func() string { return r.Host },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
