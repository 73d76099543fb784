package gate

import (
	"errors"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Passes says whether passes of the loop fail, and why.
type Passes struct {
	failed int // in a row
	// since is when the first of them began.
	since, until time.Time
	// why, as it was first said at a time.
	why  string
	said time.Time
}

// When passes that fail are worth telling: so many in a row, as one is made again within a second, or for so long, as one
// that gets no answer takes half a minute.
const (
	failingPasses = 3
	failingTime   = 20 * time.Second
)

// Long says that passes fail for a while.
func (f *Passes) Long() bool {
	return f.failed >= failingPasses || f.failed > 0 && f.until.Sub(f.since) >= failingTime
}

// Note takes in how a pass ended that had begun at a time. One that somebody else was faster than says nothing. While they go on failing the words stay the same for a while, as errors hold numbers of connections.
func (f *Passes) Note(err error, begun, now time.Time) {
	switch {
	case err == nil:
		*f = Passes{}
	case !errors.Is(err, manifest.ErrMoved):
		if f.until = now; f.failed == 0 {
			f.since = begun
		}
		if f.failed++; f.failed == 1 || now.Sub(f.said) >= sameReason {
			f.why, f.said = Short(err.Error()), now
		}
	}
}

// Why says in a line why passes fail; empty when the last one did not.
func (f *Passes) Why() string { return f.why }
