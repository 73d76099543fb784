package installation

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/localrun"
)

// Settings is serve.yaml: how one installation reaches things. What holds for the tenants is in platform.yaml.
//
// The comments are the table of the keys in docs/serve.md; the yaml tags say which must be there.
type Settings struct {
	// Config is the repository that people write.
	Config RemoteSettings `yaml:"config"`
	// GitOps is the repository that Plateform writes.
	GitOps RemoteSettings `yaml:"gitops"`
	// Sources is the list of hosts whose source repositories ask for a login over https, one entry each. Whoever may write a project.yaml can build what these credentials can read: narrow sources.allow in platform.yaml to fit. Default: none, sources are public.
	Sources []SourceSettings `yaml:"sources,omitempty"`
	// Listen is the address of /healthz, /readyz and /webhooks/...; port 0 picks one and prints it. Default 127.0.0.1:8080.
	Listen string `yaml:"listen,omitempty"`
	// API is what concerns those who run the installation, and not the tenants.
	API APISettings `yaml:"api,omitempty"`
	// Resync is when everything is looked at again whatever was noticed, in cron notation with five fields. Default */5 * * * *.
	Resync string `yaml:"resync,omitempty"`
	// DataDir is the folder of caches and logs, which may be lost, and of the embedded registry's images and, with engine local, the databases' data in apps, which may not; for one serve at a time. Default plateform-data.
	DataDir string `yaml:"dataDir,omitempty"`
	// Forge is where hints come from and where reports go.
	Forge ForgeSettings `yaml:"forge,omitempty"`
	// Webhooks is where others tell of what happened, so that it is not found out by polling alone.
	Webhooks WebhookSettings `yaml:"webhooks,omitempty"`
	// GitHub is who Plateform is on GitHub: an App, or whoever a token belongs to. With one of them people are told there, unless forge.kind says otherwise.
	GitHub GitHubSettings `yaml:"github,omitempty"`
	// Builder is what makes images.
	Builder BuilderSettings `yaml:"builder,omitempty"`
	// Registry is how the image registry of platform.yaml is reached.
	Registry RegistrySettings `yaml:"registry,omitempty"`
	// Engine is what gets the wanted state running.
	Engine EngineSettings `yaml:"engine,omitempty"`
	// Keys is where the keys of the installation are.
	Keys KeySettings `yaml:"keys,omitempty"`
	// Election is how one of several serves on the same two repositories is the one that leads, while the others stand by. Default: none, this one is alone.
	Election *ElectionSettings `yaml:"election,omitempty"`
}

// RemoteSettings is one branch of one repository.
type RemoteSettings struct {
	// URL of the repository: https, http, ssh, user@host:path, or a path, relative to serve.yaml.
	URL string `yaml:"url"`
	// Branch to work on. Default main.
	Branch string `yaml:"branch,omitempty"`
	// Username for https.
	Username string `yaml:"username,omitempty"`
	// PasswordFile is the file with the password or token for https; read anew for each use.
	PasswordFile string `yaml:"passwordFile,omitempty"`
	// SSHKeyFile is the file with a private key without a passphrase. Default: the agent of $SSH_AUTH_SOCK.
	SSHKeyFile string `yaml:"sshKeyFile,omitempty"`
	// KnownHostsFile is the list of SSH host keys to trust. Default: the files that ssh uses.
	KnownHostsFile string `yaml:"knownHostsFile,omitempty"`
}

// SourceSettings are how to log in at one host of source repositories.
type SourceSettings struct {
	// Host that gets the credentials, and no other: git.example.com, or git.example.com:8443 for another port than 443.
	Host string `yaml:"host"`
	// UsernameFile is the file with the username; read anew for each use. For a token most servers take any name.
	UsernameFile string `yaml:"usernameFile"`
	// PasswordFile is the file with the password or token; read anew for each use.
	PasswordFile string `yaml:"passwordFile"`
}

// APISettings are those of the private address.
type APISettings struct {
	// Listen is the address of /v1, which tells members of a workspace how its runs go, and of /metrics, for Prometheus, which asks nobody who they are; as 127.0.0.1:8081, and port 0 picks one. Let a proxy lead to /v1, /logs and /assets alone. Default: none, they are not served.
	Listen string `yaml:"listen,omitempty"`
	// URL is where people reach /v1 and /logs through that proxy, as https://plateform.example.com: reports on builds link to the log there. Default: none, they link to who builds.
	URL string `yaml:"url,omitempty"`
	// Origins is the list of the web pages, by their origins as https://console.example.com, that may ask /v1 besides its own. Default: none.
	Origins []string `yaml:"origins,omitempty"`
	// GitHub is how people are known by tokens that GitHub issued to an App for them. Default: none, such tokens are not taken.
	GitHub *SignInSettings `yaml:"github,omitempty"`
	// OIDC is how people are known by tokens of an OpenID Connect issuer, such as a realm of a Keycloak. Default: none, such tokens are not taken.
	OIDC *OIDCSettings `yaml:"oidc,omitempty"`
}

// SignInSettings are the App that people sign in through at the GitHub of github.baseURL.
type SignInSettings struct {
	// ClientID is the Client ID of the App, from its settings on GitHub; it is not the App ID.
	ClientID string `yaml:"clientId"`
	// ClientSecretFile is the file with a client secret of the App; read anew for each use.
	ClientSecretFile string `yaml:"clientSecretFile"`
}

// OIDCSettings are an OpenID Connect issuer.
type OIDCSettings struct {
	// Issuer is the URL that its tokens have as iss, letter by letter, as https://login.example.com/realms/acme.
	Issuer string `yaml:"issuer"`
	// Audience is what its tokens have to have among their aud: no other token is taken.
	Audience string `yaml:"audience"`
	// Claim is the one that holds the numeric id of somebody's GitHub account, as a number or as a text of digits. Whoever can choose it for themselves can be anybody. Default github_id.
	Claim string `yaml:"claim,omitempty"`
	// CAFile is the file with the authorities that sign the certificate of the issuer, as PEM. Default: those that this machine trusts.
	CAFile string `yaml:"caFile,omitempty"`
}

// ForgeSettings say where people look.
type ForgeSettings struct {
	// Kind of the forge: git (polls, and writes reports into refs/notes/plateform) or github (does that too, and says them in commit statuses). Default git, and github where that has a login.
	Kind string `yaml:"kind,omitempty"`
	// Poll is how often the repositories are looked at, as 500ms or 10s. Default 2s.
	Poll string `yaml:"poll,omitempty"`
}

// WebhookSettings say who may tell of what happened.
type WebhookSettings struct {
	// GitHub delivers to /webhooks/github on the address of listen. Default: none, they are not taken.
	GitHub *GitHubWebhookSettings `yaml:"github,omitempty"`
	// Jenkins calls /webhooks/jenkins there, so that a build's end is noticed at once. Default: none, builds are asked about every three seconds.
	Jenkins *JenkinsWebhookSettings `yaml:"jenkins,omitempty"`
}

// JenkinsWebhookSettings are those of the calls of a Jenkins.
type JenkinsWebhookSettings struct {
	// SecretFile is the file with the secret that the job signs with; read anew for each use. Without it nothing is taken.
	SecretFile string `yaml:"secretFile"`
	// PreviousSecretFile is the file with the secret before, while it is being replaced: both are good.
	PreviousSecretFile string `yaml:"previousSecretFile,omitempty"`
}

// GitHubWebhookSettings are those of GitHub's webhooks.
type GitHubWebhookSettings struct {
	// SecretFile is the file with the secret that is set in GitHub, too; read anew for each use. Without it nothing is taken.
	SecretFile string `yaml:"secretFile"`
	// PreviousSecretFile is the file with the secret before, while it is being replaced: both are good.
	PreviousSecretFile string `yaml:"previousSecretFile,omitempty"`
}

// GitHubSettings say who Plateform is on GitHub, and where that is.
type GitHubSettings struct {
	// App is the GitHub App that Plateform is: the one to take for more than a try.
	App GitHubAppSettings `yaml:"app,omitempty"`
	// TokenFile is the file with the token of a user, instead of an App: fine-grained, for the two repositories, with the permissions contents, commit statuses, pull requests and deployments to write; read anew for each use.
	TokenFile string `yaml:"tokenFile,omitempty"`
	// BaseURL is where people browse a GitHub of their own, as https://github.example.com. Default https://github.com.
	BaseURL string `yaml:"baseURL,omitempty"`
}

// GitHubAppSettings are a GitHub App.
type GitHubAppSettings struct {
	// ID of the App, from its settings on GitHub.
	ID int64 `yaml:"id,omitempty"`
	// PrivateKeyFile is the file with a private key of the App, as GitHub hands it out; read anew for each use.
	PrivateKeyFile string `yaml:"privateKeyFile,omitempty"`
}

// login says that there is something to log in with.
func (s GitHubSettings) login() bool { return s.App != (GitHubAppSettings{}) || s.TokenFile != "" }

// BuilderSettings say who makes images.
type BuilderSettings struct {
	// Kind of the builder: local (on this machine, for trusted sources only), jenkins (a job of a Jenkins) or none (projects with image: alone). Default local.
	Kind string `yaml:"kind,omitempty"`
	// Local is what concerns the local builder alone.
	Local LocalSettings `yaml:"local,omitempty"`
	// Jenkins is what concerns the builder jenkins alone.
	Jenkins JenkinsSettings `yaml:"jenkins,omitempty"`
}

// JenkinsSettings are those of the builder jenkins.
type JenkinsSettings struct {
	// URL where Plateform reaches Jenkins, with the path it is below, as https://ci.example.com/jenkins.
	URL string `yaml:"url,omitempty"`
	// User of Jenkins that Plateform is.
	User string `yaml:"user,omitempty"`
	// TokenFile is the file with an API token of that user, which is no password; read anew for each use.
	TokenFile string `yaml:"tokenFile,omitempty"`
	// Job is the full name of the job that builds, with its folders, as platform/build.
	Job string `yaml:"job,omitempty"`
	// CAFile is the file with the authorities that sign the certificate of Jenkins, as PEM. Default: those that this machine trusts.
	CAFile string `yaml:"caFile,omitempty"`
	// Timeout is how long a build may run before it is given up, waiting for an agent included, as 30m or 2h; longer than any time limit of the job itself. Default 1h.
	Timeout string `yaml:"timeout,omitempty"`
}

// LocalSettings are those of the local builder.
type LocalSettings struct {
	// Parallel is how many builds run at the same time. Default 2.
	Parallel int `yaml:"parallel,omitempty"`
	// Mirrors is which registries are asked for base images before those that images are named after, as docker.io: mirror.example.com/hub; http:// in front allows plain http. Buildah and podman take them; the daemons of docker and buildkit have settings of their own. Default: none.
	Mirrors map[string]string `yaml:"mirrors,omitempty"`
}

// RegistrySettings say how to reach the image registry.
type RegistrySettings struct {
	// Kind of the registry: external (the one that platform.yaml names), harbor (the same, and its scanner is asked where platform.yaml wants images scanned) or embedded (serve is one itself, for this machine alone, with its images in dataDir). Default external.
	Kind string `yaml:"kind,omitempty"`
	// Listen is the address of the embedded registry, on this machine. It is part of the name of every image: registry.url in platform.yaml begins with it, and it stays what it is. Default 127.0.0.1:5480.
	Listen string `yaml:"listen,omitempty"`
	// UsernameFile is the file with the username.
	UsernameFile string `yaml:"usernameFile,omitempty"`
	// PasswordFile is the file with the password.
	PasswordFile string `yaml:"passwordFile,omitempty"`
	// Workspaces is the list of those whose repositories, below registry.url/WORKSPACE/, are asked with credentials of their own, and not with those above. They are used for no other repository.
	Workspaces []WorkspaceLoginSettings `yaml:"workspaces,omitempty"`
	// Insecure is whether plain http is allowed; to addresses of this machine it always is. Default false.
	Insecure bool `yaml:"insecure,omitempty"`
}

// WorkspaceLoginSettings are the credentials for the images of one workspace.
type WorkspaceLoginSettings struct {
	// Workspace is its name, which is that of its folder in platform-config.
	Workspace string `yaml:"workspace"`
	// UsernameFile is the file with the username.
	UsernameFile string `yaml:"usernameFile"`
	// PasswordFile is the file with the password.
	PasswordFile string `yaml:"passwordFile"`
}

// EngineSettings say who gets things running.
type EngineSettings struct {
	// Kind of the engine: none (stops when plateform-gitops is written), direct (applies charts to a Kubernetes cluster), argocd (has Argo CD do so) or local (runs everything on this machine, which has to be Linux; for trusted sources only). Default none.
	Kind string `yaml:"kind,omitempty"`
	// Kubeconfig is the file that says how engine direct or argocd reaches its cluster. Default: the cluster that serve runs in, or else what kubectl would use.
	Kubeconfig string `yaml:"kubeconfig,omitempty"`
	// Namespace is where Argo CD is, and its Applications are; for engine argocd. Default argocd.
	Namespace string `yaml:"namespace,omitempty"`
	// Repository is the URL that Argo CD reaches the repository of gitops by, where that is another than gitops.url; for engine argocd. Default gitops.url.
	Repository string `yaml:"repository,omitempty"`
	// Ingress is where engine direct or argocd asks whether URLs answer, as host or host:port. Default: where Ingresses say that they are served; name it for an ingress controller that does not say so, or that serve reaches at another address than people do.
	Ingress string `yaml:"ingress,omitempty"`
	// Listen is the address where engine local answers for all projects, by their hosts. Its port is ingress.port in platform.yaml, unless something in front leads there; port 0 picks one and prints it. Default 127.0.0.1:8480.
	Listen string `yaml:"listen,omitempty"`
	// Platforms are those of the cluster's nodes, like linux/arm64 or linux/arm/v7: an image in project.yaml has to be for one of them. Default linux/amd64, and for engine local what this machine is.
	Platforms []string `yaml:"platforms,omitempty"`
	// Pull is the login that the nodes of engine direct pull images with. Everybody who may read Secrets of a namespace knows it, so it may do nothing but that.
	Pull *PullSettings `yaml:"pull,omitempty"`
}

// Unrun says what the engine does not run of what people wrote; nil when it runs everything.
func (s EngineSettings) Unrun() func(manifest.ProjectSpec) string {
	if s.Kind == EngineLocal {
		return localrun.Unrun
	}
	return nil
}

// PullSettings are the login that nodes pull images with.
type PullSettings struct {
	// Registry is its host, with a port if it has one: harbor.example.com.
	Registry string `yaml:"registry"`
	// UsernameFile is the file with the username.
	UsernameFile string `yaml:"usernameFile"`
	// PasswordFile is the file with the password.
	PasswordFile string `yaml:"passwordFile"`
}

// KeySettings are the keys of the installation.
type KeySettings struct {
	// SigningKeyFile is the file with the Ed25519 key that signs release files, as PEM. Default: none, they carry a checksum only.
	SigningKeyFile string `yaml:"signingKeyFile,omitempty"`
	// IdentityFile is the file with the age identities that open the secrets of projects, one in a line; two while they are changed. It is read anew for each use. Default: none, nothing with secrets can be run.
	IdentityFile string `yaml:"identityFile,omitempty"`
}

// ElectionSettings are the Lease by which one of several leads.
type ElectionSettings struct {
	// Lease is the name of a Lease in the cluster that serve runs in, or of engine.kubeconfig. It is made when it is not there.
	Lease string `yaml:"lease"`
	// Namespace is where the Lease is. Default: the one of the pod that serve runs in.
	Namespace string `yaml:"namespace,omitempty"`
	// Duration is how long the others wait after the last sign of life of the one that leads, in whole seconds. Default 8s.
	Duration string `yaml:"duration,omitempty"`
}

// Load reads serve.yaml. All problems are told at once.
func Load(file string) (*Settings, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.Usage("%s is not there (plateform init writes one; name yours with --config)", file)
	}
	if err != nil {
		return nil, exit.Usage("%s cannot be read (check its permissions): %w", file, err)
	}
	s := &Settings{}
	if problems := manifest.DecodeStrict(file, data, s); len(problems) > 0 {
		return nil, settingsError(problems)
	}
	s.setDefaults(filepath.Dir(file))
	if problems := s.check(file); len(problems) > 0 {
		return nil, settingsError(manifest.Locate(file, data, problems))
	}
	return s, nil
}

// settingsError says which settings are wrong, one a line.
func settingsError(problems manifest.Problems) error {
	return exit.Usage("the settings are wrong:\n%w", problems)
}

// setDefaults fills in what is left out, and makes paths relative to the folder of serve.yaml.
func (s *Settings) setDefaults(dir string) {
	s.Listen = cmp.Or(s.Listen, "127.0.0.1:8080")
	s.Resync = cmp.Or(s.Resync, "*/5 * * * *")
	s.DataDir = cmp.Or(s.DataDir, "plateform-data")
	if s.Forge.Kind == "" && s.GitHub.login() {
		s.Forge.Kind = forgeGitHub
	}
	s.Forge.Kind = cmp.Or(s.Forge.Kind, "git")
	s.Forge.Poll = cmp.Or(s.Forge.Poll, "2s")
	s.Builder.Kind = cmp.Or(s.Builder.Kind, "local")
	s.Builder.Local.Parallel = cmp.Or(s.Builder.Local.Parallel, 2)
	s.Builder.Jenkins.Timeout = cmp.Or(s.Builder.Jenkins.Timeout, "1h")
	s.Engine.Kind = cmp.Or(s.Engine.Kind, "none")
	s.Registry.Kind = cmp.Or(s.Registry.Kind, "external")
	if s.Registry.Embedded() {
		s.Registry.Listen = cmp.Or(s.Registry.Listen, "127.0.0.1:5480")
	}
	if s.Engine.Kind == EngineLocal && len(s.Engine.Platforms) == 0 {
		s.Engine.Platforms = []string{"linux/" + runtime.GOARCH}
	}
	if s.Engine.Kind == EngineArgoCD {
		s.Engine.Namespace = cmp.Or(s.Engine.Namespace, "argocd")
	}
	s.Engine.Listen = cmp.Or(s.Engine.Listen, "127.0.0.1:8480")
	for _, file := range []*string{
		&s.DataDir, &s.Keys.SigningKeyFile, &s.Keys.IdentityFile, &s.Engine.Kubeconfig, &s.Registry.UsernameFile, &s.Registry.PasswordFile,
		&s.GitHub.App.PrivateKeyFile, &s.GitHub.TokenFile, &s.Builder.Jenkins.TokenFile, &s.Builder.Jenkins.CAFile,
	} {
		beside(dir, file)
	}
	if hook := s.Webhooks.GitHub; hook != nil {
		beside(dir, &hook.SecretFile)
		beside(dir, &hook.PreviousSecretFile)
	}
	if hook := s.Webhooks.Jenkins; hook != nil {
		beside(dir, &hook.SecretFile)
		beside(dir, &hook.PreviousSecretFile)
	}
	if in := s.API.GitHub; in != nil {
		beside(dir, &in.ClientSecretFile)
	}
	if issuer := s.API.OIDC; issuer != nil {
		issuer.Claim = cmp.Or(issuer.Claim, "github_id")
		beside(dir, &issuer.CAFile)
	}
	s.Election.setDefaults()
	for n := range s.Registry.Workspaces {
		beside(dir, &s.Registry.Workspaces[n].UsernameFile)
		beside(dir, &s.Registry.Workspaces[n].PasswordFile)
	}
	if pull := s.Engine.Pull; pull != nil {
		beside(dir, &pull.UsernameFile)
		beside(dir, &pull.PasswordFile)
	}
	for n := range s.Sources {
		beside(dir, &s.Sources[n].UsernameFile)
		beside(dir, &s.Sources[n].PasswordFile)
	}
	for _, r := range []*RemoteSettings{&s.Config, &s.GitOps} {
		r.Branch = cmp.Or(r.Branch, "main")
		for _, file := range []*string{&r.PasswordFile, &r.SSHKeyFile, &r.KnownHostsFile} {
			beside(dir, file)
		}
		if !strings.Contains(r.URL, ":") {
			beside(dir, &r.URL)
		}
	}
}

// beside makes a relative path relative to a folder.
func beside(dir string, file *string) {
	if *file != "" && !filepath.IsAbs(*file) {
		*file = filepath.Join(dir, *file)
	}
}
