package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// front is the proxy that GitHub reaches serve through: without a serve behind it, it answers 502.
type front struct {
	*httptest.Server
	t *testing.T
	// begun says that serve is started. Where it listens is known a little later, which requests wait for.
	begun atomic.Bool
	there chan struct{}
	serve *httputil.ReverseProxy // to be read once it is there
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{t: t, there: make(chan struct{})}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *front) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if !f.begun.Load() {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	select {
	case <-f.there:
		f.serve.ServeHTTP(rw, r)
	case <-r.Context().Done():
	}
}

// leadTo says where serve listens.
func (f *front) leadTo(address string) {
	f.t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		f.t.Fatal(err)
	}
	f.serve = httputil.NewSingleHostReverseProxy(to)
	close(f.there)
}

// A pull request is opened while serve is down: what GitHub tells of it does not arrive, and GitHub tells it once. After serve is
// back it asks for that again, and it arrives.
func TestAWebhookThatNobodyListenedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h := w.onGitHub()
	front := newFront(t)
	h.server.MoveAppHook(gitHubApp, front.URL+"/webhooks/github", webhookSecret)
	h.must(os.WriteFile(filepath.Join(w.dir, "webhook-secret"), []byte(webhookSecret+"\n"), 0o600))
	w.settings = append(w.settings, "webhooks: {github: {secretFile: webhook-secret}}")
	w.setUp()
	h.install("platform-config", "plateform-gitops")

	w.propose(h, "add", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 1001)})
	guid := ""
	w.await("GitHub to give up a delivery", func() error {
		for _, d := range h.server.Hooks().List(-gitHubApp) {
			if d.Event == "pull_request" && d.Action == "opened" && d.Code == http.StatusBadGateway && !d.Redelivery {
				guid = d.GUID
				return nil
			}
		}
		return fmt.Errorf("the deliveries are %+v", h.server.Hooks().List(-gitHubApp))
	})
	front.begun.Store(true)
	w.start()
	w.await("serve to listen", func() error {
		_, _, err := w.readyz()
		return err
	})
	front.leadTo(w.server.url())
	w.await("the delivery to arrive", func() error {
		for _, d := range h.server.Hooks().List(-gitHubApp) {
			if d.GUID == guid && d.Redelivery && d.Code == http.StatusAccepted {
				return nil
			}
		}
		return fmt.Errorf("the deliveries are %+v", h.server.Hooks().List(-gitHubApp))
	})
	w.logged("GitHub was asked to send webhooks again that did not arrive", "deliveries=")
	w.checkManners(h)
}
