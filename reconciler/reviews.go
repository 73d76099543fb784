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
	// Comment has a proposal show a text of Plateform's: its one comment that has the marker is edited, or written when there is
	// none. One that says the same already stays as it is.
	Comment(ctx context.Context, number int, c Comment) error
	// Reads says whether a person may read a repository, and the id of it, which stays when it is renamed; false also when nobody
	// can say, as for a repository elsewhere.
	Reads(ctx context.Context, who Person, repository string) (bool, int64, error)
}

// Remarks are what people write below proposals.
type Remarks interface {
	// Remark returns one by its id, as it is now; nil when it is not there any more.
	Remark(ctx context.Context, id int64) (*Remark, error)
	// Remarks returns those that were written or changed since a time, the oldest first, as far as there are not very many.
	Remarks(ctx context.Context, since time.Time) ([]Remark, error)
	// Commented says whether a proposal shows a comment of Plateform's with a marker, whichever process wrote it.
	Commented(ctx context.Context, number int, marker string) (bool, error)
}

// Remark is what somebody wrote below a proposal.
type Remark struct {
	ID int64
	// Proposal it is below.
	Proposal int
	Author   Person
	Text     string
	// Edited says that it is not as it was written: who edited it need not be its author.
	Edited bool
	// At is when it was written.
	At time.Time
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
	// Title and Body that its author gave it: a merge may take both for its commit message.
	Title, Body string
	// URL of its page.
	URL    string
	Author Person
	// Pusher is who pushed the head; zero when nobody can say.
	Pusher Person
	Fate   Fate
	// Draft says that its author does not want it merged yet.
	Draft bool
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
	// Again says that it is written although it is said already: somebody asked for it once more.
	Again bool
}

// Comment is what Plateform writes below a proposal.
type Comment struct {
	// Marker is a line by which it is found again.
	Marker string
	// Same is a line that is the same in all comments that say the same, whatever else differs between them.
	Same string
	// Text in Markdown, with both lines.
	Text string
	// Waits says that it can wait while there is little room for more important words.
	Waits bool
}
