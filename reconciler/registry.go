package reconciler

import (
	"context"
	"fmt"

	"github.com/plateform/plateform/manifest"
)

// Registry holds the images. An error with a method Temporary() bool that returns false says that asking again is of no
// use; after any other, the same question is asked again later. An error with a method RetryAfter() time.Duration says how
// long the registry asks to be left alone.
type Registry interface {
	// Resolve returns the image that an authored reference means, with its digest; its name is left empty. What no container
	// runtime of the cluster can run is refused.
	Resolve(ctx context.Context, reference string) (manifest.Image, error)
	// Has says whether a manifest is there. An error says that nobody knows: the registry does not answer, or lets nobody look.
	Has(ctx context.Context, repository, digest string) (bool, error)
	// Tag gives a manifest that is there one more tag. Doing it again changes nothing, also where tags are immutable. A tag
	// that has another digest is left as it is: the error is a *TagTakenError.
	Tag(ctx context.Context, repository, digest, tag string) error
}

// TagTakenError says that a tag is there with another digest than the one that was to get it, and was left as it is.
type TagTakenError struct {
	Repository, Tag string
	// Digest that the tag has, and the one that was to get it.
	Digest, Wanted string
}

// Error implements error.
func (e *TagTakenError) Error() string {
	return fmt.Sprintf("the tag %s of %s is somebody else's and was left as it is: it has digest %s, which was written by others, and not %s "+
		"(what runs is not touched, as images run by their digest; remove that tag, or let registry.url in platform.yaml have a path of its own)",
		e.Tag, e.Repository, e.Digest, e.Wanted)
}

// Temporary says that asking again does not help: somebody has to remove the tag.
func (*TagTakenError) Temporary() bool { return false }
