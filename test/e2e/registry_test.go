package e2e

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	containers "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/test/harborserver"
)

// registry is a real OCI registry on loopback that counts what is pushed, and lets a test hold, refuse or watch requests.
type registry struct {
	t    *testing.T
	host string

	mu     sync.Mutex
	pushes map[string]int           // repository:tag → how often its manifest was pushed
	gates  map[string]chan struct{} // repository → pushes wait until it is closed
	denied map[string]bool          // repository → pushes are refused
	before func(method, path string)
	after  func(method, path string)
	// lets says whether Plateform may with the login that a request comes with; everybody may when it is nil.
	lets func(username, password, path string) bool
	// logins are keys of registry in serve.yaml beyond the usual, each with a comma in front.
	logins string
	// images answers requests as they are.
	images http.Handler
	// scanner makes it a Harbor; nil for a registry that scans nothing.
	scanner *harborserver.Server
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{t: t, pushes: map[string]int{}, gates: map[string]chan struct{}{}, denied: map[string]bool{}}
	r.images = containers.New(containers.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(r.handler(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) { r.images.ServeHTTP(w, request) })))
	r.host = strings.TrimPrefix(server.URL, "http://")
	t.Cleanup(func() {
		r.openAll()
		server.CloseClientConnections()
		server.Close()
	})
	return r
}

func (r *registry) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		repository, tag := pushed(request)
		if repository != "" && !r.admit(request, repository) {
			http.Error(w, `{"errors":[{"code":"DENIED","message":"the registry is closed for maintenance"}]}`, http.StatusForbidden)
			return
		}
		r.mu.Lock()
		before, after, lets := r.before, r.after, r.lets
		if tag != "" {
			r.pushes[repository+":"+tag]++
		}
		r.mu.Unlock()
		if r.scanner != nil && r.scanner.Answer(w, request) {
			return
		}
		username, password, _ := request.BasicAuth()
		if lets != nil && strings.HasPrefix(request.UserAgent(), "plateform") && !lets(username, password, strings.TrimPrefix(request.URL.Path, "/v2/")) {
			w.Header().Set("WWW-Authenticate", `Basic realm="images"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"log in first"}]}`, http.StatusUnauthorized)
			return
		}
		if before != nil {
			before(request.Method, request.URL.Path)
		}
		next.ServeHTTP(w, request)
		if after != nil {
			after(request.Method, request.URL.Path)
		}
	})
}

// admit holds a push at its repository's gate; false when the push is refused.
func (r *registry) admit(request *http.Request, repository string) bool {
	r.mu.Lock()
	gate, denied := r.gates[repository], r.denied[repository]
	r.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-request.Context().Done():
		}
	}
	return !denied
}

// pushed tells which repository a request writes to, and which tag when it writes a manifest.
func pushed(request *http.Request) (repository, tag string) {
	if request.Method != http.MethodPut && request.Method != http.MethodPost && request.Method != http.MethodPatch {
		return "", ""
	}
	rest := strings.TrimPrefix(request.URL.Path, "/v2/")
	if repository, tag, ok := strings.Cut(rest, "/manifests/"); ok {
		return repository, tag
	}
	repository, _, _ = strings.Cut(rest, "/blobs/")
	return repository, ""
}

// hold keeps every push to the repository waiting until the returned function is called.
func (r *registry) hold(repository string) (open func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gates[repository] = make(chan struct{})
	return func() { r.open(repository) }
}

func (r *registry) open(repository string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if gate := r.gates[repository]; gate != nil {
		close(gate)
		delete(r.gates, repository)
	}
}

func (r *registry) openAll() {
	r.mu.Lock()
	repositories := maps.Clone(r.gates)
	r.mu.Unlock()
	for repository := range repositories {
		r.open(repository)
	}
}

// deny refuses all pushes to the repository, or takes them again.
func (r *registry) deny(repository string, denied bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.denied[repository] = denied
}

// watch calls the functions around every request; nil to stop.
func (r *registry) watch(before, after func(method, path string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before, r.after = before, after
}

// builds is how often each build of the repository pushed its image, by the build's tag.
func (r *registry) builds(repository string) map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]int{}
	for reference, count := range r.pushes {
		if tag, ok := strings.CutPrefix(reference, repository+":"); ok && strings.HasPrefix(tag, "build-") {
			found[tag] = count
		}
	}
	return found
}

// digest is what a reference (repository:tag or repository@digest) of this registry points at; empty when it is not there.
func (r *registry) digest(reference string) string {
	ref, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		r.t.Fatal(err)
	}
	found, err := remote.Head(ref)
	if err != nil {
		return ""
	}
	return found.Digest.String()
}

// tagged waits until the tag of a release is on its image, which comes a little after the release.
func (p *project) tagged(version string, i image) {
	p.w.t.Helper()
	p.w.await(p.name+" to be tagged "+version, func() error {
		if got := p.w.registry.digest(i.Repository + ":" + version); got != i.Digest {
			return fmt.Errorf("the registry has %q there, want %s", got, i.Digest)
		}
		return nil
	})
}

// publish pushes an image that nobody built here, and returns its digest.
func (r *registry) publish(repositoryAndTag string) string {
	r.t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		r.t.Fatal(err)
	}
	ref, err := name.ParseReference(r.host+"/"+repositoryAndTag, name.Insecure)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		r.t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		r.t.Fatal(err)
	}
	return digest.String()
}

// runImage runs the program of an image on this machine and returns what it prints.
func (r *registry) runImage(repository, digest string) string {
	r.t.Helper()
	ref, err := name.NewDigest(repository+"@"+digest, name.Insecure)
	if err != nil {
		r.t.Fatal(err)
	}
	image, err := remote.Image(ref)
	if err != nil {
		r.t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		r.t.Fatal(err)
	}
	start := append(config.Config.Entrypoint, config.Config.Cmd...)
	if len(start) == 0 {
		r.t.Fatalf("%s@%s has no entrypoint", repository, digest)
	}
	program := filepath.Join(r.t.TempDir(), "program")
	extract(r.t, image, start[0], program)
	for {
		out, err := exec.Command(program, start[1:]...).Output()
		if errors.Is(err, syscall.ETXTBSY) {
			continue // a process that was forked while the file was written still has it open for writing
		}
		if err != nil {
			r.t.Fatalf("running %s@%s: %v", repository, digest, err)
		}
		return strings.TrimSpace(string(out))
	}
}

// extract writes one file of an image to disk.
func extract(t *testing.T, image v1.Image, file, to string) {
	t.Helper()
	content := mutate.Extract(image)
	defer content.Close()
	archive := tar.NewReader(content)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("%s is not in the image", file)
		}
		if err != nil {
			t.Fatal(err)
		}
		if path.Clean("/"+header.Name) != path.Clean("/"+file) {
			continue
		}
		b, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o755); err != nil {
			t.Fatal(err)
		}
		return
	}
}
