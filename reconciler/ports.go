package reconciler

import (
	"context"
	"errors"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Reader reads commits that are at hand. It is fast and talks to nobody.
type Reader interface {
	// Commit returns a commit.
	Commit(hash string) (manifest.Commit, error)
	// List returns the entries of a folder of a commit, sorted by name; none when the folder is not there. "" is the root.
	List(commit, dir string) ([]manifest.Entry, error)
	// Read returns the content of a file; fs.ErrNotExist when it is not there or not a regular file.
	Read(commit, path string) ([]byte, error)
	// Diff returns the files that differ between two commits, sorted by path, symlinks and submodules among them; "" is
	// the empty tree. Its cost follows the size of the difference, not of the trees.
	Diff(from, to string) ([]manifest.Change, error)
}

// BlobReader is what a Reader may be too: it finds files by their hash, which is quicker.
type BlobReader interface {
	// Blob returns the content of a file by its hash, as List and Diff tell it.
	Blob(hash string) ([]byte, error)
}

// ReadFile reads a file at a commit. hash is what it is known to have there, or empty.
func ReadFile(reader Reader, commit, file, hash string) ([]byte, error) {
	if blobs, ok := reader.(BlobReader); ok && hash != "" {
		return blobs.Blob(hash)
	}
	return reader.Read(commit, file)
}

// Repository is one branch of one Git repository: the store Plateform reads from and commits to.
//
// Implementations are safe for use by several goroutines.
type Repository interface {
	// Reader reads what the last Fetch or Push brought in.
	Reader
	// Fetch brings in the branch as it is now and returns its head, or "" for an empty repository or a missing branch.
	Fetch(ctx context.Context) (head string, err error)
	// Push makes the edits one commit each on top of base ("" for the first commit ever) and moves the branch from base
	// to the last of them in one step. It returns their hashes in order. When the branch is not at base any more it
	// returns manifest.ErrMoved and nothing has happened. It finds out by itself what became of a push whose answer got
	// lost. An edit that changes nothing still makes its commit.
	Push(ctx context.Context, base string, edits []manifest.Edit) ([]string, error)
}

// Tip is where a source is now.
type Tip struct {
	// Commit the branch or revision points at.
	Commit string
	// Tree is the hash of the source's path in that commit; empty when the source has no path.
	Tree string
	// By is the author of the commit, for people.
	By string
}

// Sources finds out where source repositories are.
type Sources interface {
	// Tip returns where the branch or the pinned revision of the source is. Only Repository, Branch, Path and Revision
	// are looked at.
	Tip(ctx context.Context, source manifest.Source) (Tip, error)
}

// Builder turns one source into one image in the registry. A build is known by its ID, which is derived from the
// project and the key of the source: whoever asks for the same source again finds the same build.
type Builder interface {
	// Start begins the build, or finds the one with this ID that is running or has ended, also by an earlier process.
	// One that was canceled begins again. It does not wait for the build.
	Start(ctx context.Context, request BuildRequest) error
	// Status tells how far a build is; ErrNoBuild when there is none with this ID.
	Status(ctx context.Context, id string) (BuildStatus, error)
	// Cancel stops a build that runs. Unknown and ended builds are no error.
	Cancel(ctx context.Context, id string) error
	// Forget drops what is kept of an ended build that failed, so that Start runs it again.
	Forget(ctx context.Context, id string) error
}

// ErrNoBuild says that a builder knows nothing of a build: it was lost and has to be started again.
var ErrNoBuild = errors.New("no such build")

// BuildRequest is one image to make.
type BuildRequest struct {
	// ID of the build; fit for a file name and an image tag.
	ID string
	// Key of the project the image is for.
	Key manifest.Key
	// Image is the name of the image in the release: app, or the name of a service.
	Image string
	// Reference is an authored image to resolve to a digest instead of building; then all below is empty.
	Reference string
	// Repository, Commit and Path of the source, and the hash of that path's tree; Path and Tree are empty for the root.
	Repository string
	Commit     string
	Path       string
	Tree       string
	// Build settings as authored; nil when all is inferred.
	Build *manifest.Build
	// Destination is the repository to push to, without a tag. The image is pushed with the tag `build-<ID>`.
	Destination string
}

// Stage is how far a run is. Stages only go forward.
type Stage string

// The stages in their order.
const (
	StageQueued         Stage = "queued"
	StageBuilding       Stage = "building"
	StageScanning       Stage = "scanning"
	StagePushing        Stage = "pushing"
	StageUpdatingGitOps Stage = "updating GitOps"
	StageSynced         Stage = "synced"
	StageDeployed       Stage = "deployed"
	StageFailed         Stage = "failed"
	StageSuperseded     Stage = "superseded"
	StageHeld           Stage = "held"
)

// BuildStatus is how far a build is.
type BuildStatus struct {
	// Stages that were entered so far, in order: building, scanning, pushing.
	Stages []Stage
	// Done says that the build has ended; then exactly one of Image and Failure is set.
	Done bool
	// Image that was built and found in the registry.
	Image *manifest.Image
	// Failure says why there is none.
	Failure *BuildFailure
	// URL of the build for people; empty when there is none.
	URL string
	// Seconds the build took.
	Seconds int
	// Scan counts findings; nil when nothing was scanned.
	Scan *manifest.ScanResult
}

// BuildFailure says why a build failed.
type BuildFailure struct {
	// Summary in one line, with what to do next.
	Summary string
	// Log is the last lines of the log; only for readers who may see it.
	Log string
	// Canceled says that it was stopped on request and is no fault of the source.
	Canceled bool
}

// Registry holds the images.
type Registry interface {
	// Tag gives a manifest that is there one more tag.
	Tag(ctx context.Context, repository, digest, tag string) error
}

// State of a report, as commit statuses know it.
type State string

// The states.
const (
	StatePending State = "pending"
	StateSuccess State = "success"
	StateFailure State = "failure"
)

// Report is one thing to tell people about one commit of the config repository.
type Report struct {
	// Commit of the config repository it is about.
	Commit string `json:"-"`
	// Context: plateform/<ws>/<project>, or plateform/config.
	Context string `json:"context"`
	State   State  `json:"state"`
	Stage   Stage  `json:"stage"`
	// Description in a line; a failed build adds the last lines of its log.
	Description string `json:"description"`
	// URL to look at; empty when there is none.
	URL string `json:"url,omitempty"`
	// Source is the app's commit, for a run that a push to the app caused.
	Source string `json:"source,omitempty"`
	// At is when it was so.
	At time.Time `json:"at"`
}

// Terminal says that the report ends a run.
func (r Report) Terminal() bool { return r.State != StatePending }

// Forge is where people look: it takes reports and gives back those that are still open.
type Forge interface {
	// Report tells people. It may be called again with what it has been told already, also by another process: what a
	// commit says already is not said twice, a context of a commit never goes back to an earlier stage, and after a
	// terminal report of the same commit, context and source nothing more is said.
	Report(ctx context.Context, reports []Report) error
	// Open returns the newest report of each commit, context and source that is not terminal, among the newest config
	// commits up to head. Asked once at start, to finish what an earlier process began.
	Open(ctx context.Context, head string) ([]Report, error)
}

// Charts knows the Helm charts that this binary carries.
type Charts interface {
	// Chart returns the chart of a type in a version; the newest when version is empty.
	Chart(t manifest.ProjectType, version string) (manifest.Chart, error)
	// Files returns the files of a chart by path inside its folder.
	Files(c manifest.Chart) (map[string][]byte, error)
}
