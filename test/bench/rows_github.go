package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/test/githubserver"
	"github.com/plateform/plateform/test/githubserver/forge"
	"github.com/plateform/plateform/test/githubserver/model"
	"github.com/plateform/plateform/test/ociregistry"
)

// wrote is how the story on GitHub says what it took.
var wrote = regexp.MustCompile(`Plateform wrote (\d+) times on GitHub for (\d+) pull requests`)

const (
	// littleLeft of 5,000 requests an hour is what there is under pressure.
	littleLeft = 1400
	// toldWithin is how long it takes at most until all is told that will be: what was put off is tried again every ten seconds.
	toldWithin = 25 * time.Second
	hubUser    = 42
	hubApp     = 7
)

// githubWrites is how often Plateform writes on GitHub for a deploy by pull request, all told: checks, the comment, statuses, the
// deployment. It is that of the built binary in its own story, which ends when all of it is told. Under pressure, with little left of
// what GitHub takes in an hour, it is what is written before there is more again; and then there is a restart with nothing to do.
func (s *stage) githubWrites() []Row {
	out, err := exec.CommandContext(s.ctx, s.plateform(), "demo", "--github").CombinedOutput()
	if err != nil {
		s.Fatalf("%w\n%s", err, out)
	}
	found := wrote.FindSubmatch(out)
	if found == nil {
		s.Fatalf("the story does not say how often it wrote:\n%s", out)
	}
	writes, err := strconv.ParseFloat(string(found[1]), 64)
	s.must(err)
	deploys, err := strconv.ParseFloat(string(found[2]), 64)
	s.must(err)
	pressed, restarted := s.githubPressed()
	return []Row{
		{Name: "github-writes", Ours: writes / deploys, Unit: "writes"},
		{Name: "github-writes-pressed", Ours: pressed, Unit: "writes"},
		{Name: "github-writes-restart", Ours: restarted, Unit: "writes"},
	}
}

// githubPressed is what a deploy by pull request writes while little is left, and what a restart writes once all of it is told.
func (s *stage) githubPressed() (pressed, restarted float64) {
	h := s.newHub()
	settings := h.settings()
	s.must(h.server.UseUp("plateform[bot]", littleLeft))
	dir := s.TempDir()
	p := s.startServing(dir, settings)
	h.deploy()
	s.pause(toldWithin)
	pressed = float64(h.writes())
	s.must(h.server.UseUp("plateform[bot]", githubserver.GitHubLimits().Hourly))
	s.eventually("all is told once there is room", func() bool { return h.writes() > int(pressed) })
	s.pause(toldWithin)
	p.stop()
	before := h.writes()
	p = s.startServing(dir, settings)
	s.pause(toldWithin)
	p.stop()
	if n := len(h.server.Violations()); n > 0 {
		s.Fatalf("%d requests or answers were not as GitHub describes them", n)
	}
	return pressed, float64(h.writes() - before)
}

// hub is a GitHub with an App, two repositories and an image to deploy.
type hub struct {
	*stage
	server *githubserver.Server
	url    string
	key    *rsa.PrivateKey
	image  string
}

func (s *stage) newHub() *hub {
	listener, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", "127.0.0.1:0")
	s.must(err)
	h := &hub{stage: s, url: "http://" + listener.Addr().String(), image: s.publish()}
	h.server, err = githubserver.New(githubserver.Options{URL: h.url, Dir: filepath.Join(s.TempDir(), "github")})
	s.must(err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.ctx))
	ended := make(chan error, 1)
	go func() { ended <- h.server.Serve(ctx, listener) }()
	s.Cleanup(func() { cancel(); <-ended })
	s.must(h.server.AddOrganization(1, "acme"))
	s.must(h.server.AddUser(hubUser, "alice"))
	const bits = 2048
	h.key, err = rsa.GenerateKey(rand.Reader, bits)
	s.must(err)
	s.must(h.server.AddApp(forge.NewApp{ID: hubApp, Slug: "plateform", Owner: "acme", Key: &h.key.PublicKey, Permissions: map[string]string{
		"contents": "write", "statuses": "write", "checks": "write", "pull_requests": "write", "deployments": "write", "issues": "read", "metadata": "read",
	}}))
	for _, repository := range []string{"acme/platform-config", "acme/plateform-gitops"} {
		_, err := h.server.AddRepository(s.ctx, forge.NewRepository{Name: repository, Private: true})
		s.must(err)
		s.must(h.server.SetRole(repository, hubUser, model.Write))
	}
	_, err = h.server.Install(hubApp, "acme", "acme/platform-config", "acme/plateform-gitops")
	s.must(err)
	host, _, _ := strings.Cut(h.image, "/")
	h.commit("main", map[string]string{manifest.PlatformFile: fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Platform\nmetadata: {name: acme}\n"+
		"spec:\n  domain: apps.example.com\n  registry: {url: %q, allow: [%q]}\n  sources: {allow: []}\n", host, host+"/birds/*")})
	return h
}

// publish has a registry that has an image.
func (s *stage) publish() string {
	image, err := random.Image(64, 1)
	s.must(err)
	reference, err := name.ParseReference(ociregistry.New(s).Host + "/birds/wren:1")
	s.must(err)
	s.must(remote.Write(reference, image, remote.WithContext(s.ctx)))
	return reference.Name()
}

// settings of a serve that is the App.
func (h *hub) settings() string {
	file := filepath.Join(h.TempDir(), "app.pem")
	h.must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(h.key)}), 0o600))
	return fmt.Sprintf("config: {url: %q, branch: main}\ngitops: {url: %q, branch: main}\nforge: {kind: github, poll: 200ms}\nregistry: {insecure: true}\n"+
		"github: {app: {id: %d, privateKeyFile: %q}, baseURL: %q}\n",
		h.server.CloneURL("acme/platform-config"), h.server.CloneURL("acme/plateform-gitops"), hubApp, file, h.url)
}

func (h *hub) commit(branch string, files map[string]string) {
	_, err := h.server.Commit(h.ctx, forge.NewCommit{Repo: "acme/platform-config", Branch: branch, Author: hubUser, Message: "Change " + branch, Files: files})
	h.must(err)
}

// deploy proposes a project, waits until that is planned, and merges it.
func (h *hub) deploy() {
	h.commit("add-shop", map[string]string{
		"workspaces/ws-1/workspace.yaml": fmt.Sprintf("apiVersion: plateform.dev/v1\nkind: Workspace\nmetadata: {name: ws-1}\nspec:\n  owner: {github: alice, id: %d}\n", hubUser),
		"workspaces/ws-1/projects/shop/project.yaml": fmt.Sprintf(
			"apiVersion: plateform.dev/v1\nkind: Project\nmetadata: {name: shop}\nspec:\n  type: monolithic\n  image: %s\n", h.image),
	})
	number, err := h.server.OpenPull(h.ctx, forge.NewPull{Repo: "acme/platform-config", Head: "add-shop", Title: "Add the shop", Author: hubUser})
	h.must(err)
	h.eventually("the pull request has two checks and a card", func() bool { return h.writes() >= 3 })
	h.must(h.server.Merge(h.ctx, "acme/platform-config", number, hubUser, forge.MergeCommit))
}

// writes is how often Plateform wrote what people see.
func (h *hub) writes() (n int) {
	for _, c := range h.server.Calls() {
		if c.Write && c.Who == "plateform[bot]" && !strings.HasSuffix(c.Operation, "/access_tokens") && c.Operation != "git-receive-pack" {
			n++
		}
	}
	return n
}
