package webhook

// Subject is what a hint is about.
type Subject string

// The subjects.
const (
	// Push: a ref of a repository moved, came or went.
	Push Subject = "push"
	// PullRequest: a pull request was opened, closed or changed.
	PullRequest Subject = "pull request"
	// Comment: somebody wrote a new comment on a pull request that may be a command.
	Comment Subject = "comment"
	// Checks: somebody wants the checks of a commit once more.
	Checks Subject = "checks"
	// Access: a repository can be read now, or cannot any more.
	Access Subject = "access"
)

// Hint says where something may have changed. It can be compared: what is told again before anybody looked is one hint.
type Hint struct {
	Subject Subject
	// Repository is where it is cloned from over HTTP, as the server says it.
	Repository string
	// SSH is where it is cloned from over SSH.
	SSH string
	// Ref of a push, as refs/heads/main.
	Ref string
	// Number of the pull request, of a comment too.
	Number int
	// Comment is the id of the comment.
	Comment int64
	// Commit whose checks are wanted, and Run, the id of the check run if it is about one alone.
	Commit string
	Run    int64
}

// Hints takes hints. It is called by one goroutine at a time and must not wait for anything.
type Hints interface {
	// Hint takes one.
	Hint(h Hint)
	// Everything says that hints were left out, of any subject: all there is wants a look.
	Everything()
}
