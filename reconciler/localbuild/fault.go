package localbuild

import (
	"errors"
	"fmt"
	"strings"

	"github.com/plateform/plateform/reconciler/localbuild/blame"
)

// Fault is why a build cannot go on, for the people whose source it is.
type Fault = blame.Fault

// Trouble is why a build cannot go on when that is not the source's fault.
type Trouble = blame.Trouble

// Advice at the end of a failure.
const (
	// mendSource is for what the source says wrongly.
	mendSource = "mend the source and push"
	// maxTries is how often a build is tried whose trouble may be the source's fault.
	maxTries = 8
)

// failureText is why a build failed for good, in one line that says what to do. retry is the command that starts it again.
func failureText(err error, retry string) string {
	var f *Fault
	if errors.As(err, &f) {
		fix := f.Fix
		if fix == "" {
			fix = mendSource
		}
		return clean((&Fault{What: f.What, Err: f.Err}).Error()) + " (" + fix + ")"
	}
	again := fmt.Sprintf("it was tried %d times; %s starts it again", maxTries, retry)
	var t *Trouble
	if !errors.As(err, &t) {
		return clean(err.Error()) + " (" + again + ")"
	}
	if t.Lasting {
		again = retry + " starts it again"
	}
	if t.Fix != "" {
		again = t.Fix + "; " + again
	}
	return clean((&Trouble{What: t.What, Err: t.Err}).Error()) + " (" + again + ")"
}

// troubleText is why a build is tried again, in one line. The folders of this machine are nobody else's business.
func troubleText(t *Trouble, dir string) string {
	said := strings.ReplaceAll((&Trouble{What: t.What, Err: t.Err}).Error(), dir, "dataDir")
	if t.Fix == "" {
		return clean(said)
	}
	return clean(said) + " (" + t.Fix + ")"
}
