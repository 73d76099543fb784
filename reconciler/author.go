package reconciler

import (
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
)

// Author of all of Plateform's commits.
func Author(now time.Time) manifest.Signature {
	return manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com", When: now}
}

// SignedByPlateform says that a commit is Plateform's, as far as anybody can tell: signed with one of the keys, or, where there are none,
// with Plateform as its author.
func SignedByPlateform(c manifest.Commit, keys []signing.PublicKey) bool {
	return ByPlateform(c) && (len(keys) == 0 || c.SignedBy(keys))
}

// ByPlateform says that a commit gives Plateform as its author. Whoever may push can write that: where it matters, a commit is signed.
func ByPlateform(c manifest.Commit) bool { return c.Author.Email == Author(c.Author.When).Email }

// ForPeople says of a commit of Plateform's that it does what people want: it merges what they propose, or was asked for in a comment.
func ForPeople(c manifest.Commit) bool {
	asked := slices.ContainsFunc(manifest.Trailers(c.Message), func(t manifest.Trailer) bool { return t.Key == manifest.TrailerAskedBy })
	return ByPlateform(c) && (len(c.Parents) > 1 || asked)
}
