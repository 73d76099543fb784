package reviews_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
	"github.com/plateform/plateform/reconciler/github/reviews"
	"github.com/plateform/plateform/reconciler/reviewstest"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/githubserver/openapi"
)

// The people of these tests: ann owns the token of the mode without an App, ben proposes, eve is a stranger.
const (
	ann, ben, eve, acme = 1, 2, 3, 10
	appID               = 77
	config              = "acme/platform-config"
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

// What takes long and is the same for all tests.
var (
	description = sync.OnceValues(openapi.Load)
	appKey      = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
)

// hub is a GitHub with a config repository, and an App that is installed there.
type hub struct {
	*githubserver.Server
	*clock
	t            *testing.T
	installation int64
	// keyFile is the App's, tokenFile ann's.
	keyFile, tokenFile string
	ids                map[string]int64
	proposed           int
}

func newHub(t *testing.T) *hub {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{t: t, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, ids: map[string]int64{}}
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
	h.populate()
	return h
}

func (h *hub) populate() {
	h.t.Helper()
	key, err := appKey()
	h.must(err)
	for id, login := range map[int64]string{ann: "ann", ben: "ben", eve: "eve"} {
		h.must(h.AddUser(id, login))
	}
	h.must(h.AddOrganization(acme, "acme"))
	for name, private := range map[string]bool{config: true, "acme/shop": true, "acme/open": false, "acme/hidden": true} {
		h.ids[name], err = h.AddRepository(h.t.Context(), forge.NewRepository{Name: name, Private: private})
		h.must(err)
	}
	for _, name := range []string{config, "acme/shop"} {
		h.must(h.SetRole(name, ann, model.Admin))
		h.must(h.SetRole(name, ben, model.Read))
	}
	h.must(h.AddApp(forge.NewApp{ID: appID, Slug: "plateform", Owner: "acme", Key: &key.PublicKey,
		Permissions: map[string]string{"contents": "write", "checks": "write", "statuses": "write", "pull_requests": "write", "metadata": "read"}}))
	h.installation, err = h.Install(appID, "acme", config, "acme/shop")
	h.must(err)
	h.commit("", "README.md", "hello\n")
	h.commit("other", "OTHER.md", "hello\n")
	dir := h.t.TempDir()
	h.keyFile, h.tokenFile = filepath.Join(dir, "app.pem"), filepath.Join(dir, "token")
	h.must(os.WriteFile(h.keyFile, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	token, err := h.Token(ann, "repo")
	h.must(err)
	h.must(os.WriteFile(h.tokenFile, []byte(token), 0o600))
}

func (h *hub) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hub) commit(branch, file, text string) string {
	h.t.Helper()
	sha, err := h.Commit(h.t.Context(), forge.NewCommit{Repo: config, Branch: branch, Author: ben, Message: "Change " + file, Files: map[string]string{file: text}})
	h.must(err)
	return sha
}

// propose has ben propose a change to a branch.
func (h *hub) propose(branch, title string) (number int, head string) {
	h.t.Helper()
	h.proposed++
	name := fmt.Sprint("change-", h.proposed)
	head, err := h.Commit(h.t.Context(), forge.NewCommit{Repo: config, Branch: name, From: branch, Author: ben, Message: title,
		Files: map[string]string{name + ".md": title}})
	h.must(err)
	number, err = h.OpenPull(h.t.Context(), forge.NewPull{Repo: config, Base: branch, Head: name, Title: title, Author: ben})
	h.must(err)
	return number, head
}

// app and token return the port as a process that has just started gets it.
func (h *hub) app() *reviews.Reviews   { return h.start(true, slog.New(slog.DiscardHandler)) }
func (h *hub) token() *reviews.Reviews { return h.start(false, slog.New(slog.DiscardHandler)) }

func (h *hub) start(asApp bool, log *slog.Logger) *reviews.Reviews {
	h.t.Helper()
	site, err := auth.SiteAt(h.URL())
	h.must(err)
	api, err := client.New(client.Options{API: site.API, Clock: h.clock})
	h.must(err)
	o := reviews.Options{Site: site, Config: auth.Repository{Owner: "acme", Name: "platform-config"}, Branch: "main", Client: api, Tokens: auth.File(h.tokenFile), Log: log}
	if asApp {
		o.App = appID
		o.Tokens, err = auth.NewApp(auth.AppOptions{ID: appID, KeyFile: h.keyFile, Client: api, Now: h.Now})
		h.must(err)
	}
	port, err := reviews.New(o)
	h.must(err)
	return port
}

// look reads what the server holds.
func (h *hub) look(see func(r *model.Repository)) {
	h.t.Helper()
	h.must(h.Locked(func(w *forge.World) error {
		see(w.RepoByName(config))
		return nil
	}))
}

// comments are those under a pull request, oldest first.
func (h *hub) comments(number int) []string {
	var all []string
	h.look(func(r *model.Repository) {
		for _, c := range r.Comments {
			if c.Pull.Number == number {
				all = append(all, c.Body)
			}
		}
	})
	return all
}

// newest is the check run of a name that people see on a commit; nil when there is none.
func (h *hub) newest(commit, name string) *model.CheckRun {
	var newest *model.CheckRun
	h.look(func(r *model.Repository) {
		for _, run := range r.Commits.Runs {
			if run.Suite.SHA == commit && run.Name == name {
				seen := *run
				newest = &seen
			}
		}
	})
	return newest
}

// shown is what people see of checks.
func (h *hub) shown(commit string) map[string]reviewstest.Shown {
	all := map[string]reviewstest.Shown{}
	for _, name := range []string{reconciler.PlanCheck, reconciler.OwnersCheck} {
		if run := h.newest(commit, name); run != nil {
			all[name] = shownOf(run)
		}
	}
	h.look(func(r *model.Repository) {
		for _, s := range r.LatestStatuses(commit) {
			all[s.Context] = reviewstest.Shown{State: reconciler.State(s.State), Title: s.Description, URL: s.Target}
		}
	})
	return all
}

func shownOf(run *model.CheckRun) reviewstest.Shown {
	shown := reviewstest.Shown{State: reconciler.StatePending, Title: run.Output.Title, URL: run.Details, Text: run.Output.Summary}
	if run.Status == "completed" {
		shown.State = reconciler.State(run.Conclusion)
	}
	for _, a := range run.Annotations {
		shown.Text += "\n" + a.Message
	}
	return shown
}

// writes are the operations that changed something, but for tokens.
func (h *hub) writes() []string {
	var all []string
	for _, c := range h.Calls() {
		if c.Write && !strings.HasSuffix(c.Operation, "/access_tokens") {
			all = append(all, c.Operation)
		}
	}
	return all
}

// merge merges a pull request, and returns what was made.
func (h *hub) merge(number int, method string) []string {
	h.t.Helper()
	h.must(h.Merge(h.t.Context(), config, number, ann, forge.Method(method)))
	var made []string
	h.look(func(r *model.Repository) { made = slices.Clone(r.Pulls[number-1].Merge.Landed) })
	return made
}

// remove deletes the comments with a text in them, as somebody does who may.
func (h *hub) remove(number int, text string) {
	h.look(func(r *model.Repository) {
		r.Comments = slices.DeleteFunc(r.Comments, func(c *model.Comment) bool { return c.Pull.Number == number && strings.Contains(c.Body, text) })
	})
}

// contract is the hub as the suite takes it.
func (h *hub) contract(start func() *reviews.Reviews) reviewstest.Hub {
	return reviewstest.Hub{
		Branch: "main", Other: "other", New: func() reconciler.Reviews { return start() }, Propose: h.propose,
		Methods: []string{"merge", "squash", "rebase"}, Merge: h.merge,
		Close: func(number int) { h.must(h.ClosePull(h.t.Context(), config, number, ann)) },
		Shown: h.shown, Comments: h.comments, Delete: h.remove, Writes: func() int { return len(h.writes()) },
		Say: func(number int, text string) {
			_, err := h.Comment(config, number, eve, text)
			h.must(err)
		},
		Author: reconciler.Person{ID: ben, Login: "ben"}, Stranger: reconciler.Person{ID: eve, Login: "eve"},
		Private: h.URL() + "/acme/shop.git", Public: h.URL() + "/acme/open", Elsewhere: "https://elsewhere.example.com/acme/shop.git",
		Nowhere: h.URL() + "/acme/nowhere", PrivateID: h.ids["acme/shop"], PublicID: h.ids["acme/open"],
	}
}

func TestContract(t *testing.T) {
	t.Run("with an App", func(t *testing.T) {
		reviewstest.Run(t, func(t *testing.T) reviewstest.Hub {
			h := newHub(t)
			return h.contract(h.app)
		})
	})
	t.Run("with a token", func(t *testing.T) {
		reviewstest.Run(t, func(t *testing.T) reviewstest.Hub {
			h := newHub(t)
			return h.contract(h.token)
		})
	})
}
