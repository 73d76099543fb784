package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/gitserver"
)

// The history of the config repository is cut on the server, while serve runs and while it does not: it goes on with what
// is there, nothing is pruned, frozen or built again, and the log, /readyz and doctor say what is missing and how to mend it.
func TestShallowConfigRepository(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop, blog := w.goProject("ws-1", "shop"), w.goProject("ws-2", "blog")
	w.add(shop, blog)
	one := shop.runs("v1.0.0")
	other := blog.runs("v1.0.0")
	shop.edit("replicas: 2")
	shop.runs("v1.0.1")
	w.settle()

	w.cutHistory(w.config)
	shop.edit("replicas: 3")
	if v := shop.runs("v1.0.2"); v.Replicas != 3 || v.Image != one.Image {
		t.Errorf("while serve runs it is\n%s", v.text)
	}
	w.restart()
	w.settle()
	blog.still(other)
	shop.revert("v1.0.2")
	if v := shop.runs("v1.0.1"); v.Replicas != 2 {
		t.Errorf("rolled back it is\n%s", v.text)
	}

	// The end of the history comes after all that GitOps stands for.
	w.stop()
	shop.edit("replicas: 5")
	w.cutHistory(w.config)
	w.loseData()
	w.start()
	w.settle()
	blog.still(other)
	shop.runs("v1.0.3")
	shop.push("two")
	shop.runs("v1.0.4")
	shop.wantSays("two")
	if shop.frozen() || blog.frozen() {
		t.Errorf("frozen: %s %s", shop.run(), blog.run())
	}
	w.wantTold("the repository on the server is shallow", "git fetch --unshallow")
	if log, err := os.ReadFile(w.serveLog()); err != nil || !strings.Contains(string(log), "does not reach back to what was known") {
		t.Errorf("the log does not say that something is not known: %v", err)
	}

	// It goes on when the history is whole again.
	if err := os.Remove(filepath.Join(w.config.bare, "shallow")); err != nil {
		t.Fatal(err)
	}
	shop.edit("replicas: 4")
	shop.runs("v1.0.5")
	w.await("/readyz to say no more of it", func() error {
		if said := w.ready(); strings.Contains(said, "shallow") {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	})
}

// cutHistory leaves only the newest commit of a repository on the server, as far as git shows.
func (w *world) cutHistory(r *repo) {
	w.t.Helper()
	r.pull() // git takes a history whose end it knows
	if err := os.WriteFile(filepath.Join(r.bare, "shallow"), []byte(r.head()+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// frozen says that what runs is kept whatever the config repository says.
func (p *project) frozen() bool { return strings.Contains(p.run(), "frozen:") }

// ready is what /readyz answers.
func (w *world) ready() string {
	w.t.Helper()
	res, err := http.Get(w.server.url() + "/readyz")
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(said)
}

// listening finds the address in what serve prints.
var listening = regexp.MustCompile(`Listening on (http://\S+)`)

// url is where serve listens.
func (s *server) url() string {
	log, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	found := listening.FindAllStringSubmatch(string(log), -1)
	if len(found) == 0 {
		return "http://nowhere.invalid"
	}
	return found[len(found)-1][1]
}

// wantTold checks that some words are in the log, in /readyz and in what doctor says.
func (w *world) wantTold(words ...string) {
	w.t.Helper()
	log, err := os.ReadFile(w.serveLog())
	if err != nil {
		w.t.Fatal(err)
	}
	doctor, _ := run1(w.dir, nil, os.Getenv(binaryVariable), "doctor", "--config", filepath.Join(w.dir, "serve.yaml")) // its findings are not all about this
	for place, text := range map[string]string{"the log": string(log), "/readyz": w.ready(), "doctor": doctor} {
		text = strings.Join(strings.Fields(text), " ")
		for _, want := range words {
			if !strings.Contains(text, want) {
				w.t.Errorf("%s does not say %q: %s", place, want, text)
			}
		}
	}
}

// A private source is looked at and built with the credentials that serve.yaml has for its host, and for no other; a token
// that is renewed counts at once, and none is told to anybody.
func TestPrivateSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server, stranger := gitserver.New(t), gitserver.New(t)
	w.sources = []string{server.URL() + "/*", stranger.URL() + "/*"}
	user, password := filepath.Join(w.dir, "source-user"), filepath.Join(w.dir, "source-password")
	write := func(file, secret string) {
		if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(user, "reader")
	write(password, "open-sesame-1")
	w.settings = []string{"sources: [{host: '" + strings.TrimPrefix(server.URL(), "http://") + "', usernameFile: " + user + ", passwordFile: " + password + "}]"}
	w.open()
	shop, lost := w.goProject("ws-1", "shop"), w.goProject("ws-2", "lost")
	shop.servePrivately(server, "shop", "reader", "open-sesame-1")
	lost.servePrivately(stranger, "lost", "reader", "open-sesame-1")
	commit := w.add(shop, lost)
	shop.runs("v1.0.0")
	w.await("lost to be told that it is not let in", func() error {
		for _, r := range lost.notes(commit) {
			if strings.Contains(r.Description, "401") && strings.Contains(r.Description, "log in first") {
				return nil
			}
		}
		return fmt.Errorf("its notes are %+v", lost.notes(commit))
	})

	server.RequireLogin("shop", "reader", "open-sesame-2")
	write(password, "open-sesame-2")
	shop.push("two")
	shop.runs("v1.0.1")
	shop.wantSays("two")
	lost.wantReleases()
	log, err := os.ReadFile(w.serveLog())
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{"the log": string(log), "the notes": fmt.Sprint(w.notes())} {
		if strings.Contains(text, "open-sesame") {
			t.Errorf("%s holds the password", place)
		}
	}
}

// servePrivately puts the source of a project behind a server that wants a login.
func (p *project) servePrivately(server *gitserver.Server, name, user, password string) {
	p.w.t.Helper()
	p.serveFrom(server, name)
	server.RequireLogin(name, user, password)
}

// serveFrom puts the source of a project behind a server.
func (p *project) serveFrom(server *gitserver.Server, name string) {
	p.w.t.Helper()
	bare := filepath.Join(server.Dir, name+".git")
	mustRun(p.w.t, p.w.dir, "git", "clone", "-q", "--bare", p.app.bare, bare)
	p.app.git("remote", "set-url", "origin", bare)
	p.app.bare = bare
	p.app.url = server.URL() + "/" + name + ".git"
}

// Both repositories and the source lie on a server that insists on what others do not, or have moved on it.
func TestDemandingServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.serveOverHTTP()
	for _, name := range []string{"platform-config", "plateform-gitops"} {
		server.Behave(name, gitserver.Kind{MultiAck: true, Length: true, Gzip: true})
	}
	server.Behave("gone", gitserver.Kind{MovedTo: w.gitops.url})
	w.gitops.url = server.URL() + "/gone.git"
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.add(shop)
	shop.runs("v1.0.0")
	for _, replicas := range []string{"2", "3"} {
		version := shop.next()
		shop.edit("replicas: " + replicas)
		if v := shop.runs(version); fmt.Sprint(v.Replicas) != replicas {
			t.Errorf("it is\n%s", v.text)
		}
	}
}
