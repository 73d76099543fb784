package githubserver_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/openapi"
)

// clock is a clock that stands still.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// inbox gets webhooks, and refuses those that are not signed.
type inbox struct {
	mu   sync.Mutex
	got  []delivered
	code int
}

type delivered struct {
	name string // the event, with its action behind it
	body any    // as go-github reads it
	raw  map[string]any
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	payload, err := github.ValidatePayload(r, []byte("hook secret"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	event, err := github.ParseWebHook(github.WebHookType(r), payload)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d := delivered{name: github.WebHookType(r), body: event}
	_ = json.Unmarshal(payload, &d.raw) // it has been parsed before
	if action, _ := d.raw["action"].(string); action != "" {
		d.name += " " + action
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, d)
	w.WriteHeader(b.code)
}

// take returns what has arrived, and forgets it.
func (b *inbox) take() []delivered {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

func names(list []delivered) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.name)
	}
	return out
}

// The people of these tests.
const (
	ann, ben, eve, acme = 1, 2, 3, 10
	appID               = 77
)

// world is a server with people, a config repository, and an App.
type world struct {
	*githubserver.Server
	t     *testing.T
	clock *clock
	inbox *inbox
	key   *rsa.PrivateKey
}

const config = "acme/config"

// What takes long and is the same for all tests.
var (
	description = sync.OnceValues(openapi.Load)
	appKey      = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
)

func start(t *testing.T, limits *githubserver.Limits) *world {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, inbox: &inbox{code: http.StatusAccepted}}
	spec, err := description()
	if err != nil {
		t.Fatal(err)
	}
	w.Server, err = githubserver.New(githubserver.Options{URL: "http://" + listener.Addr().String(), Dir: t.TempDir(), Now: w.clock.Now, Limits: limits, Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, v := range w.Violations() {
			t.Errorf("not as GitHub describes it: %+v", v)
		}
	})
	w.populate()
	return w
}

func (w *world) populate() {
	w.t.Helper()
	hooks := httptest.NewServer(w.inbox)
	w.t.Cleanup(hooks.Close)
	var err error
	if w.key, err = appKey(); err != nil {
		w.t.Fatal(err)
	}
	w.must(w.AddUser(ann, "ann"))
	w.must(w.AddUser(ben, "ben"))
	w.must(w.AddUser(eve, "eve"))
	w.must(w.AddOrganization(acme, "acme"))
	w.repository(forge.NewRepository{Name: config, Private: true})
	w.must(w.SetRole(config, ann, model.Admin))
	w.must(w.SetRole(config, ben, model.Write))
	w.must(w.AddApp(forge.NewApp{ID: appID, Slug: "plateform", Owner: "acme", Key: &w.key.PublicKey, HookURL: hooks.URL, Secret: "hook secret",
		Permissions: map[string]string{"contents": "write", "checks": "write", "statuses": "write", "pull_requests": "write", "deployments": "write", "metadata": "read"},
		Events:      []string{"push", "pull_request", "issue_comment"}}))
	_, err = w.Commit(w.t.Context(), forge.NewCommit{Repo: config, Author: ann, Message: "Begin", Files: map[string]string{"README.md": "hello\n"}})
	w.must(err)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) repository(n forge.NewRepository) {
	w.t.Helper()
	_, err := w.AddRepository(w.t.Context(), n)
	w.must(err)
}

func (w *world) install(repositories ...string) int64 {
	w.t.Helper()
	id, err := w.Install(appID, "acme", repositories...)
	w.must(err)
	return id
}

// client is go-github with a token; "" for none.
func (w *world) client(token string) *github.Client {
	w.t.Helper()
	c, err := github.NewClient(nil).WithEnterpriseURLs(w.URL(), w.URL())
	w.must(err)
	if token != "" {
		c = c.WithAuthToken(token)
	}
	return c
}

// user is a client with all rights of a person.
func (w *world) user(id int64) *github.Client {
	w.t.Helper()
	token, err := w.Token(id, "repo")
	w.must(err)
	return w.client(token)
}

// app is a client of the App as itself.
func (w *world) app() *github.Client {
	w.t.Helper()
	now := w.clock.Now()
	claims := jwt.RegisteredClaims{Issuer: "77", IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(9 * time.Minute))}
	text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(w.key)
	w.must(err)
	return w.client(text)
}

// token is one of an installation.
func (w *world) token(installation int64, o *github.InstallationTokenOptions) string {
	w.t.Helper()
	token, _, err := w.app().Apps.CreateInstallationToken(w.t.Context(), installation, o)
	w.must(err)
	return token.GetToken()
}

// deliver waits until all webhooks have been sent.
func (w *world) deliver() []delivered {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	w.must(w.Hooks().Idle(ctx))
	return w.inbox.take()
}

// expect takes violations that a test has made on purpose.
func (w *world) expect(operation, problem string) {
	w.t.Helper()
	for _, v := range w.TakeViolations() {
		if v.Operation != operation || !strings.Contains(v.Problem, problem) || v.Server {
			w.t.Errorf("a violation that is not wanted: %+v", v)
		}
	}
}

// git runs git in a folder.
func git(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=1+ann@users.noreply.github.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=1+ann@users.noreply.github.com")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// clone clones a repository with a token.
func (w *world) clone(repo, token string) string {
	w.t.Helper()
	dir := w.t.TempDir()
	url := strings.Replace(w.CloneURL(repo), "http://", "http://x-access-token:"+token+"@", 1)
	if out, err := git(w.t, dir, "clone", "-q", url, "."); err != nil {
		w.t.Fatal(out)
	}
	return dir
}

func mustGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := git(t, dir, args...)
	if err != nil {
		t.Fatalf("git %s: %s", strings.Join(args, " "), out)
	}
	return out
}

// status of an answer, whatever the error says.
func status(r *github.Response) int {
	if r == nil {
		return 0
	}
	return r.StatusCode
}

// writeRandom writes two megabytes that cannot be compressed.
func writeRandom(path string) error {
	data := make([]byte, 2<<20)
	_, _ = rand.Read(data) // it never fails
	return os.WriteFile(path, data, 0o600)
}

// hook gives the config repository a webhook of its own, to the same inbox.
func (w *world) hook(c *github.Client) string {
	w.t.Helper()
	server := httptest.NewServer(w.inbox)
	w.t.Cleanup(server.Close)
	_, _, err := c.Repositories.CreateHook(w.t.Context(), "acme", "config", &github.Hook{Events: []string{"push"}, Active: github.Bool(true),
		Config: &github.HookConfig{URL: &server.URL, ContentType: github.String("json"), Secret: github.String("hook secret")}})
	w.must(err)
	return server.URL
}

// asAccepted says that something was accepted, which go-github calls an error.
func asAccepted(err error, accepted **github.AcceptedError) bool {
	return err == nil || errors.As(err, accepted)
}
