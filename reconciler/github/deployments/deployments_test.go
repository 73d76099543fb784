package deployments_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/reconciler/github/client"
	"github.com/plateform/plateform/reconciler/github/deployments"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

const repository = "acme/platform-config"

// world is a GitHub with the config repository, as ann reaches it.
type world struct {
	t         *testing.T
	server    *githubserver.Server
	api       *github.Client
	tokenFile string
	site      auth.Site
	commits   []string
}

type clock struct{}

func (clock) Now() time.Time { return time.Now() }

func (clock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	w.must(err)
	url := "http://" + listener.Addr().String()
	w.server, err = githubserver.New(githubserver.Options{URL: url, Dir: t.TempDir()})
	w.must(err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		for _, v := range w.server.Violations() {
			t.Errorf("%+v", v)
		}
	})
	w.must(w.server.AddOrganization(10, "acme"))
	w.must(w.server.AddUser(1, "ann"))
	_, err = w.server.AddRepository(t.Context(), forge.NewRepository{Name: repository})
	w.must(err)
	w.must(w.server.SetRole(repository, 1, model.Write))
	token, err := w.server.Token(1, "repo")
	w.must(err)
	w.tokenFile = filepath.Join(t.TempDir(), "token")
	w.must(os.WriteFile(w.tokenFile, []byte(token), 0o600))
	w.site, err = auth.SiteAt(url)
	w.must(err)
	w.api = github.NewClient(nil).WithAuthToken(token)
	w.api.BaseURL = w.site.API
	for _, name := range []string{"a", "b", "c"} {
		hash, err := w.server.Commit(t.Context(), forge.NewCommit{Repo: repository, Author: 1, Message: name, Files: map[string]string{name: name}})
		w.must(err)
		w.commits = append(w.commits, hash)
	}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// process is a Plateform that has just started.
func (w *world) process() *deployments.Deployments {
	w.t.Helper()
	c, err := client.New(client.Options{API: w.site.API, Clock: clock{}})
	w.must(err)
	return deployments.New(deployments.Options{Config: auth.Repository{Owner: "acme", Name: "platform-config"}, Client: c, Tokens: auth.File(w.tokenFile), Log: slog.New(slog.DiscardHandler)})
}

func (w *world) deployment(release string, commit int, state reconciler.State) reconciler.Deployment {
	d := reconciler.Deployment{Project: manifest.Key{Workspace: "ws-1", Project: "shop"}, Release: release, Commit: w.commits[commit], State: state, Description: strings.Repeat("so it is ", 40)}
	if state == reconciler.StateSuccess {
		d.LiveURL = "https://shop.example.com"
	}
	return d
}

// shown are the deployments, the oldest first: what they say, their states, the oldest first, and the newest URL.
func (w *world) shown() (all []string) {
	w.t.Helper()
	list, _, err := w.api.Repositories.ListDeployments(w.t.Context(), "acme", "platform-config", &github.DeploymentsListOptions{Environment: "ws-1/shop"})
	w.must(err)
	for _, d := range slices.Backward(list) {
		line := d.GetDescription()
		statuses, _, err := w.api.Repositories.ListDeploymentStatuses(w.t.Context(), "acme", "platform-config", d.GetID(), nil)
		w.must(err)
		for _, s := range slices.Backward(statuses) {
			line += " " + s.GetState()
		}
		if len(statuses) > 0 && statuses[0].GetEnvironmentURL() != "" {
			line += " " + statuses[0].GetEnvironmentURL()
		}
		all = append(all, line)
	}
	return all
}

// Each release that was deployed is a deployment, once, whoever shows it; the one before becomes inactive, and so does the last one
// of a project that is removed.
func TestDeployments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, d := range []reconciler.Deployment{
		w.deployment("", 0, reconciler.StateSuccess), // removed, and never there
		w.deployment("v1.0.0", 0, reconciler.StateSuccess),
		w.deployment("v1.0.1", 1, reconciler.StateFailure),
		w.deployment("v1.0.1", 1, reconciler.StateSuccess), // it got well
		w.deployment("v1.0.1", 2, reconciler.StateSuccess), // another commit says the same
		w.deployment("v1.0.0", 2, reconciler.StateSuccess), // rolled back
		w.deployment("", 2, reconciler.StateSuccess),
	} {
		for range 2 {
			w.must(w.process().Show(t.Context(), d))
		}
	}
	want := []string{
		"v1.0.0 success inactive", "v1.0.1 failure success inactive", "v1.0.1 back to v1.0.0 success inactive",
	}
	if diff := cmp.Diff(want, w.shown()); diff != "" {
		t.Errorf("deployments (-want +got):\n%s", diff)
	}
}

// Why something failed is said anew when it is another reason, but not by a process that starts, which has other words for the same.
func TestWhyADeploymentFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, why := range []string{"it exits", "it exits", "its port does not answer"} {
		d := w.deployment("v1.0.0", 0, reconciler.StateFailure)
		d.Description = why
		w.must(w.process().Show(t.Context(), d))
		d.Description, d.Again = "it has failed", true
		w.must(w.process().Show(t.Context(), d))
	}
	if diff := cmp.Diff([]string{"v1.0.0 failure failure"}, w.shown()); diff != "" {
		t.Errorf("deployments (-want +got):\n%s", diff)
	}
}

// What breaks off in the middle goes on where it was; where it is not allowed, that is said, with what to do.
func TestDeploymentsThatFail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.deployment("v1.0.0", 0, reconciler.StateSuccess)
	w.server.Inject(githubserver.Fault{Operation: "POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses", Status: http.StatusBadGateway, Times: 1})
	if err := w.process().Show(t.Context(), d); err == nil || errors.Is(err, reconciler.ErrNotTaken) {
		t.Errorf("what GitHub did not take at this moment: %v", err)
	}
	w.must(w.process().Show(t.Context(), d))
	if diff := cmp.Diff([]string{"v1.0.0 success https://shop.example.com"}, w.shown()); diff != "" {
		t.Errorf("deployments (-want +got):\n%s", diff)
	}
	gone := d
	gone.Release, gone.Commit = "v1.0.1", strings.Repeat("1", 40)
	w.must(w.process().Show(t.Context(), gone)) // of a history that was rewritten
	w.must(w.server.SetRole(repository, 1, model.Read))
	if err := w.process().Show(t.Context(), w.deployment("v1.0.1", 1, reconciler.StateSuccess)); !errors.Is(err, reconciler.ErrNotTaken) || !strings.Contains(err.Error(), "let Plateform write deployments there") {
		t.Errorf("without the right: %v", err)
	}
}
