package reconciler

import (
	"context"
	"errors"

	"github.com/plateform/plateform/manifest"
)

// Deployments is where people see what of each project was deployed last, with the link to it.
//
// Implementations are safe for use by several goroutines.
type Deployments interface {
	// Show has the newest deployment of a project be this one. What is shown already is not written again, by whichever process it
	// was written. The error wraps ErrNotTaken when it would be refused again.
	Show(ctx context.Context, d Deployment) error
}

// ErrNotTaken says that something is refused for a reason that lasts until somebody changes it: asking again by itself does not help.
var ErrNotTaken = errors.New("it is not taken as things are")

// Deployment is how it came out that a release was deployed, or that a project was removed.
type Deployment struct {
	Project manifest.Key
	// Release that was deployed; empty when the project was removed.
	Release string
	// Commit of the config repository that asked.
	Commit string
	// State is success or failure, and Description says why, for everybody.
	State       State
	Description string
	// Again says that an earlier process may have said the same, in other words.
	Again bool
	// LiveURL is where it answers, LogURL where its build was; empty when there is none.
	LiveURL, LogURL string
}
