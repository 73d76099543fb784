package manifest

import "time"

// Run is workspaces/<ws>/<project>/run.yaml in plateform-gitops: what Plateform remembers of a project beyond what the
// config repository says now. It is a cache: all but failures is rebuilt from the config history when it is lost.
type Run struct {
	Header `yaml:",inline"`
	Spec   RunSpec `yaml:"spec" json:"spec"`
}

// RunSpec is the body of run.yaml.
type RunSpec struct {
	// Highest version the project ever had. Versions are never used again, so this outlives the project.
	Highest string `yaml:"highest,omitempty" json:"highest,omitempty"`
	// Owner id of the workspace. The workspace's name is never given to another owner.
	Owner int64 `yaml:"owner,omitempty" json:"owner,omitempty"`
	// Credentials of a database, encrypted, as its newest release had them: its data outlives its releases, and the project.
	Credentials string `yaml:"credentials,omitempty" json:"credentials,omitempty"`
	// Holds on parts that must not be released at the key they have.
	Holds []Hold `yaml:"holds,omitempty" json:"holds,omitempty"`
	// Rebuilt are sources whose build came to the image that runs, so that there was nothing to release.
	Rebuilt []Rebuilt `yaml:"rebuilt,omitempty" json:"rebuilt,omitempty"`
	// Frozen projects keep what runs until a retry, because history was rewritten.
	Frozen *Frozen `yaml:"frozen,omitempty" json:"frozen,omitempty"`
	// Kept is the release that keeps running although its file is gone with no other left, or was edited.
	Kept *Kept `yaml:"kept,omitempty" json:"kept,omitempty"`
	// Retry is the config commit that asked for a retry, until there is an answer.
	Retry string `yaml:"retry,omitempty" json:"retry,omitempty"`
	// Deleted is set once the project is deleted; the file then stays for the highest version and the owner.
	Deleted *Deleted `yaml:"deleted,omitempty" json:"deleted,omitempty"`
	// Asked are the causes of runs whose reports may not have arrived yet.
	Asked []Cause `yaml:"asked,omitempty" json:"asked,omitempty"`
	// Lost are the sources that the project does not follow now, because they cannot be read.
	Lost []LostSource `yaml:"lost,omitempty" json:"lost,omitempty"`
	// Last run that ended.
	Last *LastRun `yaml:"last,omitempty" json:"last,omitempty"`
}

// HoldReason says why a part is held.
type HoldReason string

// The reasons.
const (
	HeldRollback HoldReason = "rollback" // the release with this key was withdrawn
	HeldFailed   HoldReason = "failed"   // the build of this key failed
	HeldWaiting  HoldReason = "waiting"  // it came with the commit whose build of something else failed, and goes out with the next
)

// Hold keeps one part of a project from being released at one key.
type Hold struct {
	// Part that is held: source, source/<service>, project, platform.
	Part string `yaml:"part" json:"part"`
	// Key it is held at. Another key at HEAD ends the hold.
	Key string `yaml:"key" json:"key"`
	// Reason: rollback, failed or waiting.
	Reason HoldReason `yaml:"reason" json:"reason"`
	// Release that was withdrawn; the hold ends when its file comes back. Empty for the other reasons.
	Release string `yaml:"release,omitempty" json:"release,omitempty"`
	// Commit of the config repository that caused the hold.
	Commit string `yaml:"commit,omitempty" json:"commit,omitempty"`
	// Source is the app's commit that is held, where there is one.
	Source string `yaml:"source,omitempty" json:"source,omitempty"`
	// WaitsFor is the key whose build failed, for a part that waits.
	WaitsFor string `yaml:"waitsFor,omitempty" json:"waitsFor,omitempty"`
	// Folder is the hash of the source's own folder, and Digest the image, that a rolled back release had, where a build reads more
	// than that folder: what is beside it may change the key and not the image.
	Folder string `yaml:"folder,omitempty" json:"folder,omitempty"`
	Digest string `yaml:"digest,omitempty" json:"digest,omitempty"`
}

// Rebuilt says that the source of one part came to an image that was there already, at a key that no release has.
type Rebuilt struct {
	// Part and its Key. Another key at HEAD ends it.
	Part string `yaml:"part" json:"part"`
	Key  string `yaml:"key" json:"key"`
	// Digest of the image.
	Digest string `yaml:"digest" json:"digest"`
	// Source is the app's commit.
	Source string `yaml:"source,omitempty" json:"source,omitempty"`
}

// Frozen says what vanished when the config history was rewritten.
type Frozen struct {
	Release string `yaml:"release" json:"release"`
	Commit  string `yaml:"commit" json:"commit"`
}

// Kept names a release that still runs although its file is gone or was edited.
type Kept struct {
	Release string `yaml:"release" json:"release"`
	// Commit of the config repository that still has the file as it was.
	Commit string `yaml:"commit" json:"commit"`
}

// Deleted marks a project whose project.yaml is gone.
type Deleted struct {
	// Commit that deleted it.
	Commit string `yaml:"commit" json:"commit"`
	// DataKept says that volumes were left in the namespace, which therefore must stay.
	DataKept bool `yaml:"dataKept,omitempty" json:"dataKept,omitempty"`
}

// Result of a run that ended.
type Result string

// The results.
const (
	// ResultDeployed: it runs, or, without an engine, GitOps shows it. ResultWritten: GitOps shows it, and the engine says what
	// becomes of it.
	ResultDeployed Result = "deployed"
	ResultWritten  Result = "written"
	ResultFailed   Result = "failed"
)

// LastRun is the newest run of a project that ended.
type LastRun struct {
	// ID of the run, derived from the project and what it was made from; log lines carry it.
	ID      string `yaml:"id" json:"id"`
	Result  Result `yaml:"result" json:"result"`
	Release string `yaml:"release,omitempty" json:"release,omitempty"`
	Cause   Cause  `yaml:"cause" json:"cause"`
	// Also are the other causes that the run answered.
	Also []Cause `yaml:"also,omitempty" json:"also,omitempty"`
	// Source is the app's commit the run was for, where there is one.
	Source string `yaml:"source,omitempty" json:"source,omitempty"`
	// Error in one line, when it failed; secrets are never in it.
	Error string `yaml:"error,omitempty" json:"error,omitempty"`
	// BuildID is the build that failed, when it failed.
	BuildID string       `yaml:"buildId,omitempty" json:"buildId,omitempty"`
	Build   *BuildRecord `yaml:"build,omitempty" json:"build,omitempty"`
	// StartedAt and EndedAt in UTC, to the second.
	StartedAt time.Time `yaml:"startedAt" json:"startedAt"`
	EndedAt   time.Time `yaml:"endedAt" json:"endedAt"`
}
