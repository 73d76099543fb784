package reconciler

import "context"

// Forge is where people look: it takes reports, and returns what earlier processes have reported.
type Forge interface {
	// Report publishes reports. It may be called again with the same ones, also by another process: what a commit says
	// already is not said twice, a context of a commit never goes back to an earlier stage, and after a
	// terminal report of the same commit, context and source nothing more is said. Log lines are not written where
	// everybody who reads the repository can read them. A report on what cannot be a commit is left out. A *LaterError says that
	// nothing is wrong, and that not all of them were published yet: a newer word may take the place of some.
	Report(ctx context.Context, reports []Report) error
	// Recall returns, in few calls, what the newest config commits up to head say that matters to a process that starts:
	// the newest statement of each commit, context and source that is not terminal, and all about builds that failed or came to what runs.
	Recall(ctx context.Context, head string) ([]Recalled, error)
}

// Recalled is what a commit of the config repository says.
type Recalled struct {
	Commit string
	Statement
}
