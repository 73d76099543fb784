package reconciler

import (
	"context"
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Builder turns one source into one image in the registry. A build is known by its ID, which is derived from the
// project and the key of the source: whoever asks for the same source again finds the same build.
type Builder interface {
	// Start begins the build, or finds the one with this ID that is running or has ended, also by an earlier process.
	// One that was canceled or whose failure is temporary begins again, and so does one that failed in another attempt than
	// the request names. It does not wait for the build.
	Start(ctx context.Context, request BuildRequest) error
	// Statuses returns in one call how far builds are, by ID. One that the builder knows nothing of is left out: it was
	// lost and has to be started again.
	Statuses(ctx context.Context, ids []string) (map[string]BuildStatus, error)
	// Cancel stops a build that runs. Unknown and ended builds are no error.
	Cancel(ctx context.Context, id string) error
}

// BuildRequest is one image to make.
type BuildRequest struct {
	// ID of the build; fit for a file name and an image tag.
	ID string
	// Attempt is the config commit that asked to try again; empty for the first attempt, which finds a failure of any.
	Attempt string
	// Key of the project the image is for.
	Key manifest.Key
	// Image is the name of the image in the release: app, or the name of a service.
	Image string
	// Reference is an authored image to resolve to a digest instead of building; then all below is empty.
	Reference string
	// Repository, Commit and Path of the source, and the hash of what is read of it; Path and Tree are empty for the root.
	Repository string
	Commit     string
	Path       string
	Tree       string
	// Build settings as authored; nil when all is inferred.
	Build *manifest.Build
	// Siblings are the repositories of other projects of the workspace whose source is in the same Git repository: an image that one of
	// them has of the very same content, built in the same way, is as good as a build.
	Siblings []string
	// Runs is the digest of the image that runs, or of one that was rolled back, and is in Destination; empty for none. A build whose image differs from it in
	// nothing but what its labels say of the commit it is from gives that one back, under its own tag too.
	Runs string
	// Destination is the repository to push to, without a tag. The image is pushed with the tag `build-<ID>`.
	Destination string
	// Scan is the platform's policy. A build whose image it refuses has failed, and its image is not for releases; with a policy that is
	// so for one that nobody scanned, too.
	Scan manifest.ScanPolicy
}

// What says in a few words what a build makes.
func (r BuildRequest) What() string {
	switch {
	case r.Reference != "":
		return r.Reference
	case r.Image != manifest.AppImage:
		return r.Image + " at " + manifest.Short(r.Commit)
	}
	return manifest.Short(r.Commit)
}

// BuildStatus is how far a build is.
type BuildStatus struct {
	// Stages that were entered so far, in order: building, scanning, pushing.
	Stages []Stage
	// Queued says in one line what the build waits for that has not begun, in the words of the builder and without secrets; empty when
	// there is nothing to say. What only counts down is told once.
	Queued string
	// Trouble says in one line and without secrets what keeps anybody from knowing more of the build, and is tried again: a registry that
	// does not answer, say; empty when nothing does.
	Trouble string
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
	// Reused names the project whose image it is, as ws-1/shop, when nothing was built because the same source had been; else empty.
	Reused string
	// Scan counts findings; nil when nothing was scanned.
	Scan *manifest.ScanResult
}

// Clone is a copy that shares nothing with the status: whoever gets it cannot change what a builder remembers.
func (s BuildStatus) Clone() BuildStatus {
	s.Stages = slices.Clone(s.Stages)
	if s.Image != nil {
		image := *s.Image
		s.Image = &image
	}
	if s.Failure != nil {
		failure := *s.Failure
		s.Failure = &failure
	}
	if s.Scan != nil {
		scan := *s.Scan
		s.Scan = &scan
	}
	return s
}

// BuildFailure says why a build failed.
type BuildFailure struct {
	// Summary in one line, with what to do next.
	Summary string
	// Log is the last lines of the log; only for readers who may see it.
	Log string
	// Canceled says that it was stopped on request and is no fault of the source.
	Canceled bool
	// Temporary says that the cause is not the source but the machine that builds, the network, or a service at its other
	// end: nothing is decided, and the build is to be started again after a while. Summary is the same for the same cause.
	Temporary bool
	// RetryAfter is how long whoever was asked for something wants to be left alone before that; 0 when nobody said so.
	RetryAfter time.Duration
}
