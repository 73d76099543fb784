package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/plateform/plateform/test/gitserver"
)

// Over HTTP with a login, through refused and broken connections and lost answers, the story is the same, and nothing is
// there twice.
func TestOverHTTPWithFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.serveOverHTTP()
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	one := shop.runs("v1.0.0")

	faults := []gitserver.Fault{
		{Op: gitserver.PushPack, Times: 1, DropAnswer: true},
		{Op: gitserver.PushPack, Times: 1, Status: http.StatusInternalServerError},
		{Op: gitserver.PushRefs, Times: 2, Status: http.StatusBadGateway},
		{Op: gitserver.FetchRefs, Times: 2, Status: http.StatusServiceUnavailable},
		{Op: gitserver.FetchPack, Times: 1, Cut: 60},
	}
	for _, fault := range faults {
		w.settle()
		for _, name := range []string{"platform-config", "plateform-gitops"} {
			server.Inject(name, fault)
		}
		version := shop.next()
		shop.verdict(shop.edit("env: [{name: ROUND, value: " + version + "}]"))
		if v := shop.runs(version); v.Image != one.Image || v.env("ROUND") != version {
			t.Errorf("%s is\n%s", version, v.text)
		}
	}
	w.settle()
	shop.wantNothingDoubled(len(faults) + 1)
}

// serveOverHTTP puts both repositories behind a real Git server that wants a login.
func (w *world) serveOverHTTP() *gitserver.Server {
	w.t.Helper()
	const user, password = "plateform", "open sesame"
	server := gitserver.New(w.t)
	for _, r := range []*repo{w.config, w.gitops} {
		name := filepath.Base(r.work)
		r.bare = filepath.Join(server.Dir, name+".git")
		r.url = server.URL() + "/" + name + ".git"
		r.create()
		mustRun(w.t, r.bare, "git", "config", "http.receivepack", "true")
		r.git("remote", "set-url", "origin", r.bare)
		server.RequireLogin(name, user, password)
	}
	file := filepath.Join(w.dir, "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.login = ", username: " + user + ", passwordFile: " + file
	return server
}

// A server that asks to be left alone is asked again when it says, and not before: the log says when that is.
func TestAServerThatAsksToWaitIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.serveOverHTTP()
	w.open()
	w.isReady()
	server.Inject("platform-config", gitserver.Fault{Op: gitserver.FetchRefs, Status: 429, Header: map[string]string{"Retry-After": "1800"}})
	w.logged("a pass failed; it is tried again", "it asks to wait for 30m0s", "in=30m0s")
}

// A source that the platform does not allow is refused without a word to its server, which may be a machine of the inside; once it
// is allowed it is followed.
func TestASourceThatIsNotAllowedIsNotAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	server := gitserver.New(t)
	server.Create(t, "secret").Commit(gitserver.Change{Message: "1", Files: map[string]string{"main.go": "package main\n\nfunc main() { select {} }\n", "go.mod": "module secret\n"}})
	secret := &project{w: w, workspace: "ws-1", name: "secret", spec: []string{"type: monolithic", "source: {repository: " + server.URL() + "/secret.git}"}}
	allowed := w.goProject("ws-1", "allowed")
	w.add(allowed, secret)
	allowed.runs("v1.0.0")
	secret.statusTells("ws-1/secret failed", "is not allowed on this platform")
	w.restart()
	allowed.edit("replicas: 2")
	allowed.runs("v1.0.1")
	if n := server.Count("secret", gitserver.FetchRefs); n > 0 {
		t.Errorf("its server was asked %d times", n)
	}
	w.sources = append(w.sources, server.URL()+"/*")
	w.config.commit("Allow it", files{"platform.yaml": w.platformYAML()})
	secret.runs("v1.0.0")
}
