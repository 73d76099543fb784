package gitstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/gitserver"
)

// TestServerWithoutAReport pushes to a server that does not say what became of a push: the refs tell.
func TestServerWithoutAReport(t *testing.T) {
	t.Parallel()
	for _, without := range [][]string{{"report-status"}, {"report-status", "report-status-v2", "side-band-64k", "side-band"}} {
		s := gitserver.New(t)
		r := s.Create(t, "config")
		s.Behave("config", gitserver.Kind{Without: without})
		store := openStore(t, Options{URL: r.URL})
		base := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
		fetch(t, store)
		head := push(t, store, base, setFiles("2", map[string]string{"a": "2"}))[0]
		if got := r.Head("main"); got != head {
			t.Fatalf("without %v: main is at %s, not at %s", without, got, head)
		}
		r.Hook("pre-receive", "exit 1")
		_, err := store.Push(t.Context(), head, []manifest.Edit{setFiles("3", map[string]string{"a": "3"})})
		if err == nil || r.Head("main") != head {
			t.Fatalf("without %v: a refused push: %v", without, err)
		}
	}
}

// TestWordsOfServers checks that what a server says reaches the error, whichever request it refuses.
func TestWordsOfServers(t *testing.T) {
	t.Parallel()
	page := "<!DOCTYPE html><html><head><title>Sign in &amp; go on</title></head><body>...</body></html>"
	cases := []struct {
		name  string
		fault gitserver.Fault
		want  string
		wait  time.Duration
	}{
		{"401", gitserver.Fault{Status: 401, Body: "token expired on Monday\nmore"}, "401 authentication required: token expired on Monday", 0},
		{"403", gitserver.Fault{Status: 403, Body: "SSO is needed\n"}, "403 authorization failed: SSO is needed", 0},
		{"404", gitserver.Fault{Status: 404, Body: "TF401019: it does not exist"}, "404 repository not found: TF401019: it does not exist", 0},
		{"429 with seconds", gitserver.Fault{Status: 429, Header: map[string]string{"Retry-After": "30"}, Body: "slow down"}, "429 too many requests: slow down (it asks to wait for 30s)", 30 * time.Second},
		{"429 with a time", gitserver.Fault{Status: 429, Header: map[string]string{"Date": "Mon, 02 Nov 2026 10:00:00 GMT", "Retry-After": "Mon, 02 Nov 2026 10:02:00 GMT"}, Body: "slow"},
			"429 too many requests: slow (it asks to wait for 2m0s)", 2 * time.Minute},
		{"429 with a day", gitserver.Fault{Status: 429, Header: map[string]string{"Retry-After": "86400"}, Body: "slow"},
			"429 too many requests: slow (it asks to wait for 24h0m0s, which is too long: it is asked again in 1h0m0s)", time.Hour},
		{"429 with more seconds than there are", gitserver.Fault{Status: 429, Header: map[string]string{"Retry-After": "99999999999999999999"}, Body: "slow"},
			"which is too long: it is asked again in 1h0m0s", time.Hour},
		{"503", gitserver.Fault{Status: 503, Body: "\n\n  upgrading  \n"}, "503 service unavailable: upgrading", 0},
		{"502 as a page", gitserver.Fault{Status: 502, Body: "<html><title>Bad\nGateway</title>"}, "502 bad gateway: Bad Gateway", 0},
		{"a page with 200", gitserver.Fault{Status: 200, Header: map[string]string{"Content-Type": "text/html"}, Body: page}, "a web page came in place of Git (\"Sign in & go on\")", 0},
		{"JSON with 200", gitserver.Fault{Status: 200, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"error": 1}`}, `"application/json": {"error": 1}`, 0},
		{"nothing with 200", gitserver.Fault{Status: 200, Body: "\n"}, "an empty answer", 0},
		{"a folder of files", gitserver.Fault{Status: 200, Body: strings.Repeat("a", 40) + "\trefs/heads/main\n"}, "dumb protocol", 0},
		{"version 2 alone", gitserver.Fault{Status: 200, Body: "000eversion 2\n0000"}, "version 2", 0},
		{"ERR", gitserver.Fault{Status: 200, Body: "001cERR out of office today\n"}, "the server says: out of office today", 0},
		{"control characters", gitserver.Fault{Status: 500, Body: "a\x1b[31mb\xff"}, "500 internal server error: a [31mb?", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := gitserver.New(t)
			r := s.Create(t, "config")
			r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
			c.fault.Op = gitserver.FetchRefs
			s.Inject("config", c.fault)
			_, err := openStore(t, Options{URL: r.URL}).Fetch(t.Context())
			checkWords(t, err, c.want, c.wait)

			s.Heal("config")
			c.fault.Op = gitserver.PushRefs
			s.Inject("config", c.fault)
			checkWords(t, openStore(t, Options{URL: r.URL}).CheckPush(t.Context()), c.want, c.wait)
		})
	}
}

func checkWords(t *testing.T, err error, want string, wait time.Duration) {
	t.Helper()
	var answer *ServerError
	if !errors.As(err, &answer) || !strings.Contains(err.Error(), want) || answer.RetryAfter() != wait {
		t.Errorf("got %v, want %q", err, want)
	}
	if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("%q holds what no line holds", err)
	}
}

// TestWordsOnTheWay checks what is said in place of a pack and of a report.
func TestWordsOnTheWay(t *testing.T) {
	t.Parallel()
	s := gitserver.New(t)
	r := s.Create(t, "config")
	base := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	for _, c := range []struct{ body, want string }{
		{"0026ERR upload-pack: not our ref today", "the server says: upload-pack: not our ref today"},
		{"0008NAK\n000d\x02careful\n0012\x03disk is full\n", "the server says: disk is full: careful"},
		{"0008NAK\n", "ends before the pack"},
		{"<html><title>Blocked</title>", "a web page came in place of Git"},
	} {
		s.Inject("config", gitserver.Fault{Op: gitserver.FetchPack, Times: 1, Status: 200, Body: c.body})
		if _, err := openStore(t, Options{URL: r.URL}).Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.body, err)
		}
	}
	store := openStore(t, Options{URL: r.URL})
	fetch(t, store)
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{413, "at most 50 MB", "413 request entity too large: at most 50 MB"},
		{301, "", "redirects to"},
		{200, "<html><title>Blocked by the proxy</title>", "Blocked by the proxy"},
	} {
		s.Inject("config", gitserver.Fault{Op: gitserver.PushPack, Times: 1, Status: c.status, Body: c.body,
			Header: map[string]string{"Location": "/elsewhere", "Content-Type": "text/html"}})
		_, err := store.Push(t.Context(), base, []manifest.Edit{setFiles("2", map[string]string{"a": "2"})})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d %q: %v", c.status, c.body, err)
		}
	}
}

// TestRedirects checks where credentials go when a repository moves.
func TestRedirects(t *testing.T) {
	t.Parallel()
	login := func(context.Context, string) (Credential, error) {
		return Credential{Username: "bot", Password: "hunter2"}, nil
	}
	here, there := gitserver.New(t), gitserver.New(t)
	moved := here.Create(t, "new")
	moved.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	here.RequireLogin("new", "bot", "hunter2")
	here.RequireLogin("old", "bot", "hunter2")
	here.Behave("old", gitserver.Kind{MovedTo: moved.URL})
	here.Behave("loop", gitserver.Kind{MovedTo: here.URL() + "/loop.git"})
	store := openStore(t, Options{URL: here.URL() + "/old.git", Access: Access{Credentials: login}})
	if head := fetch(t, store); head != moved.Head("main") {
		t.Fatalf("the head is %q", head)
	}

	private := there.Create(t, "private")
	there.RequireLogin("private", "bot", "hunter2") // the same: they would let us in
	here.Behave("gone", gitserver.Kind{MovedTo: private.URL})
	_, err := openStore(t, Options{URL: here.URL() + "/gone.git", Access: Access{Credentials: login}}).Fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "has moved to "+private.URL) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("another host: %v", err)
	}
	public := there.Create(t, "public")
	public.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	here.Behave("open", gitserver.Kind{MovedTo: public.URL})
	var sent []string
	there.Inject("public", gitserver.Fault{Op: gitserver.FetchRefs, Before: func() { sent = append(sent, "asked") }})
	if head := fetch(t, openStore(t, Options{URL: here.URL() + "/open.git", Access: Access{Credentials: login}})); head != public.Head("main") || len(sent) != 1 {
		t.Errorf("a public one on another host: %q %v", head, sent)
	}
	if _, err := openStore(t, Options{URL: here.URL() + "/loop.git"}).Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "without an end") {
		t.Errorf("a loop: %v", err)
	}
	here.Inject("login", gitserver.Fault{Op: gitserver.FetchRefs, Status: http.StatusFound, Header: map[string]string{"Location": "/users/sign_in?from=x"}})
	if _, err := openStore(t, Options{URL: here.URL() + "/login.git"}).Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "/users/sign_in, which is no repository") {
		t.Errorf("a page to log in at: %v", err)
	}
}

// TestManyRefs follows a branch among very many refs, with annotated tags.
func TestManyRefs(t *testing.T) {
	t.Parallel()
	s := gitserver.New(t)
	r := s.Create(t, "config")
	old := r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	r.Git("tag", "-a", "-m", "first", "v1", old)
	head := r.Commit(gitserver.Change{Message: "2", Files: map[string]string{"a": "2"}})
	var refs strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&refs, "create refs/changes/%02d/%d/1 %s\n", i%100, i, old)
	}
	gitserver.Git(t, r.Dir, []byte(refs.String()), "update-ref", "--stdin")
	r.Git("pack-refs", "--all")
	store := openStore(t, Options{URL: r.URL})
	if got := fetch(t, store); got != head {
		t.Fatalf("the head is %q", got)
	}
	push(t, store, head, setFiles("3", map[string]string{"a": "3"}))
	// A commit that only an annotated tag names comes alone, without what else there is.
	dir := t.TempDir()
	if err := openRemote(t, RemoteOptions{}).Checkout(t.Context(), r.URL, old, dir); err != nil {
		t.Fatal(err)
	}
}

// TestObjectFormats refuses repositories whose objects have other names, whichever way they are reached.
func TestObjectFormats(t *testing.T) {
	t.Parallel()
	for _, empty := range []bool{true, false} {
		s := gitserver.New(t)
		dir := s.Dir + "/config.git"
		gitserver.Git(t, s.Dir, nil, "init", "-q", "--bare", "-b", "main", "--object-format=sha256", dir)
		r := s.Open(t, "config")
		r.Git("config", "http.receivepack", "true")
		if !empty {
			r.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
		}
		for _, url := range []string{r.URL, r.Dir} {
			var format *FormatError
			s := openStore(t, Options{URL: url})
			_, err := s.Fetch(t.Context())
			if empty && err == nil { // an empty one says it only before a push
				err = s.CheckPush(t.Context())
			}
			if !errors.As(err, &format) || format.Format != "sha256" {
				t.Errorf("empty %v, %s: %v", empty, url, err)
			}
		}
		var format *FormatError
		if _, err := OpenLocal(t.Context(), r.Dir); !errors.As(err, &format) || !strings.Contains(err.Error(), "sha256") {
			t.Errorf("empty %v, on disk: %v", empty, err)
		}
	}
	dir := t.TempDir()
	gitserver.Git(t, dir, nil, "init", "-q")
	gitserver.Git(t, dir, nil, "config", "core.repositoryformatversion", "1")
	gitserver.Git(t, dir, nil, "config", "extensions.fromtomorrow", "true")
	if exec.Command("git", "-C", dir, "rev-parse", "HEAD").Run() == nil {
		t.Fatal("git knows a format from tomorrow")
	}
	if _, err := OpenLocal(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "fromtomorrow") || !strings.Contains(err.Error(), "newer git") {
		t.Errorf("an unknown format: %v", err)
	}
}

// No request of a conversation that has moved to another host has the credentials, the ones behind the listing of refs neither.
func TestCredentialsStayWhereTheyAreFor(t *testing.T) {
	t.Parallel()
	here, there := gitserver.New(t), gitserver.New(t)
	public := there.Create(t, "public")
	public.Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
	var posts, leaks atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
		}
		if r.Header.Get("Authorization") != "" {
			leaks.Add(1)
		}
		there.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	here.Behave("open", gitserver.Kind{MovedTo: front.URL + "/public.git"})
	login := func(context.Context, string) (Credential, error) {
		return Credential{Username: "bot", Password: "hunter2"}, nil
	}
	if head := fetch(t, openStore(t, Options{URL: here.URL() + "/open.git", Access: Access{Credentials: login}})); head != public.Head("main") {
		t.Errorf("the head is %q", head)
	}
	if posts.Load() == 0 || leaks.Load() > 0 {
		t.Errorf("of %d requests for objects and those before, %d had the credentials", posts.Load(), leaks.Load())
	}
}

// A server that asks to be left alone is, with all its repositories and whoever asks, until then; others are not affected.
func TestAServerIsLeftAloneAsAWhole(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusForbidden} {
		var clock atomic.Int64 // in seconds
		busy, other := gitserver.New(t), gitserver.New(t)
		access := Access{Clock: func() time.Time { return time.Unix(clock.Load(), 0) }}
		remote := openRemote(t, RemoteOptions{Access: access})
		look := func(s *gitserver.Server, name string) error {
			_, err := remote.Tips(t.Context(), s.URL()+"/"+name+".git", []Place{{Branch: "main"}})
			return err
		}
		var commit string
		for _, s := range []*gitserver.Server{busy, other} {
			for _, name := range []string{"cart", "shop"} {
				commit = s.Create(t, name).Commit(gitserver.Change{Message: "1", Files: map[string]string{"a": "1"}})
			}
		}
		busy.Inject("cart", gitserver.Fault{Op: gitserver.FetchRefs, Status: status, Body: "slow down", Header: map[string]string{"Retry-After": "90"}})
		checkWords(t, look(busy, "cart"), "slow down (it asks to wait for 1m30s)", 90*time.Second)

		clock.Store(30)
		checkWords(t, look(busy, "shop"), "slow down (it asks to wait for 1m0s)", time.Minute)
		checkWords(t, remote.Checkout(t.Context(), busy.URL()+"/shop.git", commit, filepath.Join(t.TempDir(), "a")), "slow down", time.Minute)
		if n := busy.Count("shop", gitserver.FetchRefs); n > 0 {
			t.Errorf("%d: the other repository was asked %d times meanwhile", status, n)
		}
		if err := look(other, "shop"); err != nil {
			t.Errorf("%d: the other server: %v", status, err)
		}
		clock.Store(90)
		busy.Heal("cart")
		if err := errors.Join(look(busy, "cart"), look(busy, "shop")); err != nil {
			t.Errorf("%d: when the time is over: %v", status, err)
		}
	}
}
