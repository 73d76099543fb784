package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/test/gitserver"
)

const webhookSecret = "a secret of webhooks"

// hooked is a world behind a Git server that tells serve of pushes; serve looks for them by itself as often as poll says.
func hooked(t *testing.T, poll string) (*world, *gitserver.Server) {
	t.Helper()
	w := newWorld(t)
	server := w.serveOverHTTP()
	file := filepath.Join(w.dir, "webhook-secret")
	if err := os.WriteFile(file, []byte(webhookSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.poll = poll
	w.sources = []string{server.URL() + "/*"}
	w.settings = []string{"webhooks: {github: {secretFile: webhook-secret}}", `resync: "0 0 29 2 *"`}
	w.open()
	w.isReady()
	return w, server
}

// deliver tells serve of a push to a repository, as GitHub does, and wants a status.
func (w *world) deliver(url, ref, secret string, want int) {
	w.t.Helper()
	w.deliveries++
	body := fmt.Sprintf(`{"ref": %q, "before": "%040d", "repository": {"full_name": "acme/x", "clone_url": %q}, "pusher": {"name": "alice"}}`, ref, w.deliveries, url)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.server.url()+"/webhooks/github", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "push")
	r.Header.Set("X-GitHub-Delivery", fmt.Sprint(w.deliveries))
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode != want {
		w.t.Errorf("serve answers %d %s, want %d", answer.StatusCode, said, want)
	}
}

// pushed tells serve of a push to the main branch.
func (w *world) pushed(url string) {
	w.t.Helper()
	w.deliver(url, "refs/heads/main", webhookSecret, http.StatusAccepted)
}

// Without a single look of its own serve takes in what it is told of, whichever way the URLs are written; and what it is told
// of its own pushes, or while there is nothing to do, makes no commit.
func TestWebhooksWithoutPolling(t *testing.T) {
	t.Parallel()
	w, server := hooked(t, "1000h")
	shop := w.goProject("ws-1", "shop")
	shop.serveFrom(server, "app-shop")
	w.add(shop)
	w.pushed(strings.TrimSuffix(w.config.url, ".git") + "/")
	one := shop.runs("v1.0.0")

	shop.push("two")
	w.pushed(strings.Replace(shop.app.url, "http://", "ssh://git@", 1))
	two := shop.runs("v1.0.1")
	if two.Image == one.Image {
		t.Errorf("v1.0.1 runs the image of v1.0.0")
	}
	w.quiet(shop)

	config, gitops := w.config.head(), w.gitops.head()
	for range 3 {
		for _, url := range []string{w.config.url, w.gitops.url, shop.app.url, "https://github.com/acme/nobodys"} {
			w.pushed(url)
			w.deliver(url, "refs/tags/v1", webhookSecret, http.StatusAccepted)
		}
	}
	edited := shop.edit("replicas: 2")
	w.pushed(w.config.url)
	if v := shop.runs("v1.0.2"); v.Replicas != 2 || v.Image != two.Image {
		t.Errorf("v1.0.2 is\n%s", v.text)
	}
	shop.verdict(edited)
	w.quiet(shop)
	if diff := cmp.Diff([]string{"Release ws-1/shop v1.0.2", "Edit shop"}, lines(w.config.look("log", "--format=%s", config+"..main"))); diff != "" {
		t.Errorf("commits of the config repository since there was nothing to do (-want +got):\n%s", diff)
	}
	for _, subject := range lines(w.gitops.look("log", "--format=%s", gitops+"..main")) {
		if !strings.Contains(subject, "ws-1/shop") {
			t.Errorf("GitOps got %q", subject)
		}
	}
	shop.wantNothingDoubled(3)
}

// quiet waits until the runs of a project are over.
func (w *world) quiet(p *project) {
	w.t.Helper()
	w.await("all runs to end", func() error {
		for commit, reports := range w.notes() {
			for _, run := range unfinished(reports) {
				return fmt.Errorf("%s is still %s on %s", run.Context, run.Stage, commit)
			}
		}
		if w.gitops.read(p.runDir()+"/run.yaml") == "" {
			return fmt.Errorf("%s has no run.yaml", p.name)
		}
		return nil
	})
}

// What a lost webhook hid is found by looking, and one that nobody signed is worth nothing.
func TestAWebhookThatIsLost(t *testing.T) {
	t.Parallel()
	w, server := hooked(t, "300ms")
	shop := w.goProject("ws-1", "shop")
	shop.serveFrom(server, "app-shop")
	w.add(shop)
	w.pushed(w.config.url)
	shop.runs("v1.0.0")
	shop.push("two")
	w.deliver(shop.app.url, "refs/heads/main", "a guess", http.StatusForbidden)
	shop.runs("v1.0.1")
	shop.edit("replicas: 2")
	shop.runs("v1.0.2")

	log, err := os.ReadFile(w.serveLog())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{webhookSecret, "a guess"} {
		if strings.Contains(string(log), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	if !slices.ContainsFunc(lines(string(log)), func(line string) bool { return strings.Contains(line, "a webhook was refused") }) {
		t.Error("the log does not say that a webhook was refused")
	}
}
