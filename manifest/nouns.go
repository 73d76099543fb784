package manifest

import (
	"cmp"
	"net"
	"strconv"
	"strings"
)

// APIVersion is the only value of `apiVersion` that this version of Plateform reads and writes.
const APIVersion = "plateform.dev/v1"

// Kinds of files.
const (
	KindPlatform  = "Platform"
	KindWorkspace = "Workspace"
	KindProject   = "Project"
	KindRelease   = "Release"
	KindRun       = "Run"
)

// Key names one project of one workspace. It is the unit the reconciler works on.
type Key struct {
	Workspace string `json:"workspace"`
	Project   string `json:"project"`
}

// String is the form people write and read: `workspace/project`.
func (k Key) String() string { return k.Workspace + "/" + k.Project }

// Compare orders keys by workspace, then by project, as slices.SortFunc wants it.
func (k Key) Compare(other Key) int {
	return cmp.Or(strings.Compare(k.Workspace, other.Workspace), strings.Compare(k.Project, other.Project))
}

// Metadata is the name of an object. The folder the file is in is the identity; the name must agree with it.
type Metadata struct {
	// Name of the object; must be the name of its folder (for a release: of its file, without .yaml).
	Name string `yaml:"name" json:"name"`
}

// Header is what every file begins with.
type Header struct {
	// APIVersion is always plateform.dev/v1.
	APIVersion string `yaml:"apiVersion" json:"apiVersion"`
	// Kind of the object.
	Kind string `yaml:"kind" json:"kind"`
	// Metadata with the name of the object.
	Metadata Metadata `yaml:"metadata" json:"metadata"`
}

// NewHeader returns the header of an object of the given kind and name.
func NewHeader(kind, name string) Header {
	return Header{APIVersion: APIVersion, Kind: kind, Metadata: Metadata{Name: name}}
}

// User is a person on the forge. The ID is the identity; the login is for people and may change.
type User struct {
	// GitHub login, for people to read.
	GitHub string `yaml:"github" json:"github"`
	// ID is the numeric account id, the identity that rights are given to.
	ID int64 `yaml:"id" json:"id"`
}

// Resources of one replica. Quantities are Kubernetes quantities, kept as written.
type Resources struct {
	// CPU in Kubernetes notation: 250m, "1".
	CPU string `yaml:"cpu,omitempty" json:"cpu,omitempty"`
	// Memory in Kubernetes notation: 256Mi, 1Gi.
	Memory string `yaml:"memory,omitempty" json:"memory,omitempty"`
}

// ProjectType says which chart a project is rendered with. It never changes during a project's life.
type ProjectType string

// The project types.
const (
	Monolithic         ProjectType = "monolithic"
	Database           ProjectType = "database"
	SpringMicroservice ProjectType = "spring-microservice"
)

// Platform is platform.yaml: what holds for every tenant of one installation.
type Platform struct {
	Header `yaml:",inline"`
	// Spec says what holds for every workspace.
	Spec PlatformSpec `yaml:"spec" json:"spec"`
}

// PlatformSpec is the body of platform.yaml.
type PlatformSpec struct {
	// Domain under which projects get their default host, <project>-<workspace>.<domain>.
	Domain string `yaml:"domain" json:"domain"`
	// Registry that images are pushed to.
	Registry RegistrySpec `yaml:"registry" json:"registry"`
	// Sources that projects may be built from.
	Sources SourcesSpec `yaml:"sources,omitempty" json:"sources,omitzero"`
	// Charts gives the chart version for each project type; the newest embedded one when absent.
	Charts map[ProjectType]string `yaml:"charts,omitempty" json:"charts,omitempty"`
	// Ingress settings shared by all public hosts.
	Ingress IngressSpec `yaml:"ingress,omitempty" json:"ingress,omitzero"`
	// Policy says who may do what.
	Policy PolicySpec `yaml:"policy,omitempty" json:"policy,omitzero"`
	// Secrets says for whom values are encrypted.
	Secrets SecretsSpec `yaml:"secrets,omitempty" json:"secrets,omitzero"`
	// Releases says how many release files are kept and which keys sign them.
	Releases ReleasesSpec `yaml:"releases,omitempty" json:"releases,omitzero"`
	// Defaults for what a project leaves out.
	Defaults DefaultsSpec `yaml:"defaults,omitempty" json:"defaults,omitzero"`
}

// RegistrySpec names the image registry.
type RegistrySpec struct {
	// URL is host[:port][/path] of the registry, without a scheme: harbor.example.com.
	URL string `yaml:"url" json:"url"`
	// Allow lists patterns of other repositories that images may run from (docker.io/library/*). Everything when absent.
	Allow []string `yaml:"allow,omitempty" json:"allow,omitempty"`
	// Databases is where the images of database engines are, <databases>/postgres say; docker.io/library when absent.
	Databases string `yaml:"databases,omitempty" json:"databases,omitempty"`
}

// SourcesSpec limits where source code may come from.
type SourcesSpec struct {
	// Allow lists URL patterns, * matches within them; default https://github.com/*. Other schemes and local paths are
	// refused unless listed here.
	Allow []string `yaml:"allow,omitempty" json:"allow,omitempty"`
}

// IngressSpec is shared by all public hosts.
type IngressSpec struct {
	// Class of the ingress controller; nginx when absent.
	Class string `yaml:"class,omitempty" json:"class,omitempty"`
	// Namespace the ingress controller runs in, which may reach every workspace; ingress-<class> when absent.
	Namespace string `yaml:"namespace,omitempty" json:"namespace,omitempty"`
	// TLSIssuer is the cert-manager ClusterIssuer of certificates; no TLS section when absent. Hosts under localhost have none.
	TLSIssuer string `yaml:"tlsIssuer,omitempty" json:"tlsIssuer,omitempty"`
	// Annotations of all Ingresses, for external-dns or the controller: "external-dns.alpha.kubernetes.io/target: 203.0.113.7", say.
	Annotations map[string]string `yaml:"annotations,omitempty" json:"annotations,omitempty"`
	// Port that people reach public hosts at, when it is not the usual one: a NodePort, or where engine local listens.
	Port int `yaml:"port,omitempty" json:"port,omitempty"`
}

// URL is where people find a public host.
func (in IngressSpec) URL(host string) string {
	scheme, usual := "http", 80
	if in.TLSIssuer != "" {
		scheme, usual = "https", 443
	}
	if in.Port != 0 && in.Port != usual {
		host = net.JoinHostPort(host, strconv.Itoa(in.Port))
	}
	return scheme + "://" + host
}

// PolicySpec says who may do what.
type PolicySpec struct {
	// Admins of the platform: owners, quota, domains and everything outside workspaces/ is theirs.
	Admins []User `yaml:"admins,omitempty" json:"admins,omitempty"`
	// AutoMerge lets Plateform merge pull requests whose checks pass.
	AutoMerge bool `yaml:"autoMerge,omitempty" json:"autoMerge,omitempty"`
	// SelfService lets people create workspaces of their own.
	SelfService bool `yaml:"selfService,omitempty" json:"selfService,omitempty"`
	// Scan says which findings stop a release.
	Scan ScanPolicy `yaml:"scan,omitempty" json:"scan,omitzero"`
}

// ScanPolicy says which findings of an image scan stop a release.
type ScanPolicy struct {
	// FailOn is the lowest severity that stops a release of an image that is built: low, medium, high or critical; none when absent.
	// Then each of these has to be scanned. Images that project.yaml names are not.
	FailOn string `yaml:"failOn,omitempty" json:"failOn,omitempty"`
}

// SecretsSpec says for whom secret values are encrypted.
type SecretsSpec struct {
	// Recipients are age public keys; two while rotating.
	Recipients []string `yaml:"recipients,omitempty" json:"recipients,omitempty"`
}

// ReleasesSpec is about release files.
type ReleasesSpec struct {
	// Keep is how many release files a project keeps; 50 when absent.
	Keep int `yaml:"keep,omitempty" json:"keep,omitempty"`
	// PublicKeys that may sign releases, as ed25519:<base64>; unsigned releases are accepted only while there is none.
	PublicKeys []string `yaml:"publicKeys,omitempty" json:"publicKeys,omitempty"`
}

// DefaultsSpec fills in what a project leaves out.
type DefaultsSpec struct {
	// Replicas of a project that names none; 1 when absent.
	Replicas int `yaml:"replicas,omitempty" json:"replicas,omitempty"`
	// Resources of a project that names none; 250m and 256Mi when absent.
	Resources Resources `yaml:"resources,omitempty" json:"resources,omitzero"`
}

// Role of a workspace member.
type Role string

// The roles.
const (
	Viewer    Role = "viewer"
	Developer Role = "developer"
	Admin     Role = "admin"
)

// Workspace is workspaces/<ws>/workspace.yaml: one tenant.
type Workspace struct {
	Header `yaml:",inline"`
	// Spec says who owns the workspace and what it may use.
	Spec WorkspaceSpec `yaml:"spec" json:"spec"`
}

// WorkspaceSpec is the body of workspace.yaml.
type WorkspaceSpec struct {
	// Owner of the workspace. A workspace's name never passes to another owner id.
	Owner User `yaml:"owner" json:"owner"`
	// Members and what they may do.
	Members []Member `yaml:"members,omitempty" json:"members,omitempty"`
	// Quota of the whole workspace; what is absent is not limited.
	Quota Quota `yaml:"quota,omitempty" json:"quota,omitzero"`
	// Domains the workspace owns. Never under the platform's own domain.
	Domains []string `yaml:"domains,omitempty" json:"domains,omitempty"`
	// Namespace in Kubernetes; the workspace's name when absent.
	Namespace string `yaml:"namespace,omitempty" json:"namespace,omitempty"`
	// PodSecurity is the Pod Security Standard of the namespace: restricted (default), or baseline for images that start as root.
	PodSecurity string `yaml:"podSecurity,omitempty" json:"podSecurity,omitempty"`
}

// Member of a workspace.
type Member struct {
	User `yaml:",inline"`
	// Role: viewer, developer or admin.
	Role Role `yaml:"role" json:"role"`
}

// Quota of a workspace, the sum over all its projects.
type Quota struct {
	// Projects is the highest number of projects.
	Projects int `yaml:"projects,omitempty" json:"projects,omitempty"`
	// CPU is the sum over all replicas.
	CPU string `yaml:"cpu,omitempty" json:"cpu,omitempty"`
	// Memory is the sum over all replicas.
	Memory string `yaml:"memory,omitempty" json:"memory,omitempty"`
	// Storage is the sum over all databases.
	Storage string `yaml:"storage,omitempty" json:"storage,omitempty"`
}

// Project is workspaces/<ws>/projects/<project>/project.yaml: one deployable app.
type Project struct {
	Header `yaml:",inline"`
	// Spec says what the project is made from and how it runs.
	Spec ProjectSpec `yaml:"spec" json:"spec"`
}

// ProjectSpec is the body of project.yaml. Which fields may be there depends on the type.
type ProjectSpec struct {
	// Type of the project: monolithic, database or spring-microservice. Never changes.
	Type ProjectType `yaml:"type" json:"type"`
	// Source to build from. Either this or image.
	Source *Source `yaml:"source,omitempty" json:"source,omitempty"`
	// Image to run instead of building one. A tag is resolved to a digest once per edit.
	Image string `yaml:"image,omitempty" json:"image,omitempty"`
	// Build settings; inferred from the source when absent.
	Build *Build `yaml:"build,omitempty" json:"build,omitempty"`

	AppSpec        `yaml:",inline"`
	MonolithicSpec `yaml:",inline"`
	DatabaseSpec   `yaml:",inline"`
	SpringSpec     `yaml:",inline"`

	// Paused stops new releases. What runs keeps running, and a rollback still works.
	Paused bool `yaml:"paused,omitempty" json:"paused,omitempty"`
}

// AppSpec is what monolithic and spring-microservice projects say about how they run.
type AppSpec struct {
	// Port the app listens on; inferred from the source when absent.
	Port int `yaml:"port,omitempty" json:"port,omitempty"`
	// Replicas; the platform's default when absent.
	Replicas *int `yaml:"replicas,omitempty" json:"replicas,omitempty"`
	// Resources of one replica; the platform's default when absent.
	Resources Resources `yaml:"resources,omitempty" json:"resources,omitzero"`
	// Health check.
	Health *Health `yaml:"health,omitempty" json:"health,omitempty"`
	// Domain is the host, one of the workspace's domains or a name under one; <project>-<workspace>.<platform domain> when absent.
	Domain string `yaml:"domain,omitempty" json:"domain,omitempty"`
	// Env of the running app.
	Env []EnvVar `yaml:"env,omitempty" json:"env,omitempty"`
}

// Source is where the code is.
type Source struct {
	// Repository URL.
	Repository string `yaml:"repository" json:"repository"`
	// Branch to follow; main when absent.
	Branch string `yaml:"branch,omitempty" json:"branch,omitempty"`
	// Path inside the repository; its root when absent. A push that leaves untouched what the build of the path reads (its
	// module or workspace, say) makes no release.
	Path string `yaml:"path,omitempty" json:"path,omitempty"`
	// Watch widens or narrows what a push has to touch to be built: patterns in quotes, relative to the root of the repository,
	// such as "proto/**" or "!docs/**", which are added to what the build reads, or with a ! taken away; of those that match a
	// file the last one decides.
	Watch []string `yaml:"watch,omitempty" json:"watch,omitempty"`
	// Revision pins one commit by its full SHA; the branch is then not followed.
	Revision string `yaml:"revision,omitempty" json:"revision,omitempty"`
	// AutoDeploy false: a push makes no release by itself; an edit of the source settings or a retry does. Default true.
	AutoDeploy *bool `yaml:"autoDeploy,omitempty" json:"autoDeploy,omitempty"`
}

// Build says how the image is made.
type Build struct {
	// Framework of the source: go, dockerfile, nextjs, ... ; detected when absent.
	Framework string `yaml:"framework,omitempty" json:"framework,omitempty"`
	// Dockerfile relative to the source path, which is its context; it may be elsewhere in the repository (../Dockerfile). A
	// Dockerfile at the root of the path is found by itself.
	Dockerfile string `yaml:"dockerfile,omitempty" json:"dockerfile,omitempty"`
	// Env of the build, not of the running app. Never secret: it can end up in the image.
	Env []BuildVar `yaml:"env,omitempty" json:"env,omitempty"`
}

// BuildVar is one environment variable of the build.
type BuildVar struct {
	// Name of the variable.
	Name string `yaml:"name" json:"name"`
	// Value of the variable.
	Value string `yaml:"value" json:"value"`
}

// Health check over HTTP.
type Health struct {
	// Path that answers with a status below 400 when the app is well.
	Path string `yaml:"path" json:"path"`
}

// EnvVar is one environment variable of the running app: a value, a secret, or a reference to another project.
type EnvVar struct {
	// Name of the variable.
	Name string `yaml:"name" json:"name"`
	// Value in plain text. With its name it is shorter than 128 KiB: Linux starts no program with more in one variable.
	Value *string `yaml:"value,omitempty" json:"value,omitempty"`
	// Secret is an encrypted value, age:..., bound to workspace, project and name.
	Secret string `yaml:"secret,omitempty" json:"secret,omitempty"`
	// From takes the value from another project of the same workspace.
	From *EnvFrom `yaml:"from,omitempty" json:"from,omitempty"`
}

// EnvFrom refers to what another project of the same workspace offers.
type EnvFrom struct {
	// Project of the same workspace.
	Project string `yaml:"project" json:"project"`
	// Key: url, host, port, username, password or database of a database; url, host or port of an app.
	Key string `yaml:"key" json:"key"`
}

// DatabaseSpec is what a database project says.
type DatabaseSpec struct {
	// Engine: postgres, redis, mysql or mongodb. Never changes.
	Engine string `yaml:"engine,omitempty" json:"engine,omitempty"`
	// Version of the engine, as a string: "16". The major version never goes down.
	Version string `yaml:"version,omitempty" json:"version,omitempty"`
	// Storage of the volume: 10Gi. Never goes down.
	Storage string `yaml:"storage,omitempty" json:"storage,omitempty"`
	// Backup schedule and retention; no backups when absent.
	Backup *Backup `yaml:"backup,omitempty" json:"backup,omitempty"`
	// DeletionPolicy of the data: retain (default) or delete.
	DeletionPolicy string `yaml:"deletionPolicy,omitempty" json:"deletionPolicy,omitempty"`
}

// Backup of a database.
type Backup struct {
	// Schedule in cron notation, five fields: "0 3 * * *".
	Schedule string `yaml:"schedule" json:"schedule"`
	// Retention is how many backups are kept; 7 when absent.
	Retention int `yaml:"retention,omitempty" json:"retention,omitempty"`
}

// SpringSpec is what a spring-microservice project says beyond an app.
type SpringSpec struct {
	// Profiles that are active in every service.
	Profiles []string `yaml:"profiles,omitempty" json:"profiles,omitempty"`
	// Services of the project, each a Deployment and a Service.
	Services []Service `yaml:"services,omitempty" json:"services,omitempty"`
}

// Service is one part of a spring-microservice project.
type Service struct {
	// Name of the service.
	Name string `yaml:"name" json:"name"`
	// Path inside the project's source; the service's name when absent.
	Path string `yaml:"path,omitempty" json:"path,omitempty"`
	// Source of its own; the project's when absent.
	Source *Source `yaml:"source,omitempty" json:"source,omitempty"`
	// Port the service listens on; 8080 when absent.
	Port int `yaml:"port,omitempty" json:"port,omitempty"`
	// Public services get an Ingress.
	Public bool `yaml:"public,omitempty" json:"public,omitempty"`
	// Replicas; the project's when absent.
	Replicas *int `yaml:"replicas,omitempty" json:"replicas,omitempty"`
	// Env of this service, after the project's.
	Env []EnvVar `yaml:"env,omitempty" json:"env,omitempty"`
}
