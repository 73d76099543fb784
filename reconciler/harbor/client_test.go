package harbor_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/harbor"
	"github.com/plateform/plateform/test/harborserver"
	"github.com/plateform/plateform/test/ociregistry"
)

// world is a Harbor with one image.
type world struct {
	server     *harborserver.Server
	client     *harbor.Client
	repository string
	digest     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	registry := ociregistry.New(t)
	w := &world{server: harborserver.New(t, http.HandlerFunc(registry.ServeDirectly))}
	registry.Answer(w.server.Answer)
	w.repository = registry.Host + "/ws-1/shop/orders"
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if w.digest, err = registry.Client(t, "", "").Push(t.Context(), w.repository, "build-a1", image); err != nil {
		t.Fatal(err)
	}
	w.client = harbor.New(harbor.Options{Host: func() string { return registry.Host }, Username: "robot$plateform", Password: "hunter2"})
	t.Cleanup(w.client.Close)
	return w
}

func TestAnImageIsScannedOnceAndThenKnown(t *testing.T) {
	w := newWorld(t)
	w.server.Login("robot$plateform", "hunter2")
	w.server.Finds(map[string]int{"Critical": 1, "High": 2, "Low": 4, "Unknown": 7})
	var got []*manifest.ScanResult
	for range 4 { // nobody has looked; it is being looked at; it was
		found, err := w.client.Result(t.Context(), w.repository, w.digest, false)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, found)
	}
	want := &manifest.ScanResult{Critical: 1, High: 2, Low: 4}
	if diff := cmp.Diff([]*manifest.ScanResult{nil, nil, want, want}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if w.server.Scans() != 1 {
		t.Errorf("it was scanned %d times", w.server.Scans())
	}
	w.server.Finds(map[string]int{"High": 1})
	if found, err := w.client.Result(t.Context(), w.repository, w.digest, true); found != nil || err != nil {
		t.Errorf("looking again comes to %+v at once: %v", found, err)
	}
	if w.server.Scans() != 2 {
		t.Errorf("it was scanned %d times", w.server.Scans())
	}
}

func TestWhatHarborRefuses(t *testing.T) {
	w := newWorld(t)
	refused := func(want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(fmt.Sprintf("%+v", err), "hunter2") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	ask := func(repository, digest string) error {
		_, err := w.client.Result(t.Context(), repository, digest, false)
		return err
	}
	gone := "sha256:" + strings.Repeat("0", 64)
	refused("404 artifact ws-1/shop/orders@sha256:000", ask(w.repository, gone))
	refused("(the image has been removed, or the account", ask(w.repository, gone))
	refused("is not in a project of the Harbor", ask("harbor.elsewhere.test/ws-1/shop", w.digest))
	refused("is not in a project of the Harbor", ask(strings.Split(w.repository, "/")[0]+"/shop", w.digest))
	w.server.Fail(w.digest)
	refused("harbor's scanner has failed, and was asked to look again", ask(w.repository, w.digest))
	w.server.Inject(harborserver.Fault{Status: 429, Header: http.Header{"Retry-After": {"90"}}, Body: "slow down"})
	err := ask(w.repository, w.digest)
	refused("429 Too Many Requests", err)
	if wait := reconciler.RetryAfter(err); wait != 90*time.Second {
		t.Errorf("it waits %s", wait)
	}
	w.server.Inject(harborserver.Fault{Status: 200, Body: "<html>log in</html>"}, harborserver.Fault{Status: 502, Body: strings.Repeat("x", 2<<20)})
	refused("does not answer as Harbor does", ask(w.repository, w.digest))
	refused("502 Bad Gateway", ask(w.repository, w.digest))
	w.server.Login("robot$plateform", "another")
	refused("401 unauthorized (the account of registry.usernameFile in serve.yaml", ask(w.repository, w.digest))
}

// Where a workspace has credentials of its own, the scanner is asked with those about its images, and with the platform's about others.
func TestWorkspacesLogInForTheirOwn(t *testing.T) {
	w := newWorld(t)
	host, _, _ := strings.Cut(w.repository, "/")
	client := harbor.New(harbor.Options{Host: func() string { return host }, Username: "robot$plateform", Password: "hunter2",
		Login: func(repository string) harbor.Login {
			if strings.HasPrefix(repository, host+"/ws-1/") {
				return harbor.Login{Username: "robot$ws-1", Password: "hunter3"}
			}
			return harbor.Login{Username: "robot$plateform", Password: "hunter2"}
		}})
	t.Cleanup(client.Close)
	for _, again := range []bool{false, true} {
		w.server.Login("robot$ws-1", "hunter3")
		if _, err := client.Result(t.Context(), w.repository, w.digest, again); err != nil {
			t.Errorf("its own: %v", err)
		}
		w.server.Login("robot$plateform", "hunter2")
		_, err := client.Result(t.Context(), host+"/ws-2/shop", w.digest, again)
		if err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("another's, which is not there: %v", err)
		}
		_, err = client.Result(t.Context(), w.repository, w.digest, again)
		if err == nil || !strings.Contains(err.Error(), "or that of its workspace in registry.workspaces") || strings.Contains(err.Error(), "hunter") {
			t.Errorf("its own, with credentials that are refused: %v", err)
		}
	}
}
