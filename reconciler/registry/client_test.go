package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"go.uber.org/goleak"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/ociregistry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t *testing.T, o registry.Options) *registry.Client {
	t.Helper()
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Millisecond
	}
	c, err := registry.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// newImage is an image of its own, with labels and ports.
func newImage(t *testing.T, config v1.Config) v1.Image {
	t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if image, err = mutate.Config(image, config); err != nil {
		t.Fatal(err)
	}
	return image
}

func push(t *testing.T, c *registry.Client, repository, tag string, image v1.Image) string {
	t.Helper()
	digest, err := c.Push(t.Context(), repository, tag, image)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestPushThenLookup(t *testing.T) {
	server := ociregistry.New(t)
	c := newClient(t, registry.Options{})
	labels := map[string]string{"org.opencontainers.image.revision": "4b825dc"}
	image := newImage(t, v1.Config{Labels: labels})
	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	repository := server.Host + "/ws-1/shop"
	if got := push(t, c, repository, "build-1", image); got != want.String() {
		t.Errorf("Push returned %s, want %s", got, want)
	}
	digest, found, err := c.Lookup(t.Context(), repository, "build-1")
	if err != nil {
		t.Fatal(err)
	}
	if digest != want.String() {
		t.Errorf("Lookup returned digest %s, want %s", digest, want)
	}
	if diff := cmp.Diff(labels, found); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"ws-1/shop:build-1": 1}, server.Pushes()); diff != "" {
		t.Errorf("pushes (-want +got):\n%s", diff)
	}
	for _, missing := range []string{repository + "/x", repository} {
		if _, _, err := c.Lookup(t.Context(), missing, "build-2"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Lookup of %s:build-2 = %v, want fs.ErrNotExist", missing, err)
		}
		if _, err := c.Digest(t.Context(), missing, "build-2"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Digest of %s:build-2 = %v, want fs.ErrNotExist", missing, err)
		}
	}
}

func TestTagIsIdempotent(t *testing.T) {
	server := ociregistry.New(t)
	c := newClient(t, registry.Options{})
	repository := server.Host + "/ws-1/shop"
	digest := push(t, c, repository, "build-1", newImage(t, v1.Config{}))
	for range 2 {
		if err := c.Tag(t.Context(), repository, digest, "v1.0.0"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Digest(t.Context(), repository, "v1.0.0")
	if err != nil || got != digest {
		t.Errorf("v1.0.0 is %s (%v), want %s", got, err, digest)
	}
	err = c.Tag(t.Context(), repository, "sha256:"+strings.Repeat("0", 64), "v1.0.1")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("tagging a digest that is not there = %v, want fs.ErrNotExist", err)
	}
}

func TestResolve(t *testing.T) {
	server := ociregistry.New(t)
	c := newClient(t, registry.Options{})
	repository := server.Host + "/acme/shop"
	ports := func(declared ...string) v1.Config {
		config := v1.Config{ExposedPorts: map[string]struct{}{}}
		for _, p := range declared {
			config.ExposedPorts[p] = struct{}{}
		}
		return config
	}
	one := push(t, c, repository, "1.0", newImage(t, ports("80/tcp", "80/udp")))
	two := push(t, c, repository, "latest", newImage(t, ports("80", "443/tcp")))
	tests := []struct {
		reference, digest, tag string
		port                   int
		err                    string
	}{
		{reference: repository + ":1.0", digest: one, tag: "1.0", port: 80},
		{reference: repository, digest: two, tag: "latest"},
		{reference: repository + "@" + one, digest: one, port: 80},
		{reference: repository + ":1.0@" + two, digest: two, tag: "1.0"},
		{reference: repository + ":2.0", err: "it does not exist there"},
		{reference: repository + "@sha256:" + strings.Repeat("0", 64), err: "it does not exist there"},
		{reference: "Not A Reference", err: "is no image reference"},
		{reference: repository + "@sha256:short", err: "is no image reference"},
		{reference: "", err: "is no image reference"},
	}
	for _, tt := range tests {
		t.Run(tt.reference, func(t *testing.T) {
			image, err := c.Resolve(t.Context(), tt.reference)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if image.Repository != repository || image.Digest != tt.digest || image.Tag != tt.tag || image.Port != tt.port {
				t.Errorf("got %+v, want %+v", image, tt)
			}
		})
	}
}

func TestResolveSaysWhetherToAskAgain(t *testing.T) {
	server := ociregistry.New(t)
	c := newClient(t, registry.Options{})
	reference := server.Host + "/acme/shop:1"
	push(t, c, server.Host+"/acme/shop", "1", newImage(t, v1.Config{}))
	server.Fail("", "/manifests/", http.StatusInternalServerError)
	_, err := c.Resolve(t.Context(), reference)
	var e *registry.Error
	if !errors.As(err, &e) || !e.Temporary() || !strings.Contains(err.Error(), "in trouble") {
		t.Fatalf("Resolve = %v, want a temporary error", err)
	}
	server.Answer(nil)
	if image, err := c.Resolve(t.Context(), reference); err != nil || image.Digest == "" {
		t.Errorf("got %+v, %v, want an image", image, err)
	}
}

func TestResolveTakesTheFirstImageOfAnIndex(t *testing.T) {
	server := ociregistry.New(t)
	index, err := random.Index(64, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := index.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, registry.Options{})
	put, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+server.Host+"/v2/acme/shop/manifests/1", strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range manifests.Manifests {
		image, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		push(t, c, server.Host+"/acme/shop", d.Digest.Hex[:8], image)
	}
	put.Header.Set("Content-Type", string(manifests.MediaType))
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(put)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	want, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	image, err := c.Resolve(t.Context(), server.Host+"/acme/shop:1")
	if err != nil || image.Digest != want.String() {
		t.Errorf("got %+v, %v, want the index %s", image, err, want)
	}
}

// TestErrorsSayWhatToDo goes through what a registry can answer. Nothing may be asked twice that will not go away, and
// nothing but the fault may be reported.
func TestErrorsSayWhatToDo(t *testing.T) {
	tests := []struct {
		status    int
		temporary bool
		says      string
	}{
		{http.StatusUnauthorized, false, "check registry.usernameFile"},
		{http.StatusForbidden, false, "no right"},
		{http.StatusNotFound, false, "does not exist there"},
		{http.StatusTooManyRequests, true, "limits how often"},
		{http.StatusInternalServerError, true, "in trouble"},
		{http.StatusBadGateway, true, "in trouble"},
	}
	for _, tt := range tests {
		t.Run(http.StatusText(tt.status), func(t *testing.T) {
			server := ociregistry.New(t)
			c := newClient(t, registry.Options{Username: "robot", Password: "hunter2"})
			var asked atomic.Int32
			server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				asked.Add(1)
				http.Error(w, "<html>\nhunter2\x1b[31m", tt.status)
				return true
			})
			_, err := c.Digest(t.Context(), server.Host+"/ws-1/shop", "v1.0.0")
			var e *registry.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *registry.Error", err)
			}
			if e.Status != tt.status || e.Temporary() != tt.temporary {
				t.Errorf("status %d, temporary %v; want %d, %v", e.Status, e.Temporary(), tt.status, tt.temporary)
			}
			wanted := int32(1)
			if tt.temporary {
				wanted = 3
			}
			if got := asked.Load(); got != wanted {
				t.Errorf("asked %d times, want %d", got, wanted)
			}
			for _, part := range []string{tt.says, server.Host + "/ws-1/shop", "v1.0.0"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q quotes the server's page", err)
			}
		})
	}
}

func TestTroubleThatGoesAway(t *testing.T) {
	server := ociregistry.New(t)
	c := newClient(t, registry.Options{})
	var failures atomic.Int32
	server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || failures.Add(1) > 2 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	push(t, c, server.Host+"/ws-1/shop", "build-1", newImage(t, v1.Config{}))
}

func TestAnotherDigestIsRefused(t *testing.T) {
	server := ociregistry.New(t)
	c := newClient(t, registry.Options{})
	repository := server.Host + "/ws-1/shop"
	honest := push(t, c, repository, "build-1", newImage(t, v1.Config{}))
	other := newImage(t, v1.Config{})
	raw, err := other.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	mediaType, err := other.MediaType()
	if err != nil {
		t.Fatal(err)
	}
	server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		w.Header().Set("Content-Type", string(mediaType))
		fmt.Fprintf(w, "%s", raw)
		return true
	})
	_, err = c.Push(t.Context(), repository, "build-2", newImage(t, v1.Config{}))
	if err == nil || !strings.Contains(err.Error(), "was written") {
		t.Errorf("pushing = %v, want an error about another digest", err)
	}
	_, err = c.Resolve(t.Context(), repository+"@"+honest)
	if err == nil || !strings.Contains(err.Error(), "other content than it was asked for") {
		t.Errorf("resolving a digest = %v, want an error about other content", err)
	}
}

func TestHugeAnswersAreRefused(t *testing.T) {
	chunk := strings.Repeat("x", 1<<20)
	for _, announced := range []bool{true, false} {
		t.Run(fmt.Sprintf("announced %v", announced), func(t *testing.T) {
			server := ociregistry.New(t)
			c := newClient(t, registry.Options{})
			var sent atomic.Int64
			server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				if announced {
					w.Header().Set("Content-Length", fmt.Sprint(100<<20))
				}
				for range 100 {
					n, err := w.Write([]byte(chunk))
					sent.Add(int64(n))
					if err != nil {
						break
					}
				}
				return true
			})
			_, err := c.Digest(t.Context(), server.Host+"/ws-1/shop", "v1.0.0")
			if err == nil || !strings.Contains(err.Error(), "larger than 4 MiB") {
				t.Errorf("error %v, want one about the size", err)
			}
			if sent.Load() >= 100<<20 {
				t.Error("all of it was read")
			}
		})
	}
}

func TestCredentialsGoToTheOwnRegistryOnly(t *testing.T) {
	own, other := ociregistry.New(t), ociregistry.New(t)
	publisher := newClient(t, registry.Options{})
	push(t, publisher, own.Host+"/ws-1/shop", "1", newImage(t, v1.Config{}))
	push(t, publisher, other.Host+"/acme/shop", "1", newImage(t, v1.Config{}))
	own.RequireLogin("robot", "hunter2")
	var leaked atomic.Bool
	other.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			leaked.Store(true)
		}
		return false
	})

	c := newClient(t, registry.Options{Username: "robot", Password: "hunter2", Host: func() string { return own.Host }})
	for _, reference := range []string{own.Host + "/ws-1/shop:1", other.Host + "/acme/shop:1"} {
		if _, err := c.Resolve(t.Context(), reference); err != nil {
			t.Errorf("resolving %s: %v", reference, err)
		}
	}
	if _, err := c.Digest(t.Context(), own.Host+"/ws-1/shop", "1"); err != nil {
		t.Errorf("reading the own registry: %v", err)
	}
	if leaked.Load() {
		t.Error("the other registry was sent the credentials")
	}
	stranger := newClient(t, registry.Options{Username: "robot", Password: "hunter2"})
	if _, err := stranger.Resolve(t.Context(), own.Host+"/ws-1/shop:1"); err == nil {
		t.Error("without a host, resolving sent the credentials")
	}
	wrong := newClient(t, registry.Options{Username: "robot", Password: "wrong"})
	_, err := wrong.Push(t.Context(), own.Host+"/ws-1/shop", "2", newImage(t, v1.Config{}))
	if err == nil || !strings.Contains(err.Error(), "registry.passwordFile") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password gives %v", err)
	}
}

func TestPasswordsDoNotShow(t *testing.T) {
	o := registry.Options{Username: "robot", Password: "hunter2"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, o); strings.Contains(got, "hunter2") {
			t.Errorf("%s shows %s", format, got)
		}
	}
	if _, err := registry.New(registry.Options{Username: "robot"}); err == nil {
		t.Error("a username without a password is accepted")
	}
}

// silent answers nothing until whoever asks goes away.
func silent(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

func TestASilentRegistryDoesNotHoldAnybody(t *testing.T) {
	server := ociregistry.New(t)
	server.Answer(silent)
	c := newClient(t, registry.Options{Timeout: 10 * time.Millisecond})
	_, err := c.Digest(t.Context(), server.Host+"/ws-1/shop", "v1.0.0")
	var e *registry.Error
	if !errors.As(err, &e) || !e.Temporary() || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("error %v, want a temporary one about no answer", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	entered := make(chan struct{}, 10)
	server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		entered <- struct{}{}
		return silent(w, r)
	})
	patient := newClient(t, registry.Options{Timeout: time.Hour})
	go func() {
		<-entered
		cancel()
	}()
	if _, err := patient.Digest(ctx, server.Host+"/ws-1/shop", "v1.0.0"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestNobodyListens(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c := newClient(t, registry.Options{})
	_, err := c.Digest(t.Context(), strings.TrimPrefix(gone.URL, "http://")+"/ws-1/shop", "v1.0.0")
	var e *registry.Error
	if !errors.As(err, &e) || !e.Temporary() || !strings.Contains(err.Error(), "reachable") {
		t.Errorf("error %v, want a temporary one about reaching it", err)
	}
}

// A copy is the same image in another repository. Layers that the registry has are mounted, and not sent again.
func TestCopy(t *testing.T) {
	server := ociregistry.New(t)
	c := newClient(t, registry.Options{})
	from, to := server.Host+"/ws-1/shop", server.Host+"/ws-1/blog"
	image := newImage(t, v1.Config{Labels: map[string]string{"a": "b"}})
	digest := push(t, c, from, "build-one", image)
	for range 2 { // again changes nothing
		if err := c.Copy(t.Context(), from, digest, to, "build-two"); err != nil {
			t.Fatal(err)
		}
	}
	got, labels, err := c.Lookup(t.Context(), to, "build-two")
	if err != nil || got != digest || labels["a"] != "b" {
		t.Errorf("there is %s with %v: %v", got, labels, err)
	}
	if err := c.Copy(t.Context(), from, digest, from, "build-three"); err != nil {
		t.Errorf("in its own repository: %v", err)
	}
	if got, err := c.Digest(t.Context(), from, "build-three"); err != nil || got != digest {
		t.Errorf("in its own repository there is %s: %v", got, err)
	}
	push(t, c, to, "taken", newImage(t, v1.Config{}))
	var taken *reconciler.TagTakenError
	if err := c.Copy(t.Context(), from, digest, to, "taken"); !errors.As(err, &taken) {
		t.Errorf("over somebody else's tag: %v", err)
	}
	if err := c.Copy(t.Context(), from, "sha256:"+strings.Repeat("1", 64), to, "nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of what is not there: %v", err)
	}
	if err := c.Copy(t.Context(), from, "no digest", to, "nothing"); err == nil {
		t.Error("of what is no digest")
	}
}

// A registry that answers for a digest with another image is not believed.
func TestCopyVerifiesWhatItCopies(t *testing.T) {
	server := ociregistry.New(t)
	c := newClient(t, registry.Options{})
	from, to := server.Host+"/ws-1/shop", server.Host+"/ws-1/blog"
	digest := push(t, c, from, "one", newImage(t, v1.Config{}))
	other := push(t, c, from, "two", newImage(t, v1.Config{Labels: map[string]string{"a": "b"}}))
	server.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
		r.URL.Path = strings.Replace(r.URL.Path, "/ws-1/shop/manifests/"+digest, "/ws-1/shop/manifests/"+other, 1)
		return false
	})
	if err := c.Copy(t.Context(), from, digest, to, "three"); err == nil {
		t.Error("it was copied")
	}
	server.Answer(nil)
	if _, err := c.Digest(t.Context(), to, "three"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy is there: %v", err)
	}
}
