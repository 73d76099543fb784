package installation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/test/oidcserver"
)

// load reads settings that are written into a folder of the test.
func load(t *testing.T, settings string) (*Settings, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"serve.yaml": "config: {url: config.git}\ngitops: {url: gitops.git}\n" + settings, "secret": "hunter2", "empty.pem": "hunter2",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(filepath.Join(dir, "serve.yaml"))
}

func TestSettingsOfIdentities(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ settings, says string }{
		"no client id":            {`api: {github: {clientSecretFile: secret}}`, "api.github.clientId is missing"},
		"an empty one":            {`api: {github: {clientId: "", clientSecretFile: secret}}`, "copy the Client ID from the settings of the App on GitHub"},
		"an App ID":               {`api: {github: {clientId: 4711, clientSecretFile: secret}}`, "api.github.clientId"},
		"no secret":               {`api: {github: {clientId: Iv23}}`, "api.github.clientSecretFile is missing"},
		"an empty file name":      {`api: {github: {clientId: Iv23, clientSecretFile: ""}}`, "make a client secret in the settings of the App"},
		"the secret itself":       {`api: {github: {clientId: Iv23, clientSecret: hunter2}}`, `unknown key "clientSecret"`},
		"nothing":                 {`api: {github: }`, "api.github"},
		"no issuer":               {`api: {oidc: {audience: a}}`, "api.oidc.issuer is missing"},
		"an empty issuer":         {`api: {oidc: {issuer: "", audience: a}}`, "api.oidc has no issuer (write what tokens have as iss"},
		"an issuer over http":     {`api: {oidc: {issuer: "http://login.example.com", audience: a}}`, "over https only"},
		"an issuer with a login":  {`api: {oidc: {issuer: "https://ann:hunter2@login.example.com", audience: a}}`, `api.oidc.issuer "***" is no address`},
		"no audience":             {`api: {oidc: {issuer: "https://login.example.com"}}`, "api.oidc.audience is missing"},
		"an empty audience":       {`api: {oidc: {issuer: "https://login.example.com", audience: ""}}`, "tokens for any other program would be good here"},
		"audiences":               {`api: {oidc: {issuer: "https://login.example.com", audience: [a]}}`, "api.oidc.audience"},
		"what would be dangerous": {`api: {oidc: {issuer: "https://login.example.com", audience: a, insecure: true}}`, `unknown key "insecure"`},
	} {
		_, err := load(t, c.settings)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s", name, err, c.says)
		}
	}
	for name, c := range map[string]struct{ settings, says string }{
		"no secret there":       {`api: {github: {clientId: Iv23, clientSecretFile: none}}`, "api.github.clientSecretFile: "},
		"no authorities there":  {`api: {oidc: {issuer: "https://login.example.com", audience: a, caFile: none}}`, "api.oidc.caFile: "},
		"no authorities in it":  {`api: {oidc: {issuer: "https://login.example.com", audience: a, caFile: empty.pem}}`, "has no certificate in it"},
		"nobody who could tell": {``, ""},
	} {
		s, err := load(t, c.settings)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		who, err := s.Identities(nil, time.Now)
		if who != nil || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v, want %s", name, who, err, c.says)
		}
	}
}

// named says that it was asked.
type named string

func (n named) Identify(_ context.Context, token string) (reconciler.Identity, error) {
	return reconciler.Identity{Login: string(n)}, nil
}

// A token goes to the one who may know it and to nobody else.
func TestWhoIsAskedAboutAToken(t *testing.T) {
	t.Parallel()
	all := identities{github: named("github"), issuer: named("issuer")}
	for token, want := range map[string]string{
		"ghu_1": "github", "ghp_1": "github", "gho_a.b.c": "github", "github_pat_1": "github", "ghs_a.b.c": "github",
		"a.b.c": "issuer", "gh.b.c": "issuer", "ghuu_.b.c": "issuer", "..": "issuer",
		"": "", "a": "", "a.b": "", "a.b.c.d": "", "gh_1": "", "gh": "", "ghu": "",
	} {
		who, err := all.Identify(t.Context(), token)
		if who.Login != want || (err != nil) != (want == "") || err != nil && !errors.Is(err, reconciler.ErrNoIdentity) {
			t.Errorf("%q: %q is asked, %v, want %q", token, who.Login, err, want)
		}
		for only, these := range map[string]identities{"github": {github: all.github}, "issuer": {issuer: all.issuer}} {
			who, err := these.Identify(t.Context(), token)
			if (err == nil) != (want == only) || err != nil && !errors.Is(err, reconciler.ErrNoIdentity) || who.Login != "" && who.Login != only {
				t.Errorf("%q, with %s alone: %q is asked, %v", token, only, who.Login, err)
			}
		}
		if _, err := all.Identify(t.Context(), token); err != nil && token != "" && len(token) > 3 && strings.Contains(err.Error(), token) {
			t.Errorf("the token is in the error: %v", err)
		}
	}
}

// An installation knows people by what its settings name, with the GitHub that these name.
func TestInstallationKnowsPeople(t *testing.T) {
	t.Parallel()
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); r.URL.Path != "/api/v3/applications/Iv23ours/token" || id != "Iv23ours" || secret != "hunter2" {
			t.Errorf("GitHub is asked for %s by %s", r.URL, id)
		}
		fmt.Fprint(w, `{"app":{"client_id":"Iv23ours"},"user":{"id":4711,"login":"ann","type":"User"},"expires_at":null}`)
	}))
	t.Cleanup(hub.Close)
	var issuer *oidcserver.Server
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { issuer.ServeHTTP(w, r) }))
	t.Cleanup(login.Close)
	issuer, err := oidcserver.New(login.URL+"/realms/acme", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := issuer.Token("plateform", map[string]any{"github_id": 12})
	if err != nil {
		t.Fatal(err)
	}
	both := fmt.Sprintf("github: {baseURL: %q}\napi:\n  github: {clientId: Iv23ours, clientSecretFile: secret}\n  oidc: {issuer: %q, audience: plateform}\n", hub.URL, issuer.Issuer())
	for settings, want := range map[string]map[string]int64{"": nil, both: {"ghu_1": 4711, mapped: 12}} {
		s, err := load(t, settings)
		if err != nil {
			t.Fatal(err)
		}
		s.Config.URL, s.GitOps.URL, s.Builder.Kind = "https://git.example.com/config", "https://git.example.com/gitops", "none"
		i, err := Open(s, Logged(time.Now, slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		if (i.Identities() != nil) != (want != nil) {
			t.Errorf("with %q it knows people by %v", settings, i.Identities())
		}
		for token, id := range want {
			if who, err := i.Identities().Identify(t.Context(), token); err != nil || who.ID != id {
				t.Errorf("%+v, %v, want %d", who, err, id)
			}
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}
}
