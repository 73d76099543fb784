package installation

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/gitstore"
)

// write puts a file into a folder of the test, and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// writeKey writes the private key of an App, and returns its path.
func writeKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "app.pem", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
}

// passwordAt is what git logs in with at a URL.
func passwordAt(t *testing.T, access gitstore.Access, url string) string {
	t.Helper()
	if access.Credentials == nil {
		return ""
	}
	c, err := access.Credentials(t.Context(), url)
	if err != nil {
		t.Errorf("%s: %v", url, err)
	}
	return c.Password
}

// A user's token is for the two repositories: what they name themselves comes first, and no source gets it.
func TestATokenIsForTheTwoRepositories(t *testing.T) {
	t.Parallel()
	g, err := GitHubSettings{TokenFile: write(t, "token", "ghp_1\n")}.Open(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	const url = "https://github.com/acme/platform-config"
	if got := passwordAt(t, g.Platform(gitstore.Access{}), url); got != "ghp_1" {
		t.Errorf("git logs in with %q", got)
	}
	named, err := RemoteSettings{Username: "bot", PasswordFile: write(t, "password", "own")}.Access()
	if err != nil {
		t.Fatal(err)
	}
	if got := passwordAt(t, g.Platform(named), url); got != "own" {
		t.Errorf("beside a password of its own git logs in with %q", got)
	}
	for _, elsewhere := range []string{"https://git.example.com/acme/platform-config", "http://github.com/acme/platform-config", "git@github.com:acme/platform-config"} {
		if got := passwordAt(t, g.Platform(gitstore.Access{}), elsewhere); got != "" {
			t.Errorf("%s gets %q", elsewhere, got)
		}
	}
	if got := passwordAt(t, g.Sources(gitstore.Access{}), "https://github.com/acme/shop"); got != "" {
		t.Errorf("a source gets %q", got)
	}
	if none, err := (GitHubSettings{}).Open(time.Now); none != nil || err != nil || none.Platform(gitstore.Access{}).Credentials != nil {
		t.Errorf("without a login: %v, %v", none, err)
	}
}

// An App logs in at the sources that it is installed on, with a token that can read; others are asked as anybody may.
func TestAnAppReadsSources(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/acme/shop/installation"):
			fmt.Fprint(w, `{"id":1}`)
		case strings.HasSuffix(r.URL.Path, "/access_tokens"):
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"token":"ghs_1","expires_at":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	file := writeKey(t)
	g, err := GitHubSettings{App: GitHubAppSettings{ID: 7, PrivateKeyFile: file}, BaseURL: server.URL}.Open(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	access := g.Sources(gitstore.Access{})
	if got := passwordAt(t, access, server.URL+"/acme/shop"); got != "ghs_1" {
		t.Errorf("a source that it is installed on gets %q", got)
	}
	if got := passwordAt(t, access, server.URL+"/other/shop"); got != "" {
		t.Errorf("a source that it is not installed on gets %q", got)
	}
	if _, err := g.Platform(gitstore.Access{}).Credentials(t.Context(), server.URL+"/other/config"); err == nil || !strings.Contains(err.Error(), "install it") {
		t.Errorf("a repository of the platform that it is not installed on: %v", err)
	}
}

// Webhooks that failed are asked for again only where there are webhooks, and an App that they may be those of.
func TestWhoseDeliveriesAreAskedForAgain(t *testing.T) {
	t.Parallel()
	app := GitHubSettings{App: GitHubAppSettings{ID: 7, PrivateKeyFile: writeKey(t)}}
	token := GitHubSettings{TokenFile: write(t, "token", "ghp_1\n")}
	webhooks := WebhookSettings{GitHub: &GitHubWebhookSettings{SecretFile: "secret"}}
	for name, tt := range map[string]struct {
		settings Settings
		want     bool
	}{
		"an App and webhooks":    {Settings{GitHub: app, Webhooks: webhooks}, true},
		"an App and no webhooks": {Settings{GitHub: app}, false},
		"a token and webhooks":   {Settings{GitHub: token, Webhooks: webhooks}, false},
	} {
		g, err := tt.settings.GitHub.Open(time.Now)
		if err != nil {
			t.Fatal(err)
		}
		i := &Installation{settings: &tt.settings, github: g, now: time.Now}
		if got := i.openDeliveries() != nil; got != tt.want {
			t.Errorf("with %s they are asked for again: %t", name, got)
		}
	}
}
