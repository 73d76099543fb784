package examples

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

// TestRulesetLetsTheAppPush: GitHub takes it, people are held to pull requests, and the App is not.
func TestRulesetLetsTheAppPush(t *testing.T) {
	hub := newHub(t)
	ruleset, err := os.ReadFile(appDir + "/ruleset.json")
	if err != nil {
		t.Fatal(err)
	}
	admin, app := hub.admin(), hub.installed()
	request, err := admin.NewRequest(http.MethodPost, "repos/acme/platform-config/rulesets", json.RawMessage(ruleset))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Do(t.Context(), request, nil); err != nil {
		t.Fatal(err)
	}
	write := func(c *github.Client, name string) error {
		_, _, err := c.Repositories.CreateFile(t.Context(), "acme", "platform-config", name,
			&github.RepositoryContentFileOptions{Message: github.String("Add " + name), Content: []byte("x")})
		return err
	}
	err = write(admin, "by-a-person")
	if err == nil || !strings.Contains(err.Error(), "Repository rule violations found") {
		t.Errorf("a person's push: %v", err)
	}
	if err := write(app, "by-the-app"); err != nil {
		t.Errorf("the App's push: %v", err)
	}
}

// hub is a GitHub with platform-config, and the App of the example.
type hub struct {
	*githubserver.Server
	t   *testing.T
	key *rsa.PrivateKey
}

const boss, acme = 1, 10

// exampleApp is the App's id in the ruleset.
const exampleApp = 123456

func newHub(t *testing.T) *hub {
	t.Helper()
	listening := httptest.NewUnstartedServer(nil)
	url := "http://" + listening.Listener.Addr().String()
	server, err := githubserver.New(githubserver.Options{URL: url, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	listening.Config.Handler = server
	listening.Start()
	t.Cleanup(listening.Close)
	t.Cleanup(func() {
		for _, v := range server.Violations() {
			t.Errorf("not as GitHub describes it: %+v", v)
		}
	})
	h := &hub{Server: server, t: t}
	h.key, err = rsa.GenerateKey(rand.Reader, 2048)
	h.must(err)
	h.must(h.AddUser(boss, "boss"))
	h.must(h.AddOrganization(acme, "acme"))
	_, err = h.AddRepository(t.Context(), forge.NewRepository{Name: "acme/platform-config", Private: true})
	h.must(err)
	h.must(h.SetRole("acme/platform-config", boss, model.Admin))
	_, err = h.Commit(t.Context(), forge.NewCommit{Repo: "acme/platform-config", Author: boss, Message: "Begin", Files: map[string]string{"README.md": "hello\n"}})
	h.must(err)
	h.must(h.AddApp(forge.NewApp{ID: exampleApp, Slug: "plateform", Owner: "acme", Key: &h.key.PublicKey, Permissions: auth.ConfigRepository(), Events: auth.Events()}))
	return h
}

func (h *hub) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hub) client(token string) *github.Client {
	h.t.Helper()
	c, err := github.NewClient(nil).WithEnterpriseURLs(h.URL(), h.URL())
	h.must(err)
	return c.WithAuthToken(token)
}

// admin is somebody who administers the repository.
func (h *hub) admin() *github.Client {
	h.t.Helper()
	text, err := h.Token(boss, "repo")
	h.must(err)
	return h.client(text)
}

// installed is the App as it is installed in the repository.
func (h *hub) installed() *github.Client {
	h.t.Helper()
	id, err := h.Install(exampleApp, "acme", "acme/platform-config")
	h.must(err)
	now := time.Now()
	claims := jwt.RegisteredClaims{Issuer: strconv.Itoa(exampleApp), IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(9 * time.Minute))}
	text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(h.key)
	h.must(err)
	minted, _, err := h.client(text).Apps.CreateInstallationToken(h.t.Context(), id, nil)
	h.must(err)
	return h.client(minted.GetToken())
}
