package reconciler

import (
	"errors"
	"time"
)

// maxRetryAfter bounds how long an error can put anything off.
const maxRetryAfter = time.Hour

// RetryAfter is how long whoever was asked wants to be left alone, if an error, or one that it wraps, has a method
// RetryAfter() time.Duration that says so; an hour at most.
func RetryAfter(err error) time.Duration {
	var busy interface{ RetryAfter() time.Duration }
	if !errors.As(err, &busy) {
		return 0
	}
	return min(max(busy.RetryAfter(), 0), maxRetryAfter)
}

// LaterError says that not all reports are published yet, as it is to be, and that nothing is wrong: the rest is published when they
// are handed over again after a while.
type LaterError struct {
	Wait time.Duration
	// Landed is how many of the reports, from the first one on, need not be handed over again.
	Landed int
}

func (e *LaterError) Error() string {
	return "a part of the reports is for later: in " + e.Wait.String()
}
