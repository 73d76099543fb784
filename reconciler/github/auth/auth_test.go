package auth_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
)

// clock stands still but for what is slept.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.pass(d)
	return ctx.Err()
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// gitHub mints tokens for an App.
type gitHub struct {
	*clock
	t   *testing.T
	key *rsa.PrivateKey
	app *auth.App
	// answer refuses requests whose path ends in something with a status; requests are all that were made.
	mu       sync.Mutex
	refuse   map[string]int
	requests []string
	minted   []map[string]any
	// installation is the id of the one that there is.
	installation int
}

func newGitHub(t *testing.T) *gitHub {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	g := &gitHub{t: t, key: key, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, refuse: map[string]int{}, installation: 42}
	server := httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "app.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600); err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(client.Options{API: address, Clock: g.clock})
	if err != nil {
		t.Fatal(err)
	}
	if g.app, err = auth.NewApp(auth.AppOptions{ID: 7, KeyFile: file, Client: api, Now: g.Now}); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *gitHub) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, r.URL.Path)
	g.checkSigned(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	for suffix, status := range g.refuse {
		if strings.HasSuffix(r.URL.Path, suffix) {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"message":"no"}`)
			return
		}
	}
	if strings.HasSuffix(r.URL.Path, "/installation") {
		fmt.Fprintf(w, `{"id":%d}`, g.installation)
		return
	}
	if r.URL.Path != fmt.Sprintf("/app/installations/%d/access_tokens", g.installation) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"Not Found"}`)
		return
	}
	var asked map[string]any
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		g.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	g.minted = append(g.minted, asked)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"token":"ghs_%d","expires_at":%q}`, len(g.minted), g.Now().Add(time.Hour).Format(time.RFC3339))
}

// checkSigned holds a JSON Web Token to what GitHub asks of one.
func (g *gitHub) checkSigned(text string) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		g.t.Errorf("the App logs in with %d parts", len(parts))
		return
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(&g.key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		g.t.Error("the App's login is not signed with its key")
	}
	var claims struct {
		Iat, Exp int64
		Iss      string
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err := errors.Join(err, json.Unmarshal(data, &claims)); err != nil {
		g.t.Error(err)
	}
	now := g.Now().Unix()
	if claims.Iss != "7" || claims.Iat >= now || claims.Exp <= now || claims.Exp > now+600 {
		g.t.Errorf("claims %+v at %d", claims, now)
	}
}

func (g *gitHub) token(r auth.Repository, p auth.Permissions) string {
	g.t.Helper()
	token, err := g.app.Token(g.t.Context(), r, p)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(token)
}

var shop = auth.Repository{Owner: "acme", Name: "Shop"}

// A token is for one repository and what a call needs, kept, and another one is there before it ends.
func TestTokensOfAnApp(t *testing.T) {
	g := newGitHub(t)
	if first, again := g.token(shop, auth.WriteStatuses()), g.token(auth.Repository{Owner: "ACME", Name: "shop"}, auth.WriteStatuses()); first != "ghs_1" || again != first {
		t.Errorf("got %s, then %s", first, again)
	}
	if other := g.token(shop, auth.ReadContents()); other != "ghs_2" {
		t.Errorf("for something else: %s", other)
	}
	if other := g.token(auth.Repository{Owner: "acme", Name: "api"}, auth.WriteStatuses()); other != "ghs_3" {
		t.Errorf("for another repository: %s", other)
	}
	for i, want := range []string{`{"permissions":{"statuses":"write"},"repositories":["Shop"]}`, `{"permissions":{"contents":"read"},"repositories":["Shop"]}`, `{"permissions":{"statuses":"write"},"repositories":["api"]}`} {
		if got, _ := json.Marshal(g.minted[i]); string(got) != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
	}
	g.pass(44 * time.Minute)
	if token := g.token(shop, auth.WriteStatuses()); token != "ghs_1" {
		t.Errorf("while it is good for long enough: %s", token)
	}
	g.pass(2 * time.Minute)
	if token := g.token(shop, auth.WriteStatuses()); token != "ghs_4" {
		t.Errorf("before it ends: %s", token)
	}
}

// The installation on a repository is looked for once, and again when it is another one.
func TestAnAppThatIsInstalledAnew(t *testing.T) {
	g := newGitHub(t)
	g.token(shop, auth.WriteStatuses())
	g.token(shop, auth.ReadContents())
	if want := []string{"/repos/acme/Shop/installation", "/app/installations/42/access_tokens", "/app/installations/42/access_tokens"}; !slices.Equal(g.requests, want) {
		t.Errorf("asked %v, want %v", g.requests, want)
	}
	g.installation = 43
	g.app.Rejected(shop, auth.WriteStatuses(), "ghs_1")
	if token := g.token(shop, auth.WriteStatuses()); token != "ghs_3" {
		t.Errorf("got %s", token)
	}
}

// While GitHub does not answer, a token is used as long as it is good, and not longer.
func TestATokenThatCannotBeRenewed(t *testing.T) {
	g := newGitHub(t)
	g.token(shop, auth.WriteStatuses())
	g.refuse["/access_tokens"] = http.StatusBadGateway
	g.pass(50 * time.Minute)
	if token := g.token(shop, auth.WriteStatuses()); token != "ghs_1" {
		t.Errorf("got %s", token)
	}
	g.pass(10 * time.Minute)
	if token, err := g.app.Token(t.Context(), shop, auth.WriteStatuses()); err == nil {
		t.Errorf("got %q after its end", string(token))
	}
	delete(g.refuse, "/access_tokens")
	if token := g.token(shop, auth.WriteStatuses()); token != "ghs_2" {
		t.Errorf("once it answers: %s", token)
	}
}

func TestATokenThatWasRejected(t *testing.T) {
	g := newGitHub(t)
	first := g.token(shop, auth.WriteStatuses())
	if !g.app.Rejected(shop, auth.WriteStatuses(), client.Secret(first)) {
		t.Error("there may be no other one")
	}
	second := g.token(shop, auth.WriteStatuses())
	g.app.Rejected(shop, auth.WriteStatuses(), client.Secret(first)) // by somebody who is late
	if third := g.token(shop, auth.WriteStatuses()); second != "ghs_2" || third != second {
		t.Errorf("got %s, then %s", second, third)
	}
}

// An App that is not installed, was uninstalled, is suspended or lacks a permission is told as that, with what to do, and not asked
// about at every turn.
func TestAnAppThatMayNot(t *testing.T) {
	for _, tt := range []struct {
		path   string
		status int
		says   string
	}{
		{"/installation", http.StatusNotFound, "install it"},
		{"/access_tokens", http.StatusNotFound, "install it"},
		{"/access_tokens", http.StatusForbidden, "suspended"},
		{"/access_tokens", http.StatusUnprocessableEntity, "statuses: write"},
	} {
		t.Run(fmt.Sprint(tt.path, tt.status), func(t *testing.T) {
			g := newGitHub(t)
			g.token(shop, auth.WriteStatuses())
			g.app.Rejected(shop, auth.WriteStatuses(), "ghs_1")
			g.refuse[tt.path] = tt.status
			if tt.path == "/installation" { // the one that was known is gone
				g.installation++
			}
			asked := 0
			for range 10 {
				var unreachable *auth.NotReachableError
				if _, err := g.app.Token(t.Context(), shop, auth.WriteStatuses()); !errors.As(err, &unreachable) || !strings.Contains(err.Error(), tt.says) {
					t.Fatalf("error %v, want one that says %q", err, tt.says)
				}
				if asked == 0 {
					asked = len(g.requests)
				}
			}
			if len(g.requests) != asked {
				t.Errorf("asked again at once: %v", g.requests[asked:])
			}
			git := auth.Git{Site: siteAt(t, "https://github.example.com"), Tokens: g.app, Needs: auth.WriteStatuses(), Public: true}
			if user, password, err := git.Login(t.Context(), "https://github.example.com/acme/shop"); user+password != "" || err != nil {
				t.Errorf("git logs in at a public repository as %q, %v", user, err)
			}
			times := len(g.requests)
			for range 60 {
				g.pass(30 * time.Second)
				_, _ = g.app.Token(t.Context(), shop, auth.WriteStatuses())
			}
			if more := len(g.requests) - times; more < 6 || more > 30 {
				t.Errorf("asked %d times in half an hour", more)
			}
			delete(g.refuse, tt.path)
			g.pass(5 * time.Minute)
			if token := g.token(shop, auth.WriteStatuses()); token != "ghs_2" {
				t.Errorf("once it may: %s", token)
			}
		})
	}
}

func TestAnAppWhoseKeyIsNotTaken(t *testing.T) {
	g := newGitHub(t)
	g.refuse["/installation"] = http.StatusUnauthorized
	_, err := g.app.Token(t.Context(), shop, auth.WriteStatuses())
	var unreachable *auth.NotReachableError
	if err == nil || errors.As(err, &unreachable) || !strings.Contains(err.Error(), "the clock of this machine") {
		t.Errorf("error %v", err)
	}
}

// Many who need the same token at once have it minted once; who gives up does so at once.
func TestManyAtOnce(t *testing.T) {
	g := newGitHub(t)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if _, err := g.app.Token(t.Context(), shop, auth.WriteStatuses()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(g.minted) != 1 {
		t.Errorf("minted %d tokens", len(g.minted))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.app.Token(ended, auth.Repository{Owner: "acme", Name: "new"}, auth.ReadContents()); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	newer, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if read, err := auth.ReadKey(write("newer", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: newer})))); err != nil || !read.Equal(key) {
		t.Errorf("PKCS #8: %v", err)
	}
	for name, content := range map[string]string{
		"empty": "", "text": "canary", "other": "-----BEGIN RSA PRIVATE KEY-----\nY2FuYXJ5\n-----END RSA PRIVATE KEY-----\n",
	} {
		if _, err := auth.ReadKey(write(name, content)); err == nil || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "Y2FuYXJ5") || !strings.Contains(err.Error(), "download one") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := auth.ReadKey(filepath.Join(dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestATokenInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	f := auth.File(file)
	write := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Token(t.Context(), shop, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for _, content := range []string{"", "\n", "canary one\n", "canary\ntwo\n"} {
		write(content)
		if _, err := f.Token(t.Context(), shop, nil); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", content, err)
		}
	}
	write("ghp_1\n")
	if token, err := f.Token(t.Context(), shop, nil); err != nil || string(token) != "ghp_1" {
		t.Errorf("%q, %v", string(token), err)
	}
	if f.Rejected(shop, nil, "ghp_1") {
		t.Error("the same token may be taken when it is sent again")
	}
	write("ghp_2\n")
	if !f.Rejected(shop, nil, "ghp_1") {
		t.Error("a token that was renewed is not used")
	}
}

func siteAt(t *testing.T, base string) auth.Site {
	t.Helper()
	s, err := auth.SiteAt(base)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSites(t *testing.T) {
	for base, api := range map[string]string{
		"":                                  "https://api.github.com/",
		"https://github.com/":               "https://api.github.com/",
		"https://acme.ghe.com":              "https://api.acme.ghe.com/",
		"https://GitHub.example.com":        "https://github.example.com/api/v3/",
		"https://github.example.com/api/v3": "https://github.example.com/api/v3/",
		"https://github.example.com:8443":   "https://github.example.com:8443/api/v3/",
		"http://127.0.0.1:8080":             "http://127.0.0.1:8080/api/v3/",
	} {
		if got := siteAt(t, base).API.String(); got != api {
			t.Errorf("%q has its API at %s, want %s", base, got, api)
		}
	}
	for _, base := range []string{"github.com", "http://github.example.com", "https://api.github.com", "https://a:b@github.com", "https://github.com/acme", "https://github.com?x=1", "ssh://github.com", "://", "https://"} {
		if _, err := auth.SiteAt(base); err == nil {
			t.Errorf("%q is taken for a GitHub", base)
		}
	}
}

func TestRepositories(t *testing.T) {
	hub, own := siteAt(t, ""), siteAt(t, "https://git.example.com:8443")
	for url, want := range map[string]string{
		"https://github.com/acme/shop": "acme/shop", "https://GitHub.com/acme/shop.git": "acme/shop", "https://github.com/acme/shop/": "acme/shop",
		"https://github.com:443/acme/shop": "acme/shop", "https://www.github.com/acme/shop": "acme/shop", "git@github.com:acme/shop.git": "acme/shop",
		"ssh://git@github.com/acme/shop": "acme/shop", "ssh://git@ssh.github.com:443/acme/shop.git": "acme/shop", "https://x:y@github.com/acme/shop": "acme/shop",
		"https://github.com/acme": "", "https://github.com/acme/shop/tree": "", "https://github.com.evil.example/acme/shop": "", "https://evil.example/github.com/acme/shop": "",
		"/srv/git/acme/shop": "", "https://git.example.com/acme/shop": "", "https://github.com/acme/..": "", "https://github.com/../shop": "", "https://github.com/a%2fb/shop": "",
		"git@evil.example:acme/shop": "", "": "", "https://github.com@evil.example/acme/shop": "", "https://github.com/acme/shop%3f": "", "http://github.com:8080/acme/shop": "",
	} {
		if r, ok := hub.Repository(url); ok != (want != "") || ok && r.String() != want {
			t.Errorf("%s is %v, %t; want %q", url, r, ok, want)
		}
	}
	if r, ok := own.Repository("https://git.example.com:8443/acme/shop"); !ok || r.String() != "acme/shop" {
		t.Errorf("of one's own: %v, %t", r, ok)
	}
	for url, want := range map[string]bool{
		"https://github.com/acme/shop": true, "https://GITHUB.com:443/acme/shop": true, "http://github.com/acme/shop": false, "ssh://github.com/acme/shop": false,
		"https://www.github.com/acme/shop": false, "https://github.com.evil.example/a/b": false, "https://github.com@evil.example/a/b": false,
	} {
		if hub.MayLogin(url) != want {
			t.Errorf("a login goes to %s: %t", url, !want)
		}
	}
}

// Git gets a token of the repository it asks, where nobody else hears it.
func TestGit(t *testing.T) {
	g := newGitHub(t)
	git := auth.Git{Site: siteAt(t, ""), Tokens: g.app, Needs: auth.WriteContents()}
	if user, password, err := git.Login(t.Context(), "https://github.com/acme/Shop.git"); user != "x-access-token" || password != "ghs_1" || err != nil {
		t.Errorf("%q, %q, %v", user, password, err)
	}
	for _, url := range []string{"http://github.com/acme/shop", "https://git.example.com/acme/shop", "git@github.com:acme/shop"} {
		if user, password, err := git.Login(t.Context(), url); user+password != "" || err != nil {
			t.Errorf("%s gets %q, %v", url, user, err)
		}
	}
	git.Rejected("https://github.com/acme/Shop", "ghs_1")
	if _, password, err := git.Login(t.Context(), "https://github.com/acme/Shop"); password != "ghs_2" || err != nil {
		t.Errorf("after one was rejected: %q, %v", password, err)
	}
	g.refuse["/installation"] = http.StatusNotFound
	if _, _, err := git.Login(t.Context(), "https://github.com/acme/lost"); err == nil {
		t.Error("a repository that Plateform has to write is asked without a login")
	}
}
