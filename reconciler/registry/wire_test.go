package registry_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/registry"
	"github.com/plateform/plateform/test/ociregistry"
)

// tokens is a token server: a token is good for some requests, and for what it was asked for.
type tokens struct {
	mu     sync.Mutex
	given  int
	scopes []string
	// left is how many more requests the newest token is good for.
	left int
	uses int
}

func (k *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if user, password, _ := r.BasicAuth(); user != "robot" || password != "hunter2" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	k.given++
	k.left = k.uses
	k.scopes = append(k.scopes, r.URL.Query()["scope"]...)
	fmt.Fprintf(w, `{"token":"token-%d","expires_in":60}`, k.given)
}

// admit says whether a request may go on to the registry.
func (k *tokens) admit(realm string, w http.ResponseWriter, r *http.Request) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.Header.Get("Authorization") == fmt.Sprintf("Bearer token-%d", k.given) && k.left > 0 {
		k.left--
		return true
	}
	scope := "repository:ws-1/shop:pull"
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		scope += ",push"
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="registry.test",scope="%s"`, realm, scope))
	w.WriteHeader(http.StatusUnauthorized)
	return false
}

func TestTokensAreFetchedAgainWhenTheyExpire(t *testing.T) {
	for _, uses := range []int{2, 3, 1000} {
		t.Run(fmt.Sprintf("good for %d requests", uses), func(t *testing.T) {
			server, k := ociregistry.New(t), &tokens{uses: uses}
			realm := httptest.NewServer(k)
			t.Cleanup(realm.Close)
			server.Answer(func(w http.ResponseWriter, r *http.Request) bool { return !k.admit(realm.URL, w, r) })
			c := newClient(t, registry.Options{Username: "robot", Password: "hunter2", Host: func() string { return server.Host }})
			repository := server.Host + "/ws-1/shop"
			digest := push(t, c, repository, "build-1", newImage(t, v1.Config{}))
			if err := c.Tag(t.Context(), repository, digest, "v1.0.0"); err != nil {
				t.Fatal(err)
			}
			if there, err := c.Has(t.Context(), repository, digest); err != nil || !there {
				t.Errorf("Has = %v, %v", there, err)
			}
			if _, err := c.Resolve(t.Context(), repository+":v1.0.0"); err != nil {
				t.Error(err)
			}
			if all := strings.Join(k.scopes, " "); !strings.Contains(all, "repository:ws-1/shop:push,pull") && !strings.Contains(all, "repository:ws-1/shop:pull,push") {
				t.Errorf("nothing was asked for pushing: %s", all)
			}
		})
	}
}

// Blobs may be on another host, which is nobody's to know the credentials of.
func TestBlobsElsewhereGetNoCredentials(t *testing.T) {
	server := ociregistry.New(t)
	repository := server.Host + "/ws-1/shop"
	push(t, newClient(t, registry.Options{}), repository, "1", newImage(t, v1.Config{ExposedPorts: map[string]struct{}{"8080/tcp": {}}}))
	server.RequireLogin("robot", "hunter2")
	var leaked, asked atomic.Bool
	storage := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(true)
		leaked.Store(leaked.Load() || r.Header.Get("Authorization") != "" || strings.Contains(r.URL.String(), "hunter2"))
		r.SetBasicAuth("robot", "hunter2")
		server.ServeHTTP(w, r)
	}))
	elsewhere := "localhost"
	if inside, err := net.Listen("tcp", "127.0.0.2:0"); err == nil { // not on every system
		storage.Listener.Close()
		storage.Listener, elsewhere = inside, "127.0.0.2"
	}
	storage.Start()
	t.Cleanup(storage.Close)
	_, port, err := net.SplitHostPort(storage.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere = "http://" + net.JoinHostPort(elsewhere, port)
	server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") || r.Host != server.Host {
			return false
		}
		http.Redirect(w, r, elsewhere+r.URL.Path+"?signature=1", http.StatusTemporaryRedirect)
		return true
	})
	c := newClient(t, registry.Options{Username: "robot", Password: "hunter2", Host: func() string { return server.Host }})
	image, err := c.Resolve(t.Context(), repository+":1")
	if err != nil || image.Port != 8080 {
		t.Errorf("Resolve = %+v, %v, want the port that the config names", image, err)
	}
	if !asked.Load() || leaked.Load() {
		t.Errorf("the storage was asked: %t, and sent the credentials: %t", asked.Load(), leaked.Load())
	}
}

// A registry that anybody may name has us ask its own machine for a token, and no other by way of how token servers are named
// in between.
func TestTokenServersElsewhereAreNotAsked(t *testing.T) {
	var asked atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, `{"token":"x"}`)
	}))
	t.Cleanup(inside.Close)
	elsewhere := strings.Replace(inside.URL, "127.0.0.1", "localhost", 1) + "/token"
	for _, c := range []struct {
		realm string // %s is the host of the registry
		want  int32
	}{
		{inside.URL + "/token", 1}, // the control: the registry's own machine
		{"http://%s/.plateform-realm/" + base64.RawURLEncoding.EncodeToString([]byte(elsewhere)), 0},
	} {
		asked.Store(0)
		server := ociregistry.New(t)
		server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") != "" {
				return false
			}
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s",service="x"`, strings.ReplaceAll(c.realm, "%s", server.Host)))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		_, err := newClient(t, registry.Options{}).Resolve(t.Context(), server.Host+"/acme/shop:1")
		if n := asked.Load(); (n > 0) != (c.want > 0) {
			t.Errorf("%s: the machine was asked %d times (%v), want %d", c.realm, n, err, c.want)
		}
	}
}

func TestRetryAfterIsSaid(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		status      int
		after, date string
		want        time.Duration
	}{
		{http.StatusTooManyRequests, "40", "", 40 * time.Second},
		{http.StatusServiceUnavailable, "120", "", 2 * time.Minute},
		{http.StatusTooManyRequests, now.Add(90 * time.Second).Format(http.TimeFormat), now.Format(http.TimeFormat), 90 * time.Second},
		{http.StatusTooManyRequests, now.Add(-time.Hour).Format(http.TimeFormat), now.Format(http.TimeFormat), 0},
		{http.StatusTooManyRequests, "86400", "", time.Hour},
		{http.StatusTooManyRequests, "999999999", "", time.Hour},
		{http.StatusTooManyRequests, "99999999999999999999999", "", time.Hour},
		{http.StatusTooManyRequests, "soon", "", 0},
		{http.StatusTooManyRequests, "", "", 0},
		{http.StatusNotFound, "40", "", 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, tt.after), func(t *testing.T) {
			server := ociregistry.New(t)
			var asked atomic.Int32
			server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				asked.Add(1)
				if tt.date != "" {
					w.Header().Set("Date", tt.date)
				}
				w.Header().Set("Retry-After", tt.after)
				w.WriteHeader(tt.status)
				return true
			})
			_, err := newClient(t, registry.Options{}).Resolve(t.Context(), server.Host+"/acme/shop:1")
			var e *registry.Error
			if !errors.As(err, &e) || e.RetryAfter() != tt.want {
				t.Fatalf("Resolve = %v, want it to be asked again after %v", err, tt.want)
			}
			if tt.want > 0 && (asked.Load() != 1 || !strings.Contains(err.Error(), tt.want.String())) {
				t.Errorf("asked %d times: %v, want once and the time in it", asked.Load(), err)
			}
		})
	}
}

// A registry that asks to be left alone is, with all that is in it, until then; others are not affected.
func TestARegistryIsLeftAloneAsAWhole(t *testing.T) {
	var clock atomic.Int64 // in seconds
	now := func() time.Time { return time.Unix(clock.Load(), 0) }
	busy, other := ociregistry.New(t), ociregistry.New(t)
	client := newClient(t, registry.Options{Clock: now})
	for _, ref := range []string{busy.Host + "/acme/cart", busy.Host + "/acme/shop", other.Host + "/acme/shop"} {
		push(t, client, ref, "1", newImage(t, v1.Config{}))
	}
	var asked atomic.Int32
	busy.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		asked.Add(1)
		if !strings.Contains(r.URL.Path, "/acme/cart/") || clock.Load() >= 90 {
			return false
		}
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	if _, err := client.Resolve(t.Context(), busy.Host+"/acme/cart:1"); err == nil {
		t.Fatal("what is limited could be resolved")
	}
	before := asked.Load()

	clock.Store(30)
	_, err := client.Resolve(t.Context(), busy.Host+"/acme/shop:1")
	var e *registry.Error
	if !errors.As(err, &e) || e.RetryAfter() != time.Minute || !e.Temporary() || e.Status != http.StatusTooManyRequests || !strings.Contains(err.Error(), "left alone for 1m0s") {
		t.Errorf("the other repository: %v, want it to be asked in a minute", err)
	}
	if _, err := client.Has(t.Context(), busy.Host+"/acme/shop", "sha256:"+strings.Repeat("0", 64)); reconciler.RetryAfter(err) != time.Minute {
		t.Errorf("asked for a digest: %v, want it to be asked in a minute", err)
	}
	if asked.Load() != before {
		t.Errorf("it was asked %d times meanwhile", asked.Load()-before)
	}
	if _, err := client.Resolve(t.Context(), other.Host+"/acme/shop:1"); err != nil {
		t.Errorf("the other registry: %v", err)
	}
	clock.Store(90)
	for _, name := range []string{"shop", "cart"} {
		if _, err := client.Resolve(t.Context(), busy.Host+"/acme/"+name+":1"); err != nil {
			t.Errorf("%s when the time is over: %v", name, err)
		}
	}
}

func TestAPushWaitsAsLongAsItIsAskedTo(t *testing.T) {
	server := ociregistry.New(t)
	var refused atomic.Int32
	server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || refused.Add(1) > 1 {
			return false
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	begun := time.Now()
	push(t, newClient(t, registry.Options{}), server.Host+"/ws-1/shop", "build-1", newImage(t, v1.Config{}))
	if took := time.Since(begun); took < time.Second {
		t.Errorf("pushed after %v, want a second", took)
	}
}

// Some registries do not know HEAD, and some do not say the digest of what they send.
func TestRegistriesThatSayLess(t *testing.T) {
	for _, status := range []int{http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusNotFound} {
		server := ociregistry.New(t)
		server.Answer(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				w.WriteHeader(status)
				return true
			}
			kept := httptest.NewRecorder()
			server.ServeDirectly(kept, r)
			kept.Header().Del("Docker-Content-Digest")
			for name, values := range kept.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(kept.Code)
			_, _ = w.Write(kept.Body.Bytes())
			return true
		})
		c := newClient(t, registry.Options{})
		repository := server.Host + "/ws-1/shop"
		digest := push(t, c, repository, "build-1", newImage(t, v1.Config{}))
		if err := c.Tag(t.Context(), repository, digest, "v1.0.0"); err != nil {
			t.Errorf("HEAD is %d: %v", status, err)
		}
		if image, err := c.Resolve(t.Context(), repository+":v1.0.0"); err != nil || image.Digest != digest {
			t.Errorf("HEAD is %d: Resolve = %+v, %v, want %s", status, image, err, digest)
		}
	}
}

func TestNamesOfRegistries(t *testing.T) {
	t.Run("under a path", func(t *testing.T) {
		server := ociregistry.New(t)
		c := newClient(t, registry.Options{})
		repository := server.Host + "/harbor/acme/ws-1/shop/orders"
		digest := push(t, c, repository, "build-1", newImage(t, v1.Config{}))
		if there, err := c.Has(t.Context(), repository, digest); err != nil || !there {
			t.Errorf("Has = %v, %v", there, err)
		}
	})
	t.Run("in capitals in platform.yaml", func(t *testing.T) {
		server := ociregistry.New(t)
		host := strings.Replace(server.Host, "127.0.0.1", "localhost", 1)
		push(t, newClient(t, registry.Options{}), host+"/ws-1/shop", "1", newImage(t, v1.Config{}))
		server.RequireLogin("robot", "hunter2")
		c := newClient(t, registry.Options{Username: "robot", Password: "hunter2", Host: func() string { return strings.ToUpper(host) }})
		if _, err := c.Resolve(t.Context(), host+"/ws-1/shop:1"); err != nil {
			t.Error(err)
		}
	})
	t.Run("IPv6", func(t *testing.T) {
		listener, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Logf("this machine has no IPv6: %v", err)
			return
		}
		server := httptest.NewUnstartedServer(ociregistry.New(t))
		server.Listener.Close()
		server.Listener = listener
		server.Start()
		t.Cleanup(server.Close)
		c := newClient(t, registry.Options{})
		repository := listener.Addr().String() + "/ws-1/shop"
		digest := push(t, c, repository, "build-1", newImage(t, v1.Config{}))
		if image, err := c.Resolve(t.Context(), repository+":build-1"); err != nil || image.Digest != digest || image.Repository != repository {
			t.Errorf("Resolve = %+v, %v, want %s@%s", image, err, repository, digest)
		}
	})
	for reference, says := range map[string]string{
		"ghcr.io/Acme/Shop:1":             "write ghcr.io/acme/shop",
		"registry.test:5000/Acme/shop:V1": "write registry.test:5000/acme/shop",
		"registry.test/acme/shop:a b":     "is no image reference",
	} {
		_, err := newClient(t, registry.Options{}).Resolve(t.Context(), reference)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Resolve(%s) = %v, want %q in it", reference, err, says)
		}
	}
}
