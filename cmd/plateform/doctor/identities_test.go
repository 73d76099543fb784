package doctor

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/oidcserver"
)

// said fails unless one thing was found, with these words and a fix where it is needed.
func said(t *testing.T, name string, found []Diagnosis, status Health, words string) {
	t.Helper()
	if len(found) != 1 || found[0].Status != status || !strings.Contains(found[0].Detail+" ("+found[0].Fix+")", words) || (found[0].Fix == "") != (status == Fine) {
		t.Errorf("%s: it is said %+v, want %s: %s", name, found, status, words)
	}
	for _, d := range found {
		if strings.Contains(d.Detail+d.Fix, "hunter2") {
			t.Errorf("%s: a secret is shown: %+v", name, d)
		}
	}
}

func written(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// GitHub is asked whether it takes the client id with its secret, also where Plateform is nobody there.
func TestSignInIsExamined(t *testing.T) {
	var hub *githubserver.Server
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hub.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	hub, err := githubserver.New(githubserver.Options{URL: server.URL, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if err := hub.AddOrganization(10, "acme"); err != nil {
		t.Fatal(err)
	}
	if err := hub.AddApp(forge.NewApp{ID: 7, Slug: "plateform", Owner: "acme", Key: &key.PublicKey, ClientID: "Iv23ours", ClientSecret: "hunter2"}); err != nil {
		t.Fatal(err)
	}
	const operation = "POST /applications/{client_id}/token"
	for name, c := range map[string]struct {
		client, file string
		fault        githubserver.Fault
		status       Health
		says         string
	}{
		"right":           {"Iv23ours", written(t, "hunter2\n"), githubserver.Fault{}, Fine, "GitHub takes the client id Iv23ours"},
		"a wrong secret":  {"Iv23ours", written(t, "hunter2-old"), githubserver.Fault{}, Failure, "make a client secret there"},
		"a wrong id":      {"Iv23none", written(t, "hunter2"), githubserver.Fault{}, Failure, "copy the client id from the settings of the App"},
		"no file":         {"Iv23ours", filepath.Join(t.TempDir(), "none"), githubserver.Fault{}, Failure, "api.github.clientSecretFile: "},
		"an empty file":   {"Iv23ours", written(t, ""), githubserver.Fault{}, Failure, "does not hold one secret in one line"},
		"refused as 422":  {"Iv23ours", written(t, "hunter2"), githubserver.Fault{Operation: operation, Times: 1, Status: 422}, Fine, "GitHub takes the client id"},
		"down":            {"Iv23ours", written(t, "hunter2"), githubserver.Fault{Operation: operation, Times: 1, Status: 502}, Failure, "that this machine reaches that GitHub"},
		"asked too much":  {"Iv23ours", written(t, "hunter2"), githubserver.Fault{Operation: operation, Times: 1, Status: 429, Header: map[string]string{"Retry-After": "30"}}, Failure, "run plateform doctor again then"},
		"somebody's page": {"Iv23ours", written(t, "hunter2"), githubserver.Fault{Operation: operation, Times: 1, Status: 200, Body: "<html>"}, Failure, "check api.github and github.baseURL"},
	} {
		hub.Heal()
		if c.fault.Operation != "" {
			hub.Inject(c.fault)
		}
		d := &examination{now: time.Now, settings: &installation.Settings{
			GitHub: installation.GitHubSettings{BaseURL: server.URL},
			API:    installation.APISettings{GitHub: &installation.SignInSettings{ClientID: c.client, ClientSecretFile: c.file}},
		}}
		said(t, name, ofPeople{d}.checkSignIn(t.Context()), c.status, c.says)
	}
	if found := (ofPeople{&examination{now: time.Now, settings: &installation.Settings{}}}).checkSignIn(t.Context()); len(found) > 0 {
		t.Errorf("without api.github: %+v", found)
	}
	for _, v := range hub.Violations() {
		t.Errorf("not as GitHub describes it: %+v", v)
	}
}

// An issuer is asked who it is and for its keys.
func TestIssuerIsExamined(t *testing.T) {
	var issuer *oidcserver.Server
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { issuer.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	issuer, err := oidcserver.New(server.URL+"/realms/acme", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at     string
		ca     string
		fault  oidcserver.Fault
		status Health
		says   string
	}{
		"right":          {"/realms/acme", "", oidcserver.Fault{}, Fine, "/realms/acme tells 1 key for signatures; whether tokens for plateform have the claim github_id"},
		"another realm":  {"/realms/other", "", oidcserver.Fault{}, Failure, "that of a Keycloak is https://HOST/realms/REALM"},
		"a slash more":   {"/realms/acme/", "", oidcserver.Fault{}, Failure, "letter by letter"},
		"a page":         {"/realms/acme", "", oidcserver.Fault{Status: 200, Type: "text/html", Body: "<html>"}, Failure, "what stands in front of it"},
		"down":           {"/realms/acme", "", oidcserver.Fault{Status: 503}, Failure, "see the log of the issuer"},
		"without keys":   {"/realms/acme", "", oidcserver.Fault{Path: oidcserver.KeysPath, Status: 200, Body: `{"keys":[]}`}, Failure, "have it sign with RS256"},
		"no authorities": {"/realms/acme", written(t, "hunter2"), oidcserver.Fault{}, Failure, "write certificates as PEM"},
	} {
		issuer.Inject(c.fault)
		d := &examination{now: time.Now, settings: &installation.Settings{API: installation.APISettings{
			OIDC: &installation.OIDCSettings{Issuer: server.URL + c.at, Audience: "plateform", Claim: "github_id", CAFile: c.ca}}}}
		said(t, name, ofPeople{d}.checkIssuer(t.Context()), c.status, c.says)
	}
	if found := (ofPeople{&examination{now: time.Now, settings: &installation.Settings{}}}).checkIssuer(t.Context()); len(found) > 0 {
		t.Errorf("without api.oidc: %+v", found)
	}
}
