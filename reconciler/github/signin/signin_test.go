package signin_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/client"
	"github.com/plateform/plateform/reconciler/github/signin"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/openapi"
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

// Who there is in these tests, and the operation that they are about.
const (
	ann        = 1
	ours       = "Iv23ours"
	secret     = "d0e1client-secret-canary"
	checkToken = "POST /applications/{client_id}/token"
)

var (
	description = sync.OnceValues(openapi.Load)
	appKey      = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
)

// hub is a GitHub with an App, and who asks it.
type hub struct {
	*githubserver.Server
	*clock
	t      *testing.T
	file   string
	client *client.Client
	signIn *signin.SignIn
}

func start(t *testing.T) *hub {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{t: t, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, file: filepath.Join(t.TempDir(), "client-secret")}
	spec, err := description()
	h.must(err)
	h.Server, err = githubserver.New(githubserver.Options{URL: "http://" + listener.Addr().String(), Dir: t.TempDir(), Now: h.Now, Spec: spec})
	h.must(err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, v := range h.Violations() {
			t.Errorf("not as GitHub describes it: %+v", v)
		}
	})
	key, err := appKey()
	h.must(err)
	h.must(h.AddUser(ann, "ann"))
	h.must(h.AddOrganization(10, "acme"))
	for id, name := range map[int64]string{7: ours, 8: "Iv23other"} {
		h.must(h.AddApp(forge.NewApp{ID: id, Slug: name, Owner: "acme", Key: &key.PublicKey, ClientID: name, ClientSecret: secret}))
	}
	h.write(secret + "\n")
	address, err := url.Parse(h.URL() + "/api/v3/")
	h.must(err)
	h.client, err = client.New(client.Options{API: address, Clock: h.clock})
	h.must(err)
	h.signIn = h.as(ours)
	return h
}

func (h *hub) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// as is who asks as an App.
func (h *hub) as(clientID string) *signin.SignIn {
	h.t.Helper()
	s, err := signin.New(signin.Options{Client: h.client, ClientID: clientID, SecretFile: h.file, Now: h.Now})
	h.must(err)
	return s
}

func (h *hub) write(text string) {
	h.t.Helper()
	h.must(os.WriteFile(h.file, []byte(text), 0o600))
}

func (h *hub) token(app int64, life time.Duration) string {
	h.t.Helper()
	token, err := h.UserToken(app, ann, life)
	h.must(err)
	return token
}

// asked is how often GitHub was asked since the last time.
func (h *hub) asked(before *int) int {
	h.t.Helper()
	n := 0
	for _, c := range h.Calls() {
		if c.Operation == checkToken {
			n++
		}
	}
	asked := n - *before
	*before = n
	return asked
}

// secretless fails when an error has something secret in it.
func (h *hub) secretless(err error, token string) {
	h.t.Helper()
	basic := base64.StdEncoding.EncodeToString([]byte(ours + ":" + secret))
	for _, s := range []string{token, secret, basic} {
		if err != nil && s != "" && (strings.Contains(err.Error(), s) || strings.Contains(fmt.Sprintf("%+v", err), s)) {
			h.t.Errorf("a secret is in the error: %v", err)
		}
	}
}

func TestWhoSomebodyIs(t *testing.T) {
	h := start(t)
	ctx := t.Context()
	h.must(h.Rename(ann, "ann-new"))
	who, err := h.signIn.Identify(ctx, h.token(7, 8*time.Hour))
	if want := (reconciler.Identity{ID: ann, Login: "ann-new", Expires: h.Now().Add(8 * time.Hour)}); err != nil || who != want {
		t.Errorf("%+v, %v, want %+v", who, err, want)
	}
	if who, err := h.signIn.Identify(ctx, h.token(7, 0)); err != nil || !who.Expires.IsZero() || who.ID != ann {
		t.Errorf("a token without an end: %+v, %v", who, err)
	}
}

// Whatever is not a person's token for this App is nobody's; what could never be one is not asked about.
func TestNobody(t *testing.T) {
	h := start(t)
	personal, err := h.Token(ann, "repo")
	h.must(err)
	fine, err := h.FineGrainedToken(ann, map[string]string{"contents": "read"})
	h.must(err)
	revoked, expired := h.token(7, 0), h.token(7, time.Minute)
	h.Revoke(revoked)
	h.pass(time.Minute)
	for name, c := range map[string]struct {
		token, says string
		asked       int
	}{
		"of another App":           {h.token(8, 0), "has issued no such token", 1},
		"revoked":                  {revoked, "or was revoked", 1},
		"expired":                  {expired, "or it has expired", 1},
		"made up":                  {"ghu_4711", "has issued no such token", 1},
		"of an OAuth app":          {"gho_4711", "has issued no such token", 1},
		"a personal one":           {personal, "personal access token", 0},
		"a fine-grained one":       {fine, "personal access token", 0},
		"of an installation":       {"ghs_4711", "of no person", 0},
		"for refreshing":           {"ghr_4711", "for getting a new token", 0},
		"nothing":                  {"", "no token of GitHub", 0},
		"a kind alone":             {"ghu_", "not written as", 0},
		"without a kind":           {"4711", "no token of GitHub", 0},
		"a JSON Web Token":         {"eyJh.eyJh.c2ln", "no token of GitHub", 0},
		"with a line end":          {"ghu_47\n11", "not written as", 0},
		"with a space":             {"ghu_47 11", "not written as", 0},
		"with an umlaut":           {"ghu_47ü", "not written as", 0},
		"very long":                {"ghu_" + strings.Repeat("a", 1<<20), "not written as", 0},
		"in capitals, as none are": {"GHU_4711", "no token of GitHub", 0},
	} {
		t.Run(name, func(t *testing.T) {
			before := 0
			h.asked(&before)
			who, err := h.signIn.Identify(t.Context(), c.token)
			if !errors.Is(err, reconciler.ErrNoIdentity) || who != (reconciler.Identity{}) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("it is %+v, %v, want nobody: %s", who, err, c.says)
			}
			if n := h.asked(&before); n != c.asked {
				t.Errorf("GitHub is asked %d times, want %d", n, c.asked)
			}
			h.secretless(err, c.token)
		})
	}
}

// GitHub's answer is not taken for more than it says.
func TestAnswersAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		body, says string
		nobody     bool
	}{
		"another App":     {200, `{"app":{"client_id":"Iv23other"},"user":{"id":1,"login":"ann","type":"User"}}`, "issued to another App", true},
		"no App":          {200, `{"user":{"id":1,"login":"ann","type":"User"}}`, "issued to another App", true},
		"no user":         {200, `{"app":{"client_id":"Iv23ours"},"user":null}`, "belongs to nobody", true},
		"an id of 0":      {200, `{"app":{"client_id":"Iv23ours"},"user":{"id":0,"login":"ann","type":"User"}}`, "belongs to nobody", true},
		"a bot":           {200, `{"app":{"client_id":"Iv23ours"},"user":{"id":2,"login":"x[bot]","type":"Bot"}}`, "no person", true},
		"over":            {200, `{"app":{"client_id":"Iv23ours"},"user":{"id":1,"login":"ann","type":"User"},"expires_at":"2026-11-22T12:00:00Z"}`, "it has expired", true},
		"refused":         {422, `{"message":"Validation Failed"}`, "has issued no such token", true},
		"no JSON":         {200, `<html>`, "asking for the owner of a token", false},
		"a proxy's page":  {502, `<html>bad gateway</html>`, "GitHub answers 502", false},
		"an outage":       {500, `{"message":"Server Error"}`, "(try again in a moment)", false},
		"it is forbidden": {403, `{"message":"Resource not accessible"}`, "GitHub answers 403", false},
		"it is quoted":    {400, `{"message":"what is ghu_canary-of-a-token?"}`, "GitHub answers 400: Bad Request", false},
		"asked too much":  {429, `{"message":"slow down"}`, "it is asked again in 1m0s", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			h.Inject(githubserver.Fault{Operation: checkToken, Status: c.status, Body: c.body})
			who, err := h.signIn.Identify(t.Context(), "ghu_canary-of-a-token")
			if err == nil || errors.Is(err, reconciler.ErrNoIdentity) != c.nobody || !strings.Contains(err.Error(), c.says) || who != (reconciler.Identity{}) {
				t.Errorf("it is %+v, %v, want nobody: %v, %s", who, err, c.nobody, c.says)
			}
			h.secretless(err, "ghu_canary-of-a-token")
		})
	}
}

// What went wrong says what to do, and how long to wait where GitHub says it; nobody is taken for nobody because of it.
func TestTrouble(t *testing.T) {
	h := start(t)
	ctx := t.Context()
	token := h.token(7, 0)
	h.must(h.Throttle(ours, githubserver.Throttle{Requests: 1, Status: 403, RetryAfter: 40 * time.Second}))
	_, err := h.signIn.Identify(ctx, token)
	if err == nil || errors.Is(err, reconciler.ErrNoIdentity) || reconciler.RetryAfter(err) != 40*time.Second {
		t.Errorf("a limit: %v, wait %s", err, reconciler.RetryAfter(err))
	}
	before := 0
	h.asked(&before)
	h.pass(3 * time.Second) // the rest of the wait is the client's to know
	if _, err = h.signIn.Identify(ctx, token); reconciler.RetryAfter(err) != 37*time.Second || h.asked(&before) != 0 {
		t.Errorf("GitHub is asked although it is to be left alone: %v", err)
	}
	h.pass(40 * time.Second)
	if who, err := h.signIn.Identify(ctx, token); err != nil || who.ID != ann {
		t.Errorf("after that: %+v, %v", who, err)
	}
	h.Inject(githubserver.Fault{Operation: checkToken, Drop: true, Times: 1})
	other := h.token(7, 0)
	if _, err := h.signIn.Identify(ctx, other); err == nil || errors.Is(err, reconciler.ErrNoIdentity) || !strings.Contains(err.Error(), "try again") {
		t.Errorf("a connection that breaks: %v", err)
	}
	h.asked(&before)
	if _, err := h.signIn.Identify(ctx, other); err == nil || h.asked(&before) != 0 {
		t.Errorf("right after that GitHub is asked again: %v", err)
	}
	h.pass(2 * time.Second)
	if who, err := h.signIn.Identify(ctx, other); err != nil || who.ID != ann {
		t.Errorf("in a moment: %+v, %v", who, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := h.signIn.Identify(ended, h.token(7, 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: %v", err)
	}
}

// A secret that GitHub does not take is said with what to do; one that was exchanged under way is read again.
func TestClientSecret(t *testing.T) {
	h := start(t)
	ctx := t.Context()
	h.write("another")
	_, err := h.signIn.Identify(ctx, h.token(7, 0))
	var wrong *signin.ClientRefusedError
	if !errors.As(err, &wrong) || errors.Is(err, reconciler.ErrNoIdentity) || !strings.Contains(err.Error(), h.file) || !strings.Contains(err.Error(), "make a client secret there") {
		t.Errorf("a wrong secret: %v", err)
	}
	if err := h.signIn.Probe(ctx); !errors.As(err, &wrong) {
		t.Errorf("a probe with it: %v", err)
	}
	h.write(secret)
	if err := h.signIn.Probe(ctx); err != nil {
		t.Errorf("a probe with the right one: %v", err)
	}
	if err := h.as("Iv23none").Probe(ctx); !errors.As(err, &wrong) {
		t.Errorf("a probe with a client id that is nobody's: %v", err)
	}
	h.write("old")
	h.Inject(githubserver.Fault{Operation: checkToken, Times: 1, Before: func() { h.write(secret) }})
	if who, err := h.signIn.Identify(ctx, h.token(7, 0)); err != nil || who.ID != ann {
		t.Errorf("exchanged while GitHub is asked: %+v, %v", who, err)
	}
	for text, says := range map[string]string{"": "does not hold one secret", "two words": "does not hold one secret"} {
		h.write(text)
		if _, err := h.signIn.Identify(ctx, h.token(7, 0)); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "try again") {
			t.Errorf("a file with %q: %v", text, err)
		}
	}
	h.must(os.Remove(h.file))
	if _, err := h.signIn.Identify(ctx, h.token(7, 0)); !errors.Is(err, os.ErrNotExist) || errors.Is(err, reconciler.ErrNoIdentity) {
		t.Errorf("without the file: %v", err)
	}
}

// An answer is believed for a short while, a refusal for a shorter one, and none beyond the end of the token.
func TestAnswersAreKept(t *testing.T) {
	h := start(t)
	ctx := t.Context()
	before := 0
	good, short := h.token(7, 0), h.token(7, 90*time.Second)
	identify := func(token string, want, asked int) {
		t.Helper()
		who, err := h.signIn.Identify(ctx, token)
		if who.ID != int64(want) || (err == nil) != (want != 0) || err != nil && !errors.Is(err, reconciler.ErrNoIdentity) {
			t.Errorf("it is %+v, %v, want %d", who, err, want)
		}
		if n := h.asked(&before); n != asked {
			t.Errorf("GitHub is asked %d times, want %d", n, asked)
		}
	}
	identify(good, ann, 1)
	identify(short, ann, 1)
	identify("ghu_none", 0, 1)
	identify(good, ann, 0)
	identify("ghu_none", 0, 0)
	h.Revoke(good)
	h.pass(30 * time.Second)
	identify("ghu_none", 0, 1)
	h.pass(time.Minute)
	identify(short, 0, 1)
	h.pass(3*time.Minute + 29*time.Second)
	identify(good, ann, 0) // it is believed for five minutes that it is good
	h.pass(time.Second)
	identify(good, 0, 1)
}

// Who shows one token many times at once has GitHub asked once, also when that goes wrong; and whoever gives up does not wait.
func TestOneQuestionAtATime(t *testing.T) {
	for name, fault := range map[string]githubserver.Fault{"good": {}, "down": {Status: 500}} {
		t.Run(name, func(t *testing.T) {
			h := start(t)
			asking, answer := make(chan struct{}, 1), make(chan struct{})
			fault.Operation, fault.Times = checkToken, 1
			fault.Before = func() { asking <- struct{}{}; <-answer }
			h.Inject(fault)
			token := h.token(7, 0)
			const many = 20
			var all sync.WaitGroup
			results := make(chan error, many)
			for range many {
				all.Go(func() {
					_, err := h.signIn.Identify(t.Context(), token)
					results <- err
				})
			}
			<-asking
			impatient, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := h.signIn.Identify(impatient, token); !errors.Is(err, context.Canceled) {
				t.Errorf("who gives up: %v", err)
			}
			close(answer)
			all.Wait()
			close(results)
			for err := range results {
				if (err == nil) != (fault.Status == 0) {
					t.Errorf("it is %v", err)
				}
			}
			before := 0
			if n := h.asked(&before); n != 1 {
				t.Errorf("GitHub is asked %d times", n)
			}
		})
	}
}

// Who asks first and gives up takes nobody along.
func TestWhoGivesUpIsAlone(t *testing.T) {
	h := start(t)
	token := h.token(7, 0)
	asking, answer := make(chan struct{}), make(chan struct{})
	h.Inject(githubserver.Fault{Operation: checkToken, Times: 1, Before: func() { close(asking); <-answer }})
	first, giveUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := h.signIn.Identify(first, token)
		gone <- err
	}()
	<-asking
	giveUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	close(answer)
	if who, err := h.signIn.Identify(t.Context(), token); err != nil || who.ID != ann {
		t.Errorf("who did not: %+v, %v", who, err)
	}
}

// Tokens that are made up use up a part of what GitHub takes, and lock nobody out who is in.
func TestTokensThatAreMadeUp(t *testing.T) {
	h := start(t)
	ctx := t.Context()
	before := 0
	good := h.token(7, 0)
	if _, err := h.signIn.Identify(ctx, good); err != nil {
		t.Fatal(err)
	}
	h.pass(5 * time.Minute)
	h.asked(&before)
	var crowded *signin.CrowdedError
	for n := range 5000 {
		_, err := h.signIn.Identify(ctx, fmt.Sprintf("ghu_%d", n))
		if n < 60 && !errors.Is(err, reconciler.ErrNoIdentity) || n >= 60 && (!errors.As(err, &crowded) || reconciler.RetryAfter(err) != time.Minute) {
			t.Fatalf("number %d: %v", n, err)
		}
	}
	if n := h.asked(&before); n != 60 {
		t.Errorf("GitHub is asked %d times within a minute", n)
	}
	if who, err := h.signIn.Identify(ctx, good); err != nil || who.ID != ann || h.asked(&before) != 1 {
		t.Errorf("who was in before: %+v, %v", who, err)
	}
	fresh := h.token(7, 0)
	if _, err := h.signIn.Identify(ctx, fresh); !errors.As(err, &crowded) {
		t.Errorf("who is new: %v", err)
	}
	h.pass(time.Minute)
	if who, err := h.signIn.Identify(ctx, fresh); err != nil || who.ID != ann {
		t.Errorf("who is new, a minute later: %+v, %v", who, err)
	}
}

// Whoever makes tokens up at one address keeps nobody out elsewhere, and however many sign in at one address are let in.
func TestTokensThatAreMadeUpAtOneAddress(t *testing.T) {
	h := start(t)
	before := 0
	h.asked(&before)
	from := func(address string) context.Context { return reconciler.WithAsker(t.Context(), address) }
	var crowded *signin.CrowdedError
	for n := range 100 {
		_, err := h.signIn.Identify(from("203.0.113.7"), fmt.Sprintf("ghu_%d", n))
		if n < 15 && !errors.Is(err, reconciler.ErrNoIdentity) || n >= 15 && (!errors.As(err, &crowded) || crowded.Address != "203.0.113.7" || reconciler.RetryAfter(err) != time.Minute) {
			t.Fatalf("number %d: %v", n, err)
		}
	}
	if n := h.asked(&before); n != 15 {
		t.Errorf("GitHub is asked %d times within a minute", n)
	}
	for n := range 30 {
		if who, err := h.signIn.Identify(from("203.0.113.8"), h.token(7, 0)); err != nil || who.ID != ann {
			t.Fatalf("number %d of those who are new elsewhere: %+v, %v", n, who, err)
		}
	}
	if _, err := h.signIn.Identify(from("203.0.113.7"), h.token(7, 0)); !errors.As(err, &crowded) {
		t.Errorf("who is new at the address: %v", err)
	}
	h.pass(time.Minute)
	if who, err := h.signIn.Identify(from("203.0.113.7"), h.token(7, 0)); err != nil || who.ID != ann {
		t.Errorf("who is new there, a minute later: %+v, %v", who, err)
	}
}

// The questions are part of the one budget: what is asked in vain is not asked when that is used up.
func TestBudget(t *testing.T) {
	h := start(t)
	ctx := t.Context()
	api := h.client.As(nobody{})
	for n := range 895 { // of 900 points in a minute
		if _, _, err := api.Users.Get(ctx, fmt.Sprintf("nobody-%d", n)); !client.Answered(client.Explain(err), http.StatusNotFound) {
			t.Fatal(err)
		}
	}
	if _, err := h.signIn.Identify(ctx, h.token(7, 0)); err != nil {
		t.Fatal(err)
	}
	begin := h.Now()
	if _, err := h.signIn.Identify(ctx, h.token(7, 0)); err == nil || reconciler.RetryAfter(err) == 0 {
		t.Errorf("with nothing left: %v", err)
	}
	if h.Now() != begin {
		t.Error("it waits for a minute")
	}
}

// What is asked is nothing that people see, of which GitHub takes 500 an hour.
func TestQuestionsAreNoContent(t *testing.T) {
	h := start(t)
	for range 500 {
		if _, err := h.signIn.Identify(t.Context(), h.token(7, 0)); err != nil {
			t.Fatal(err)
		}
		h.pass(time.Second)
	}
}

// nobody asks without a login.
type nobody struct{}

func (nobody) Authorization(context.Context) (client.Secret, error) { return "", nil }

func (nobody) Rejected(client.Secret) bool { return false }

// It works at another address than the root, and sends the token to no other host.
func TestOnlyThisGitHub(t *testing.T) {
	h := start(t)
	elsewhere := make(chan string, 1)
	other := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		elsewhere <- r.Header.Get("Authorization") + body.String()
	})}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	h.must(err)
	ended := make(chan error, 1)
	go func() { ended <- other.Serve(listener) }()
	t.Cleanup(func() {
		_ = other.Close()
		<-ended
	})
	h.Inject(githubserver.Fault{Operation: checkToken, Status: 307, Header: map[string]string{"Location": "http://" + listener.Addr().String() + "/"}, Body: "{}"})
	token := h.token(7, 0)
	_, err = h.signIn.Identify(t.Context(), token)
	if err == nil || errors.Is(err, reconciler.ErrNoIdentity) {
		t.Errorf("it is led away: %v", err)
	}
	h.secretless(err, token)
	select {
	case sent := <-elsewhere:
		t.Errorf("another host is told %q", sent)
	default:
	}
}

func TestNewWantsAll(t *testing.T) {
	h := start(t)
	for name, o := range map[string]signin.Options{
		"a client":    {ClientID: ours, SecretFile: h.file, Now: h.Now},
		"a client id": {Client: h.client, SecretFile: h.file, Now: h.Now},
		"a secret":    {Client: h.client, ClientID: ours, Now: h.Now},
		"a clock":     {Client: h.client, ClientID: ours, SecretFile: h.file},
	} {
		if _, err := signin.New(o); err == nil {
			t.Errorf("it does without %s", name)
		}
	}
}
