package installation

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/reconciler/loop"
	"github.com/plateform/plateform/webhook"
)

// told is what was told of pull requests.
type told string

func (t *told) Look() { *t += "look " }

func (t *told) Changed(number int) { *t += told(fmt.Sprint(number, " ")) }

func (t *told) AgainAt(commit string) { *t += told(commit + " ") }

func (t *told) Said(comment int64) { *t += told(fmt.Sprint("said ", comment, " ")) }

// News of a repository wake what has to do with it, whichever way either side writes its URL.
func TestWhatWebhooksWake(t *testing.T) {
	s := &Settings{
		Config: RemoteSettings{URL: "git@github.com:Acme/platform-config.git", Branch: "main"},
		GitOps: RemoteSettings{URL: "https://github.com/acme/plateform-gitops", Branch: "prod"},
	}
	const config, gitops, app = "https://github.com/acme/platform-config.git", "https://github.com/Acme/plateform-gitops.git", "https://github.com/acme/shop.git"
	tests := []struct {
		name string
		hint webhook.Hint
		want []loop.Hint
		told string
	}{
		{"a push to the config branch", webhook.Hint{Subject: webhook.Push, Repository: config, Ref: "refs/heads/main"}, []loop.Hint{{Config: true, Source: config}}, "look "},
		{"a push to another branch of it", webhook.Hint{Subject: webhook.Push, Repository: config, Ref: "refs/heads/main2"}, []loop.Hint{{Source: config}}, ""},
		{"a tag of that name", webhook.Hint{Subject: webhook.Push, Repository: config, Ref: "refs/tags/main"}, []loop.Hint{{Source: config}}, ""},
		{"a push to GitOps", webhook.Hint{Subject: webhook.Push, Repository: gitops, Ref: "refs/heads/prod"}, []loop.Hint{{GitOps: true, Source: gitops}}, "look "},
		{"a push to an app", webhook.Hint{Subject: webhook.Push, Repository: app, SSH: "git@github.com:acme/shop.git", Ref: "refs/heads/x"}, []loop.Hint{{Source: app}}, ""},
		{"one that has another port for SSH", webhook.Hint{Subject: webhook.Push, Repository: "https://ghe.example.com/acme/shop.git", SSH: "ssh://git@ghe.example.com:2222/acme/shop.git", Ref: "refs/heads/x"},
			[]loop.Hint{{Source: "https://ghe.example.com/acme/shop.git"}, {Source: "ssh://git@ghe.example.com:2222/acme/shop.git"}}, ""},
		{"access to the config repository", webhook.Hint{Subject: webhook.Access, Repository: "https://github.com/acme/platform-config"},
			[]loop.Hint{{Config: true, Source: "https://github.com/acme/platform-config"}}, "look "},
		{"a pull request", webhook.Hint{Subject: webhook.PullRequest, Repository: config, Number: 7}, nil, "7 "},
		{"one of an app", webhook.Hint{Subject: webhook.PullRequest, Repository: app, Number: 7}, nil, ""},
		{"a command", webhook.Hint{Subject: webhook.Comment, Repository: config, Number: 7, Comment: 9}, nil, "said 9 "},
		{"checks that are wanted once more", webhook.Hint{Subject: webhook.Checks, Repository: config, Commit: "c0ffee"}, nil, "c0ffee "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []loop.Hint
			var told told
			newHints(s, func(h loop.Hint) { got = append(got, h) }, &told).Hint(tt.hint)
			if string(told) != tt.told {
				t.Errorf("of pull requests it told %q, want %q", told, tt.told)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("hints (-want +got):\n%s", diff)
			}
		})
	}
	var got []loop.Hint
	var all told
	newHints(s, func(h loop.Hint) { got = append(got, h) }, &all).Everything()
	if all != "look " {
		t.Errorf("of pull requests everything tells %q", all)
	}
	if diff := cmp.Diff([]loop.Hint{{Config: true, GitOps: true, Sources: true, Everything: true}}, got); diff != "" {
		t.Errorf("hints at everything (-want +got):\n%s", diff)
	}
}

// On the public address webhooks may be as large as GitHub sends them, and nothing else may.
func TestPublicAddress(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	i := openAt(t, dir, "webhooks: {github: {secretFile: secret}}\n")
	e, err := i.ListenPublic(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	server := httptest.NewServer(e.Server().Handler)
	defer server.Close()
	body := append([]byte(`{"zen": "Speak like a human."}`), bytes.Repeat([]byte(" "), webhook.MaxBody-30)...)
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write(body)
	ask := func(path string, body []byte) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", "ping")
		r.Header.Set("X-GitHub-Delivery", "1")
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		answer, err := server.Client().Do(r)
		if err != nil {
			return 0 // it hung up while the body was being sent
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	if got := ask(webhook.GitHubPath, body); got != http.StatusAccepted {
		t.Errorf("a delivery of %d bytes is answered %d", len(body), got)
	}
	if got := ask(webhook.GitHubPath, append(body, ' ')); got != http.StatusRequestEntityTooLarge && got != 0 {
		t.Errorf("one that is larger is answered %d", got)
	}
	if got := ask("/healthz", body); got != http.StatusRequestEntityTooLarge && got != 0 {
		t.Errorf("as much for /healthz is answered %d", got)
	}
	if got := ask("/webhooks/gitlab", nil); got != http.StatusNotFound {
		t.Errorf("what nobody takes is answered %d", got)
	}
	metrics := httptest.NewRecorder()
	i.Metrics().ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if text, _ := io.ReadAll(metrics.Body); !strings.Contains(string(text), `plateform_webhook_deliveries_total{event="ping",result="accepted"} 1`) {
		t.Errorf("the delivery is not counted in\n%s", text)
	}
}

// Without settings there is no webhook: a delivery finds nobody.
func TestNoWebhooks(t *testing.T) {
	i := openAt(t, t.TempDir(), "")
	e, err := i.ListenPublic(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	w := httptest.NewRecorder()
	e.Server().Handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, webhook.GitHubPath, strings.NewReader("{}")))
	if w.Code != http.StatusNotFound {
		t.Errorf("answered %d", w.Code)
	}
}

// openAt opens an installation with settings of its own beyond the least there is.
func openAt(t *testing.T, dir, settings string) *Installation {
	t.Helper()
	file := filepath.Join(dir, "serve.yaml")
	text := "config: {url: config.git}\ngitops: {url: gitops.git}\nlisten: '127.0.0.1:0'\n" + settings
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	i, err := Open(s, Logged(time.Now, slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
	return i
}
