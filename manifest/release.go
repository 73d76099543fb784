package manifest

import (
	"slices"
	"time"
)

// Parts of a project. HEAD and every release have a key for each; when they differ, there is something to release.
const (
	PartSource   = "source"   // one per image: "source", or "source/<service>" when there are several
	PartProject  = "project"  // the authored project without its source and build blocks
	PartPlatform = "platform" // what the project uses of platform.yaml and workspace.yaml
)

// Parts maps a part's name to its key, sha256:<hex>.
type Parts map[string]string

// Release is workspaces/<ws>/projects/<project>/releases/<version>.yaml: an immutable version of a project. The newest
// one is what runs.
type Release struct {
	Header `yaml:",inline"`
	Spec   ReleaseSpec `yaml:"spec" json:"spec"`
}

// ReleaseSpec is the body of a release file. The signature is its last line and covers everything before it.
type ReleaseSpec struct {
	// Parts are the keys of what the release was made from.
	Parts Parts `yaml:"parts" json:"parts"`
	// Images that run; none for a database.
	Images []Image `yaml:"images,omitempty" json:"images,omitempty"`
	// Chart that the values are rendered with.
	Chart Chart `yaml:"chart" json:"chart"`
	// Values are the final Helm values, word for word what goes to plateform-gitops.
	Values Document `yaml:"values" json:"values"`
	// Project as authored, for people, diffs, and for releases that keep this part while it is held.
	Project ProjectSpec `yaml:"project" json:"project"`
	// Platform is what the project used of platform.yaml and workspace.yaml, kept for the same reason.
	Platform PlatformInputs `yaml:"platform" json:"platform"`
	// Credentials of a database, encrypted; later releases carry them on. Empty while platform.yaml names nobody to encrypt for.
	Credentials string `yaml:"credentials,omitempty" json:"credentials,omitempty"`
	// Cause says why the release was made.
	Cause Cause `yaml:"cause" json:"cause"`
	// Plan is the hash of the authored inputs, the same that `plateform plan` prints offline.
	Plan string `yaml:"plan" json:"plan"`
	// Build that made the newest image; absent when nothing was built.
	Build *BuildRecord `yaml:"build,omitempty" json:"build,omitempty"`
	// CreatedAt is when the release was made, in UTC, to the second.
	CreatedAt time.Time `yaml:"createdAt" json:"createdAt"`
	// Signature: ed25519:<base64> by one of the platform's keys, or sha256:<hex> (a checksum against edits) without one.
	Signature string `yaml:"signature" json:"signature"`
}

// Image is one container image of a release.
type Image struct {
	// Name: app, or the name of the service.
	Name string `yaml:"name" json:"name"`
	// Repository without tag or digest: harbor.example.com/ws-1/shop.
	Repository string `yaml:"repository" json:"repository"`
	// Tag is the version of the release that built the image, or the tag that was authored.
	Tag string `yaml:"tag,omitempty" json:"tag,omitempty"`
	// Digest of the manifest: sha256:<hex>. It is what Kubernetes pulls.
	Digest string `yaml:"digest" json:"digest"`
	// Commit of the source; empty for an image that was not built here.
	Commit string `yaml:"commit,omitempty" json:"commit,omitempty"`
	// Tree is the hash of what was read of the source at that commit; empty for a whole commit.
	Tree string `yaml:"tree,omitempty" json:"tree,omitempty"`
	// Folder is the hash of the source's path at that commit, where that is not all that was read; empty else.
	Folder string `yaml:"folder,omitempty" json:"folder,omitempty"`
	// Scope are the folders and files that were read beyond the source's path, and ScopeReason says why; empty for none.
	Scope       string `yaml:"scope,omitempty" json:"scope,omitempty"`
	ScopeReason string `yaml:"scopeReason,omitempty" json:"scopeReason,omitempty"`
	// Framework and Port that were found in the source; empty and 0 when unknown.
	Framework string `yaml:"framework,omitempty" json:"framework,omitempty"`
	Port      int    `yaml:"port,omitempty" json:"port,omitempty"`
	// Built says that this release built the image; false when it took one that was there.
	Built bool `yaml:"built" json:"built"`
}

// Chart names one version of one Helm chart, and the digest of its content.
type Chart struct {
	Name    string `yaml:"name" json:"name"`
	Version string `yaml:"version" json:"version"`
	Digest  string `yaml:"digest" json:"digest"`
}

// PlatformInputs is everything a project uses of platform.yaml and workspace.yaml. What the project does not use is
// left empty, so that a change of it makes no release.
type PlatformInputs struct {
	// Namespace of the workspace.
	Namespace string `yaml:"namespace" json:"namespace"`
	// Host the project is served at by default; empty when it has a domain of its own or is never public.
	Host string `yaml:"host,omitempty" json:"host,omitempty"`
	// Ingress settings; empty when the project is never public.
	Ingress IngressSpec `yaml:"ingress,omitempty" json:"ingress,omitzero"`
	// Chart that renders the project.
	Chart Chart `yaml:"chart" json:"chart"`
	// Replicas by default; 0 when the project names its own.
	Replicas int `yaml:"replicas,omitempty" json:"replicas,omitempty"`
	// Resources by default; empty where the project names its own.
	Resources Resources `yaml:"resources,omitempty" json:"resources,omitzero"`
	// Databases among the projects that env takes values from, sorted: these come out of a Secret, those of an app do not.
	Databases []string `yaml:"databases,omitempty" json:"databases,omitempty"`
	// Encrypts says of a database that platform.yaml names somebody whom its credentials can be encrypted for.
	Encrypts bool `yaml:"encrypts,omitempty" json:"encrypts,omitempty"`
	// EngineImages is where the image of a database is, when platform.yaml says so.
	EngineImages string `yaml:"engineImages,omitempty" json:"engineImages,omitempty"`
	// PodSecurity that the pods of an app have to keep to, when it is not restricted.
	PodSecurity string `yaml:"podSecurity,omitempty" json:"podSecurity,omitempty"`
}

// CauseKind says what made a release or a run necessary.
type CauseKind string

// The causes.
const (
	CauseSource   CauseKind = "source"   // a push to the app
	CauseConfig   CauseKind = "config"   // a commit that changed project.yaml
	CausePlatform CauseKind = "platform" // a commit that changed platform.yaml or workspace.yaml
	CauseRetry    CauseKind = "retry"    // a commit with the trailer Plateform-Retry
	CauseRollback CauseKind = "rollback" // a commit that took the newest release away, or brought one back
)

// Cause says why a release or a run came to be.
type Cause struct {
	Kind CauseKind `yaml:"kind" json:"kind"`
	// Commit that caused it: of the app for a source, of the config repository else.
	Commit string `yaml:"commit" json:"commit"`
	// Config is the config commit that the run stands for, and is reported on.
	Config string `yaml:"config" json:"config"`
	// By is the author of the commit, for people.
	By string `yaml:"by,omitempty" json:"by,omitempty"`
}

// BuildRecord is what is worth keeping of a build.
type BuildRecord struct {
	// URL of the build for people; empty when it has none.
	URL string `yaml:"url,omitempty" json:"url,omitempty"`
	// Seconds the build took.
	Seconds int `yaml:"seconds" json:"seconds"`
	// Reused names the project whose image it is, when nothing was built because the same source had been in this workspace.
	Reused string `yaml:"reused,omitempty" json:"reused,omitempty"`
	// Scan counts findings by severity; absent when nothing was scanned.
	Scan *ScanResult `yaml:"scan,omitempty" json:"scan,omitempty"`
}

// ScanResult counts the findings of an image scan.
type ScanResult struct {
	Critical int `yaml:"critical" json:"critical"`
	High     int `yaml:"high" json:"high"`
	Medium   int `yaml:"medium" json:"medium"`
	Low      int `yaml:"low" json:"low"`
}

// BuildResult is what a build outside of Plateform says it has made: the file release.json that a Jenkins build archives. Nothing
// else is taken from a build. What the file has besides is ignored.
type BuildResult struct {
	// Build is the ID of the build that made it, as the job was told it: what an earlier one has left behind is not believed.
	Build string `yaml:"build" json:"build"`
	// Digest of the image's manifest: sha256:<hex>. It has to be in the repository that the build was told to push to.
	Digest string `yaml:"digest" json:"digest"`
	// Framework that was found in the source: go, dockerfile, nextjs, ...; absent when unknown.
	Framework string `yaml:"framework,omitempty" json:"framework,omitempty"`
	// Port that the app listens at; absent when unknown.
	Port int `yaml:"port,omitempty" json:"port,omitempty"`
	// Scan counts what a scanner found in the image; absent when nothing was scanned.
	Scan *ScanResult `yaml:"scan,omitempty" json:"scan,omitempty"`
	// Reused names the project of the workspace whose image was taken because the same source had been built for it; absent when the
	// image was built. It is told to people.
	Reused string `yaml:"reused,omitempty" json:"reused,omitempty"`
}

// Reused says that nothing was built for a release, because the same source had been in its workspace; false for nil.
func (r *Release) Reused() bool { return r != nil && r.Spec.Build != nil && r.Spec.Build.Reused != "" }

// Version is the version of a release, which is its name; zero for nil and for a name that is no version.
func (r *Release) Version() Version {
	if r == nil {
		return Version{}
	}
	version, err := ParseVersion(r.Metadata.Name)
	if err != nil {
		return Version{}
	}
	return version
}

// Ref names the image by its digest: repository@sha256:<hex>. It is what Kubernetes pulls.
func (i Image) Ref() string { return i.Repository + "@" + i.Digest }

// Image returns the image of a name, and whether the release has one.
func (r *Release) Image(name string) (Image, bool) {
	i := slices.IndexFunc(r.Spec.Images, func(image Image) bool { return image.Name == name })
	if i < 0 {
		return Image{}, false
	}
	return r.Spec.Images[i], true
}
