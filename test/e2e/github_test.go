package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
)

// What Plateform is on GitHub: an App of acme.
const (
	gitHubApp  = 7
	gitHubUser = 42
)

// hub is a GitHub with repositories of acme.
type hub struct {
	t      *testing.T
	server *githubserver.Server
	url    string
	token  string // of alice, who pushes and reads what is there
}

// newHub starts a GitHub.
func newHub(t *testing.T) *hub {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{t: t, url: "http://" + listener.Addr().String()}
	h.server, err = githubserver.New(githubserver.Options{URL: h.url, Dir: filepath.Join(t.TempDir(), "github")})
	h.must(err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // serve ends before it does
	ended := make(chan error, 1)
	go func() { ended <- h.server.Serve(ctx, listener) }()
	t.Cleanup(func() { cancel(); <-ended })
	h.must(h.server.AddOrganization(1, "acme"))
	h.must(h.server.AddUser(gitHubUser, "alice"))
	h.token, err = h.server.Token(gitHubUser, "repo")
	h.must(err)
	return h
}

// onGitHub moves both repositories to a GitHub where Plateform is an App, and the apps that are named.
func (w *world) onGitHub(apps ...*project) *hub {
	w.t.Helper()
	h := newHub(w.t)
	h.move(w.config, "platform-config")
	h.move(w.gitops, "plateform-gitops")
	for _, p := range apps {
		h.move(p.app, p.name)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	h.must(err)
	h.must(h.server.AddApp(forge.NewApp{
		ID: gitHubApp, Slug: "plateform", Owner: "acme", Key: &key.PublicKey, Events: []string{"push", "pull_request", "issue_comment", "check_run", "check_suite"},
		Permissions: map[string]string{"contents": "write", "statuses": "write", "checks": "write", "pull_requests": "write", "deployments": "write", "issues": "read", "metadata": "read"},
	}))
	file := filepath.Join(w.dir, "app.pem")
	h.must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	w.forge = "github"
	w.settings = append(w.settings, fmt.Sprintf("github: {app: {id: %d, privateKeyFile: %q}, baseURL: %q}", gitHubApp, file, h.url))
	w.sources = append(w.sources, h.url+"/acme/*")
	return h
}

func (h *hub) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// move has a repository be one of acme, which alice may write.
func (h *hub) move(r *repo, name string) {
	h.t.Helper()
	_, err := h.server.AddRepository(h.t.Context(), forge.NewRepository{Name: "acme/" + name, Private: true})
	h.must(err)
	h.must(h.server.SetRole("acme/"+name, gitHubUser, model.Write))
	r.bare, err = h.server.RepositoryDir("acme/" + name)
	h.must(err)
	mustRun(h.t, r.bare, "git", "config", "core.logAllRefUpdates", "always")
	r.url = h.server.CloneURL("acme/" + name)
	login := strings.Replace(r.url, "http://", "http://alice:"+h.token+"@", 1)
	r.git("remote", "set-url", "origin", login)
	if _, err := run1(r.work, nil, "git", "rev-parse", "HEAD"); err == nil {
		r.git("push", "--quiet", "origin", "HEAD:main")
	}
}

// install installs the App on repositories of acme.
func (h *hub) install(names ...string) (installation int64) {
	h.t.Helper()
	for i, name := range names {
		names[i] = "acme/" + name
	}
	installation, err := h.server.Install(gitHubApp, "acme", names...)
	h.must(err)
	return installation
}

// commitStatus is a status as the API returns it.
type commitStatus struct {
	State, Context, Description string
	TargetURL                   string `json:"target_url"`
	Creator                     struct{ Login string }
}

// statuses are those of a commit, newest first, as alice reads them.
func (h *hub) statuses(repository, commit string) []commitStatus {
	h.t.Helper()
	var all []commitStatus
	h.request(http.MethodGet, repository+"/commits/"+commit+"/statuses?per_page=100", "", &all)
	return all
}

// shows waits for a status of the App: what people read in the end.
func (w *world) shows(h *hub, commit, context, state, says string) {
	w.t.Helper()
	w.await(context+" at "+commit+": "+state, func() error {
		repository, sha, _ := strings.Cut(commit, "@")
		for _, s := range h.statuses(repository, sha) {
			if s.Context != context {
				continue
			}
			if s.State != state || !strings.Contains(s.Description, says) || s.Creator.Login != "plateform[bot]" {
				return fmt.Errorf("it shows %+v", s)
			}
			return nil
		}
		return fmt.Errorf("it shows nothing")
	})
}

// checkManners holds what was asked of a GitHub to its own description, and looks for secrets in the log.
func (w *world) checkManners(h *hub) {
	w.t.Helper()
	h.checkManners()
	log, err := os.ReadFile(w.serveLog())
	h.must(err)
	for _, secret := range []string{"ghs_", h.token, "PRIVATE KEY"} {
		if strings.Contains(string(log), secret) {
			w.t.Errorf("%q is in the log", secret)
		}
	}
}

// statusWrites is how many statuses were written.
func (h *hub) statusWrites() (n int) {
	for _, c := range h.server.Calls() {
		if c.Write && c.Operation == "POST /repos/{owner}/{repo}/statuses/{sha}" {
			n++
		}
	}
	return n
}

// checkManners holds what was asked to GitHub's description of its API.
func (h *hub) checkManners() {
	h.t.Helper()
	for _, v := range h.server.Violations() {
		h.t.Errorf("%+v", v)
	}
}

// All that is pushed and built is told on the commits on GitHub: on the one that asked, on the app's, and on the release's, also
// when a token ends halfway; and Git is reached as the same App.
func TestGitHub(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.goProject("ws-1", "shop")
	h := w.onGitHub(shop)
	h.install("platform-config", "plateform-gitops", "shop")
	w.open()
	added := w.add(shop)
	shop.runs("v1.0.0")
	w.shows(h, "platform-config@"+added, shop.context(), "success", "v1.0.0 is in plateform-gitops")
	w.shows(h, "platform-config@"+shop.releaseCommits("v1.0.0")[0], shop.context(), "success", "v1.0.0 is in plateform-gitops")

	if writes := h.statusWrites(); writes > 8 {
		t.Errorf("%d statuses were written for a deploy", writes)
	}
	h.server.Inject(githubserver.Fault{Operation: "POST /repos/{owner}/{repo}/statuses/{sha}", Expire: true, Times: 1})
	source := shop.push("two")
	shop.runs("v1.0.1")
	w.shows(h, "shop@"+source, shop.context(), "success", "v1.0.1 is in plateform-gitops")
	for _, s := range h.statuses("platform-config", shop.releaseCommits("v1.0.0")[0]) {
		if strings.Contains(s.Description, "v1.0.1") {
			t.Errorf("a push to the app is told on a commit that did not ask for it: %+v", s)
		}
	}

	broken := shop.app.commit("Break it", files{"main.go": "package main\n\nfunc main() { nonsense }\n"})
	w.shows(h, "shop@"+broken, shop.context(), "failure", "its log: `plateform logs ws-1/shop --build`")

	rollback := shop.revert("v1.0.1")
	shop.runs("v1.0.0")
	w.shows(h, "platform-config@"+rollback, shop.context(), "success", "v1.0.0 is in plateform-gitops")
	said := len(h.statuses("platform-config", rollback)) + len(h.statuses("shop", broken)) + len(h.statuses("platform-config", added))
	w.restart()
	w.settle()
	if now := len(h.statuses("platform-config", rollback)) + len(h.statuses("shop", broken)) + len(h.statuses("platform-config", added)); now != said {
		t.Errorf("%d statuses after a restart, want the %d of before", now, said)
	}
	w.checkManners(h)
}

// Where the App is not installed nobody is told, which is said once, and all else goes on; a GitHub in trouble holds up nobody,
// and all of it is told in the end.
func TestGitHubInTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shop := w.goProject("ws-1", "shop") // its sources are elsewhere
	h := w.onGitHub()
	installed := h.install("platform-config", "plateform-gitops")
	w.open()
	h.server.Inject(githubserver.Fault{Operation: "POST /repos/{owner}/{repo}/statuses/{sha}", Status: http.StatusBadGateway, Times: 2})
	h.server.Inject(githubserver.Fault{Operation: "POST /repos/{owner}/{repo}/statuses/{sha}", DropAnswer: true, Times: 1})
	added := w.add(shop)
	shop.runs("v1.0.0")
	w.shows(h, "platform-config@"+added, shop.context(), "success", "v1.0.0 is in plateform-gitops")

	h.must(os.WriteFile(filepath.Join(w.dir, "webhook-secret"), []byte("a secret of webhooks\n"), 0o600))
	w.settings = append(w.settings, "webhooks: {github: {secretFile: webhook-secret}}") // for doctor: serve goes on without
	doctor := func() string {
		out, _ := run1(w.dir, nil, os.Getenv(binaryVariable), "doctor", "--config", w.writeSettings()) // serve holds its data folder
		return out
	}
	if said := doctor(); !strings.Contains(said, "the GitHub App is told of all that matters") {
		t.Errorf("of its events doctor says\n%s", said)
	}
	if said := doctor(); !strings.Contains(said, "GitHub: acme/platform-config: contents, commit statuses, checks, pull requests and deployments can be written, by the GitHub App 7") ||
		!strings.Contains(said, "GitHub: acme/plateform-gitops: contents can be written, by the GitHub App 7") {
		t.Errorf("doctor says\n%s", said)
	}
	protected := h.protect("plateform-gitops", `[{"type": "deletion"}, {"type": "required_signatures"}]`, "[]")
	if said := doctor(); !strings.Contains(said, `acme/plateform-gitops: the ruleset "rules" of main wants required signatures, and Plateform may not pass it by`) {
		t.Errorf("with a ruleset that refuses pushes doctor says\n%s", said)
	}
	h.unprotect("plateform-gitops", protected)
	protected = h.protect("platform-config", `[{"type": "required_status_checks", "parameters": {"strict_required_status_checks_policy": true, "required_status_checks": [{"context": "plateform/plan"}]}}]`,
		fmt.Sprintf(`[{"actor_id": %d, "actor_type": "Integration", "bypass_mode": "always"}]`, gitHubApp))
	if said := doctor(); !strings.Contains(said, "pull requests have to be up to date with main before they are merged") || strings.Contains(said, "may not pass it by") {
		t.Errorf("with a ruleset that lets Plateform pass doctor says\n%s", said)
	}
	h.unprotect("platform-config", protected)
	w.doctorOnWebhooks(h, doctor)
	w.doctorOnProtection(h, installed, doctor)
	h.must(h.server.Permit(installed, map[string]string{"contents": "write", "metadata": "read"}))
	if said := doctor(); !strings.Contains(said, "the GitHub App may not have checks: write, contents: write, deployments: write, issues: read, pull_requests: write, statuses: write") || !strings.Contains(said, "grant it that permission") {
		t.Errorf("without the permission doctor says\n%s", said)
	}
	h.must(h.server.Uninstall(installed))
	w.logged("the GitHub App is not installed there")
	h.install("platform-config", "plateform-gitops")
	edited := shop.edit("replicas: 2")
	shop.runs("v1.0.1")
	w.shows(h, "platform-config@"+edited, shop.context(), "success", "v1.0.1 is in plateform-gitops")
	w.checkManners(h)
}

// doctorOnWebhooks asks what doctor says of the App's webhook, as it is wrong in one way after the other.
func (w *world) doctorOnWebhooks(h *hub, doctor func() string) {
	w.t.Helper()
	for _, c := range []struct{ url, secret, says string }{
		{"", "", "the webhook of the GitHub App is not active"},
		{w.server.url() + "/hooks", "", "the webhook of the GitHub App leads to " + w.server.url() + "/hooks, where serve takes none"},
		{w.server.url() + "/webhooks/github", "", "the webhook of the GitHub App has no secret"},
	} {
		h.server.MoveAppHook(gitHubApp, c.url, c.secret)
		if said := doctor(); !strings.Contains(said, c.says) {
			w.t.Errorf("with a webhook to %q doctor says\n%s\nwant %q", c.url, said, c.says)
		}
	}
	h.server.MoveAppHook(gitHubApp, w.server.url()+"/webhooks/github", "another secret")
	w.config.commit("Have GitHub tell of something", files{"README.md": "hello\n"})
	w.await("doctor to say that nothing takes the delivery", func() error {
		return contains(doctor(), "was answered with 404", "have the proxy pass /webhooks/github on")
	})
	h.server.MoveAppHook(gitHubApp, "", "")
}

// doctorOnProtection asks what doctor says of a branch that is protected in the way that came before rulesets.
func (w *world) doctorOnProtection(h *hub, installed int64, doctor func() string) {
	w.t.Helper()
	const branch = "platform-config/branches/main/protection"
	h.asRoot(http.MethodPut, branch, `{"required_status_checks": {"strict": true, "contexts": ["plateform/plan"]}, "enforce_admins": true, "required_pull_request_reviews": {"required_approving_review_count": 1}, "restrictions": {"users": ["alice"], "teams": []}}`, nil)
	h.asRoot(http.MethodPost, branch+"/required_signatures", "", nil)
	if said := doctor(); !strings.Contains(said, "main has a branch protection, which this login may not read") {
		w.t.Errorf("of a branch protection that it may not read doctor says\n%s", said)
	}
	rights := map[string]string{"contents": "write", "statuses": "write", "checks": "write", "pull_requests": "write", "deployments": "write", "issues": "read", "metadata": "read", "administration": "read"}
	h.must(h.server.Permit(installed, rights))
	said := doctor()
	for _, says := range []string{
		"the branch protection of main wants signed commits, status checks on what is pushed, a pull request, pushes of certain people only, and lets Plateform not pass it by",
		"take a ruleset in its place", "pull requests have to be up to date with main before they are merged",
	} {
		if !strings.Contains(said, says) {
			w.t.Errorf("with a branch protection doctor does not say %q:\n%s", says, said)
		}
	}
	h.asRoot(http.MethodPut, branch, `{"required_status_checks": null, "enforce_admins": true, "required_pull_request_reviews": {"required_approving_review_count": 1, "bypass_pull_request_allowances": {"apps": ["plateform"]}}, "restrictions": null}`, nil)
	if said := doctor(); !strings.Contains(said, "the branch protection of main lets Plateform push") {
		w.t.Errorf("with a branch protection that makes an exception of Plateform doctor says\n%s", said)
	}
	h.asRoot(http.MethodDelete, branch, "", nil)
}

// protect gives the branch main of a repository a ruleset, and returns its id.
func (h *hub) protect(repository, rules, bypass string) int64 {
	h.t.Helper()
	var made struct{ ID int64 }
	h.asRoot(http.MethodPost, repository+"/rulesets", `{"name": "rules", "target": "branch", "enforcement": "active", "bypass_actors": `+bypass+
		`, "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}}, "rules": `+rules+`}`, &made)
	return made.ID
}

func (h *hub) unprotect(repository string, id int64) {
	h.t.Helper()
	h.asRoot(http.MethodDelete, fmt.Sprintf("%s/rulesets/%d", repository, id), "", nil)
}

// asRoot asks the API something as alice, who is an admin of the repository while it does.
func (h *hub) asRoot(method, path, body string, into any) {
	h.t.Helper()
	repository, _, _ := strings.Cut(path, "/")
	h.must(h.server.SetRole("acme/"+repository, gitHubUser, model.Admin))
	defer func() { h.must(h.server.SetRole("acme/"+repository, gitHubUser, model.Write)) }()
	h.request(method, path, body, into)
}

// request asks the API something about a repository of acme, as alice: path begins with its name.
func (h *hub) request(method, path, body string, into any) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+"/api/v3/repos/acme/"+path, strings.NewReader(body))
	h.must(err)
	req.Header.Set("Authorization", "Bearer "+h.token)
	res, err := http.DefaultClient.Do(req)
	h.must(err)
	defer res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		h.t.Fatalf("%s %s: %s", method, path, res.Status)
	}
	if into != nil {
		h.must(json.NewDecoder(res.Body).Decode(into))
	}
}
