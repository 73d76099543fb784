package reconciler

import (
	"context"
	"io"

	"github.com/plateform/plateform/manifest"
)

// BuildLogs is what a Builder may be too: it has the logs of its builds, those of earlier processes among them.
type BuildLogs interface {
	// BuildLog writes what there is of the log of a build from an offset on, as the build printed it: it may hold anything. An
	// error is fs.ErrNotExist when there is no log, not yet or not any more; after any other error the writer may have got a part
	// of it, and what is returned names the try that this is of.
	BuildLog(ctx context.Context, q BuildLogQuestion, to io.Writer) (BuildLogEnd, error)
}

// BuildLogQuestion asks for the log of a build.
type BuildLogQuestion struct {
	// Key of the project, and ID of the build.
	Key manifest.Key
	ID  string
	// Try is the one that From belongs to; empty for whichever is the newest. A build that is made again under its ID may begin
	// another log, which is another try.
	Try string
	// From is the offset to begin at, as an earlier answer said; 0 for the beginning.
	From int64
}

// BuildLogEnd is how far a log was written.
type BuildLogEnd struct {
	// Try that the log is of. When it is not the one that was asked for, nothing was written: ask again from the beginning.
	Try string
	// Next is the offset to go on from, in the builder's own count, which need not be that of what was written.
	Next int64
	// Ended says that the try has ended, and nothing is to come.
	Ended bool
}
