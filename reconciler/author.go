package reconciler

import (
	"time"

	"github.com/plateform/plateform/manifest"
)

// Author of all of Plateform's commits.
func Author(now time.Time) manifest.Signature {
	return manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com", When: now}
}

// ByPlateform says that a commit gives Plateform as its author. Whoever may push can write that: where it matters, a commit is signed.
func ByPlateform(c manifest.Commit) bool { return c.Author.Email == Author(c.Author.When).Email }
