package reconciler

import (
	"context"

	"github.com/plateform/plateform/manifest"
)

// Registry holds the images. An error with a method Temporary() bool that returns false says that asking again is of no
// use; after any other, the same question is asked again later.
type Registry interface {
	// Resolve returns the image that an authored reference means, with its digest; its name is left empty.
	Resolve(ctx context.Context, reference string) (manifest.Image, error)
	// Tag gives a manifest that is there one more tag. Doing it again changes nothing.
	Tag(ctx context.Context, repository, digest, tag string) error
}
