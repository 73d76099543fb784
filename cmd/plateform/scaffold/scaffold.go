// Package scaffold writes a new installation: the two repositories, a sample app, two keys and serve.yaml.
package scaffold

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"golang.org/x/tools/txtar"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/schemas"
)

// scaffoldArchive is what init writes, as templates.
//
//go:embed scaffold.txtar
var scaffoldArchive []byte

// The folders of a scaffold.
const (
	ConfigDir  = "platform-config"
	GitOpsDir  = "plateform-gitops"
	HelloDir   = "hello"
	RemotesDir = "remotes"
)

// GitOpsSetting is the setting of git that tells, in a checkout of the config repository, where the GitOps repository is.
const GitOpsSetting = "plateform.gitops"

// Options say what the new platform is like.
type Options struct {
	// Name of the platform; that of the folder when it is empty.
	Name string
	// Domain that projects get their hosts under.
	Domain string
	// Registry of images, as host[:port][/path]; when it is empty serve is the registry itself, at Images.
	Registry string
	// NoSample leaves out the sample app.
	NoSample bool
	// Images is the address of the registry inside serve; DefaultImages when it is empty.
	Images string
	// Apps is the address where apps on this machine answer; DefaultApps when it is empty.
	Apps string
	// GitHub is where the repositories are to be; they are on this machine when it names none.
	GitHub GitHub
	// Cluster is where apps run; nil for this machine.
	Cluster *Cluster
}

// Cluster is a Kubernetes cluster that the apps of an installation run in.
type Cluster struct {
	// Kubeconfig is the file that says how it is reached; what kubectl uses when it is empty.
	Kubeconfig string
	// IngressClass is the class of the ingress controller, and Ingress where that answers, as host:port; empty when it is for the cluster
	// to say.
	IngressClass, Ingress string
	// Namespace of the workspace of the sample; the name of the workspace when it is empty.
	Namespace string
}

// DefaultIngressClass is the class of the ingress controller of a cluster, unless somebody says otherwise.
const DefaultIngressClass = "nginx"

// GitHub is where the repositories of an installation are to be on one, and the App that Plateform is there.
type GitHub struct {
	// Web is the address that people browse; https://github.com when it is empty.
	Web string
	// Config and GitOps are OWNER/NAME.
	Config, GitOps string
	// App is the id of the App; 0 when it is not known yet.
	App int64
}

// Owner of the config repository.
func (g GitHub) Owner() string {
	owner, _, _ := strings.Cut(g.Config, "/")
	return owner
}

// Files beside serve.yaml that GitHub's settings name.
const (
	AppKeyFile        = "keys/github-app.pem"
	WebhookSecretFile = "keys/webhook.secret"
)

// Where the registry inside serve answers, and the apps that run on this machine, unless somebody says otherwise; and the
// domain that browsers look for on this machine, whatever stands before it.
const (
	DefaultImages = "127.0.0.1:5480"
	DefaultApps   = "127.0.0.1:8480"
	DefaultDomain = "localhost"
)

// Scaffold is a new installation in a folder. Its templates are filled with the exported fields.
type Scaffold struct {
	Options
	// PublicKey checks what is signed with the key of the scaffold.
	PublicKey string
	// Recipient is whom secrets are encrypted for; the identity of the scaffold opens them.
	Recipient string
	// ConfigURL, GitOpsURL and HelloURL are where the checkouts push to, and Remotes is a pattern for all of them.
	ConfigURL, GitOpsURL, HelloURL, Remotes string

	dir string
	// commits are the first ones, by folder.
	commits map[string]string
}

// New is a scaffold for an absolute folder. It writes nothing yet.
func New(dir string, o Options) *Scaffold {
	s := &Scaffold{
		Options: o, dir: dir,
		Remotes: filepath.Join(dir, RemotesDir) + "/*",
		commits: map[string]string{},
	}
	if s.Name == "" {
		s.Name = filepath.Base(dir)
	}
	switch {
	case s.Registry != "":
		s.Images = ""
	default:
		s.Images = cmp.Or(s.Images, DefaultImages)
		s.Registry = s.Images
	}
	s.Apps, s.Domain = cmp.Or(s.Apps, DefaultApps), cmp.Or(s.Domain, DefaultDomain)
	if s.GitHub.Config != "" {
		s.GitHub.Web, s.NoSample = cmp.Or(s.GitHub.Web, "https://github.com"), true
		s.ConfigURL, s.GitOpsURL = s.GitHub.Web+"/"+s.GitHub.Config, s.GitHub.Web+"/"+s.GitHub.GitOps
		s.Remotes = s.GitHub.Web + "/*"
		return s
	}
	s.ConfigURL, s.GitOpsURL, s.HelloURL = s.remote(ConfigDir), s.remote(GitOpsDir), s.remote(HelloDir)
	return s
}

// Port of every URL: where the ingress controller answers, or apps on this machine do; empty for the usual one.
func (s *Scaffold) Port() string {
	address := s.Apps
	if s.Cluster != nil {
		address = s.Cluster.Ingress
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if s.Cluster != nil && port == "80" {
		return ""
	}
	return port
}

// Origin is the URL of a project of the sample's workspace.
func (s *Scaffold) Origin(project string) string {
	origin := "http://" + project + "-ws-1." + s.Domain
	if port := s.Port(); port != "" {
		origin += ":" + port
	}
	return origin
}

// remote is the bare repository of a checkout.
func (s *Scaffold) remote(name string) string { return filepath.Join(s.dir, RemotesDir, name+".git") }

// FirstCommit of one of the folders, once it has been written.
func (s *Scaffold) FirstCommit(folder string) string { return s.commits[folder] }

// Write writes everything. The folder is there, and empty.
func (s *Scaffold) Write(ctx context.Context) error {
	public, err := newSigningKey(filepath.Join(s.dir, "keys", "release.key"))
	if err != nil {
		return err
	}
	s.PublicKey = public.String()
	if s.Recipient, err = newIdentity(filepath.Join(s.dir, "keys", "age.key")); err != nil {
		return err
	}
	files, err := s.fill(txtar.Parse(scaffoldArchive))
	if err != nil {
		return err
	}
	if err := checkScaffold(files); err != nil {
		return err
	}
	if err := writeFiles(s.dir, files); err != nil {
		return err
	}
	if err := writeSchemas(filepath.Join(s.dir, ConfigDir, ".plateform", "schemas")); err != nil {
		return err
	}
	folders := []string{ConfigDir, GitOpsDir}
	if !s.NoSample {
		folders = append(folders, HelloDir)
		if err := writeFiles(filepath.Join(s.dir, HelloDir), sampleApp()); err != nil {
			return err
		}
	}
	if s.GitHub.Config != "" {
		if err := newWebhookSecret(filepath.Join(s.dir, WebhookSecretFile)); err != nil {
			return err
		}
	}
	for _, name := range folders {
		if s.commits[name], err = s.begin(ctx, name); err != nil {
			return fmt.Errorf("making the repository %s: %w", name, err)
		}
	}
	_, err = git.Command{Dir: filepath.Join(s.dir, ConfigDir)}.Run(ctx, "config", GitOpsSetting, s.GitOpsURL)
	return err
}

// fill fills in the templates.
func (s *Scaffold) fill(templates *txtar.Archive) (*txtar.Archive, error) {
	quote := template.FuncMap{"yaml": func(v string) (string, error) {
		b, err := json.Marshal(v) // a JSON string is a YAML string
		return string(b), err
	}}
	filled := &txtar.Archive{}
	for _, f := range templates.Files {
		t, err := template.New(f.Name).Funcs(quote).Parse(string(f.Data))
		if err != nil {
			return nil, fmt.Errorf("reading a template: %w", err)
		}
		var b bytes.Buffer
		if err := t.Execute(&b, s); err != nil {
			return nil, fmt.Errorf("filling in a template: %w", err)
		}
		filled.Files = append(filled.Files, txtar.File{Name: f.Name, Data: b.Bytes()})
	}
	return filled, nil
}

// writeSchemas puts the JSON Schemas where editors find them.
func writeSchemas(dir string) error {
	for _, kind := range schemas.Kinds() {
		schema, err := schemas.For(kind)
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, schemas.FileName(kind)), schema); err != nil {
			return err
		}
	}
	return nil
}

// checkScaffold refuses flags that make a platform.yaml that Plateform would refuse.
func checkScaffold(files *txtar.Archive) error {
	for _, f := range files.Files {
		if f.Name != ConfigDir+"/"+manifest.PlatformFile {
			continue
		}
		platform, problems := manifest.ParsePlatform(manifest.PlatformFile, f.Data)
		if platform != nil {
			problems = manifest.CheckPlatform(platform)
		}
		if len(problems) > 0 {
			return exit.Usage("these flags make no valid platform (see plateform init -h):\n%w", problems)
		}
	}
	return nil
}

// begin makes the checkout in a folder, with a first commit, and pushes that to the bare repository it is for, where that is on this
// machine.
func (s *Scaffold) begin(ctx context.Context, folder string) (string, error) {
	// The person may have no Git identity yet.
	identity := []string{
		"GIT_AUTHOR_NAME=Plateform", "GIT_AUTHOR_EMAIL=plateform@users.noreply.github.com",
		"GIT_COMMITTER_NAME=Plateform", "GIT_COMMITTER_EMAIL=plateform@users.noreply.github.com",
	}
	g := git.Command{Dir: filepath.Join(s.dir, folder), Env: identity}
	remote := map[string]string{ConfigDir: s.ConfigURL, GitOpsDir: s.GitOpsURL, HelloDir: s.HelloURL}[folder]
	steps := [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "--all"},
		{"commit", "--quiet", "--no-verify", "--message=Begin " + folder},
		{"remote", "add", "origin", remote},
	}
	if s.GitHub.Config == "" {
		steps = append(steps, []string{"init", "--quiet", "--bare", "--initial-branch=main", remote}, []string{"push", "--quiet", "--set-upstream", "origin", "main"})
	}
	for _, args := range steps {
		if _, err := g.Run(ctx, args...); err != nil {
			return "", err
		}
	}
	return g.Run(ctx, "rev-parse", "HEAD")
}

// newWebhookSecret makes what GitHub signs its webhooks with, and writes it where only its owner can read it.
func newWebhookSecret(file string) error {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("making the secret of webhooks: %w", err)
	}
	if err := os.WriteFile(file, []byte(hex.EncodeToString(secret)+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the secret of webhooks: %w", err)
	}
	return nil
}

// newIdentity makes the identity that opens secrets, and writes it where only its owner can read it.
func newIdentity(file string) (recipient string, err error) {
	text, recipient, err := secret.Generate()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", fmt.Errorf("writing the identity that opens secrets: %w", err)
	}
	return recipient, nil
}

// newSigningKey makes a key and writes it where only its owner can read it.
func newSigningKey(file string) (signing.PublicKey, error) {
	key, err := signing.Generate(rand.Reader)
	if err != nil {
		return signing.PublicKey{}, err
	}
	text, err := key.PEM()
	if err != nil {
		return signing.PublicKey{}, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return signing.PublicKey{}, fmt.Errorf("making the folder of the signing key: %w", err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return signing.PublicKey{}, fmt.Errorf("writing the signing key: %w", err)
	}
	return key.Public(), nil
}
