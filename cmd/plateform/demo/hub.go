package demo

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/endpoint"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/github/auth"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/webhook"
)

// Who is who on the GitHub of the demo. Alice is the owner of the workspace in the scaffold.
const (
	aliceID  = 1
	acmeID   = 2
	appID    = 7
	configAt = "acme/platform-config"
	gitopsAt = "acme/plateform-gitops"
	helloAt  = "acme/hello"
)

// hub is a GitHub on this machine: the one of the project's tests, which checks every request and answer against GitHub's own
// description of its API.
type hub struct {
	server   *githubserver.Server
	listener net.Listener
	url      string
	token    string // of alice
	secret   string // of webhooks
	client   *http.Client
	// stop ends it, and ended tells how it did.
	stop  context.CancelFunc
	ended chan error
}

// newHub makes it, with nobody and nothing there yet.
func newHub(ctx context.Context, dir string) (*hub, error) {
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("taking an address for GitHub: %w", err)
	}
	h := &hub{listener: listener, url: "http://" + listener.Addr().String(), client: &http.Client{Timeout: answerTime}}
	h.server, err = githubserver.New(githubserver.Options{URL: h.url, Dir: filepath.Join(dir, "github")})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// start serves until close.
func (h *hub) start(ctx context.Context) {
	ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx)) // it goes on while others end
	h.ended = make(chan error, 1)
	go func() { h.ended <- h.server.Serve(ctx, h.listener) }()
}

// close ends it.
func (h *hub) close() error {
	h.stop()
	return <-h.ended
}

// move has all repositories be on the hub, where alice may write and an App of acme is installed, and has the settings say so.
func (h *hub) move(ctx context.Context, dir string, d *story, s *installation.Settings) error {
	for _, step := range []func() error{
		func() error { return h.server.AddOrganization(acmeID, "acme") },
		func() error { return h.server.AddUser(aliceID, "alice") },
		func() (err error) { h.token, err = h.server.Token(aliceID, "repo"); return err },
		func() error { return h.registerApp(dir) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	for name, r := range map[string]*scaffold.Repository{configAt: d.config, gitopsAt: d.gitops, helloAt: d.hello} {
		if err := h.adopt(ctx, name, r); err != nil {
			return fmt.Errorf("moving %s to GitHub: %w", name, err)
		}
	}
	if _, err := h.server.Install(appID, "acme", configAt, gitopsAt, helloAt); err != nil {
		return err
	}
	s.Config.URL, s.GitOps.URL = h.server.CloneURL(configAt), h.server.CloneURL(gitopsAt)
	s.GitHub = installation.GitHubSettings{App: installation.GitHubAppSettings{ID: appID, PrivateKeyFile: filepath.Join(dir, "app.pem")}, BaseURL: h.url}
	s.Webhooks.GitHub = &installation.GitHubWebhookSettings{SecretFile: filepath.Join(dir, "webhook.secret")}
	s.Forge.Kind = "github"
	return nil
}

// registerApp makes the App, with a key and a secret of its own.
func (h *hub) registerApp(dir string) error {
	const bits = 2048
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return fmt.Errorf("making the key of the App: %w", err)
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("making the secret of webhooks: %w", err)
	}
	h.secret = hex.EncodeToString(secret)
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, content := range map[string][]byte{"app.pem": text, "webhook.secret": []byte(h.secret + "\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fmt.Errorf("writing what the App logs in with: %w", err)
		}
	}
	permissions := auth.ConfigRepository()
	permissions["metadata"] = "read"
	return h.server.AddApp(forge.NewApp{ID: appID, Slug: "plateform", Owner: "acme", Key: &key.PublicKey, Permissions: permissions, Events: auth.Events()})
}

// adopt pushes what a checkout has to a repository of the hub, where it pushes from now on.
func (h *hub) adopt(ctx context.Context, name string, r *scaffold.Repository) error {
	if _, err := h.server.AddRepository(ctx, forge.NewRepository{Name: name, Private: true}); err != nil {
		return err
	}
	if err := h.server.SetRole(name, aliceID, model.Admin); err != nil {
		return err
	}
	dir, err := h.server.RepositoryDir(name)
	if err != nil {
		return err
	}
	r.Bare.Dir = dir
	login := strings.Replace(h.server.CloneURL(name), "http://", "http://alice:"+h.token+"@", 1)
	if _, err := r.Work.Run(ctx, "remote", "set-url", "origin", login); err != nil {
		return err
	}
	_, err = r.Work.Run(ctx, "push", "--quiet", "origin", "main")
	return err
}

// tellTo has the App's webhooks go to where the reconciler takes them.
func (h *hub) tellTo(e endpoint.Endpoint) {
	h.server.MoveAppHook(appID, "http://"+e.Address()+webhook.GitHubPath, h.secret)
}

// ask reads what the API says at a path of the config repository, as alice.
func (h *hub) ask(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/api/v3/repos/"+configAt+"/"+path, nil)
	if err != nil {
		return fmt.Errorf("asking GitHub: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+h.token)
	answer, err := h.client.Do(request)
	if err != nil {
		return fmt.Errorf("asking GitHub: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("asking GitHub for %s: %s", path, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("reading what GitHub says of %s: %w", path, err)
	}
	return nil
}

// check is a check run as the API returns it.
type check struct {
	Name, Status, Conclusion string
	Output                   struct{ Title string }
}

// checks are those of a commit.
func (h *hub) checks(ctx context.Context, commit string) ([]check, error) {
	var page struct {
		Runs []check `json:"check_runs"`
	}
	err := h.ask(ctx, "commits/"+url.PathEscape(commit)+"/check-runs", &page)
	return page.Runs, err
}

// deployment is one as the API returns it, with the newest word on it.
type deployment struct {
	ID          int64
	Description string
	State, URL  string
}

// deployment is the newest one in an environment; zero while there is none that has come out.
func (h *hub) deployment(ctx context.Context, environment string) (made deployment, err error) {
	var all []deployment
	if err := h.ask(ctx, "deployments?per_page=1&environment="+url.QueryEscape(environment), &all); err != nil || len(all) == 0 {
		return made, err
	}
	var statuses []struct {
		State string
		URL   string `json:"environment_url"`
	}
	if err := h.ask(ctx, fmt.Sprintf("deployments/%d/statuses?per_page=1", all[0].ID), &statuses); err != nil || len(statuses) == 0 {
		return made, err
	}
	all[0].State, all[0].URL = statuses[0].State, statuses[0].URL
	return all[0], nil
}

// card is the comment of Plateform's on a pull request; empty while there is none.
func (h *hub) card(ctx context.Context, number int, marker string) (string, error) {
	var comments []struct{ Body string }
	if err := h.ask(ctx, fmt.Sprintf("issues/%d/comments", number), &comments); err != nil {
		return "", err
	}
	for _, c := range comments {
		if strings.Contains(c.Body, marker) {
			return c.Body, nil
		}
	}
	return "", nil
}

// rewrite has platform.yaml say that alice may change everything and that apps come from the hub, and the sample be of there.
func (h *hub) rewrite(ctx context.Context, d *story, s *scaffold.Scaffold) error {
	const sample = "samples/ws-1/projects/hello/project.yaml"
	project := strings.Replace(d.config.Read(ctx, sample), s.HelloURL, h.server.CloneURL(helloAt), 1)
	platform := strings.Replace(d.config.Read(ctx, manifest.PlatformFile), s.Remotes, h.url+"/acme/*", 1)
	platform += fmt.Sprintf("\n  policy:\n    admins: [{github: alice, id: %d}]\n", aliceID)
	for file, content := range map[string]string{sample: project + "\n", manifest.PlatformFile: platform} {
		if err := d.config.Write(file, content); err != nil {
			return err
		}
	}
	_, err := d.config.Push(ctx, "Apps come from GitHub, and alice is an admin")
	return err
}

// traffic counts what was written on GitHub by Plateform and told by it, and what of all was not as GitHub describes it.
func (h *hub) traffic() (written, told, wrong int) {
	for _, c := range h.server.Calls() {
		if c.Write && !strings.HasSuffix(c.Operation, "/access_tokens") && c.Operation != "git-receive-pack" {
			written++
		}
	}
	return written, len(h.server.Hooks().List(-appID)), len(h.server.Violations())
}
