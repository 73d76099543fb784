package reconciler

import (
	"time"

	"github.com/plateform/plateform/manifest"
)

// Author of all of Plateform's commits.
func Author(now time.Time) manifest.Signature {
	return manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com", When: now}
}
