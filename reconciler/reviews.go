package reconciler

import (
	"context"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Reviews are the proposals to change the config repository, pull requests on GitHub, as people see them: who proposes what, and
// what Plateform says of it there. What a proposal changes is read from Git.
//
// Implementations are safe for use by several goroutines. An error that has a RetryAfter says when to come again.
type Reviews interface {
	// Open returns the proposals to change the branch that are neither merged nor closed, in no order.
	Open(ctx context.Context) ([]Proposal, error)
	// Proposal returns one by its number, whatever became of it; nil when there is none.
	Proposal(ctx context.Context, number int) (*Proposal, error)
	// Merged returns the numbers of the proposals that brought a commit to the branch, however they were merged.
	Merged(ctx context.Context, commit string) ([]int, error)
	// Publish has a proposal say what was checked. What it says already is not written again, by whichever process it was said, and
	// of a name and a commit there is one word: the newest.
	Publish(ctx context.Context, c Check) error
	// Comment has a proposal show a text of Plateform's, Markdown: the one comment that has the marker is edited, or written when
	// there is none. One that reads like that already stays as it is.
	Comment(ctx context.Context, number int, marker, text string) error
	// Reads says whether a person may read a repository, and the id of it, which stays when it is renamed; false also when nobody
	// can say, as for a repository elsewhere.
	Reads(ctx context.Context, who Person, repository string) (bool, int64, error)
}

// Person is somebody on a forge. The ID is who it is; logins change hands.
type Person struct {
	ID    int64
	Login string
}

// Fate says what became of a proposal.
type Fate string

// What can become of one.
const (
	FateOpen   Fate = "open"
	FateMerged Fate = "merged"
	FateClosed Fate = "closed"
)

// Proposal is a pull request.
type Proposal struct {
	Number int
	// Title that its author gave it.
	Title string
	// URL of its page.
	URL    string
	Author Person
	Fate   Fate
	// Head is the commit that is proposed, and HeadRef where the config repository has it, however it got there.
	Head, HeadRef string
	// Branch that it is to go to.
	Branch string
	// MergedAs is the commit on the branch that it became, once it is merged.
	MergedAs string
	// UpdatedAt is when something about it changed.
	UpdatedAt time.Time
}

// Names of checks.
const (
	// PlanCheck says what merging would do.
	PlanCheck = "plateform/plan"
	// OwnersCheck says whether its author may change what it changes.
	OwnersCheck = "plateform/owners"
)

// Check is what was found of the head of a proposal.
type Check struct {
	// Name of the check: PlanCheck or OwnersCheck.
	Name string
	// Commit it is about.
	Commit string
	State  State
	// Title in one line, and Summary in Markdown: neither has values of variables, or anything else that not everybody may read.
	Title, Summary string
	// Problems are shown at their lines where there is room for that.
	Problems manifest.Problems
	// URL to look at; empty when there is none.
	URL string
}
