package localbuild

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/localbuild/buildlog"
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

// Where sources are while they are built: dataDir/work/<build>/source.
const (
	workFolder   = "work"
	sourceFolder = "source"
)

// failureText is why a build failed for good, in one line that says what to do. retry is the command that starts it again. What tools
// say of files names them as the source does: the folders of this machine, which are below dir, are nobody else's business.
func failureText(err error, dir, retry string) string {
	var f *Fault
	if errors.As(err, &f) {
		fix := f.Fix
		if fix == "" {
			fix = mendSource
		}
		return buildlog.Clean(withoutFolders((&Fault{What: f.What, Err: f.Err}).Error(), dir)) + " (" + fix + ")"
	}
	again := fmt.Sprintf("it was tried %d times; %s starts it again", maxTries, retry)
	var t *Trouble
	if !errors.As(err, &t) {
		return buildlog.Clean(withoutFolders(err.Error(), dir)) + " (" + again + ")"
	}
	if t.Lasting {
		again = retry + " starts it again"
	}
	if t.Fix != "" {
		again = t.Fix + "; " + again
	}
	return buildlog.Clean(withoutFolders((&Trouble{What: t.What, Err: t.Err}).Error(), dir)) + " (" + again + ")"
}

// withoutFolders names the files of a source without where this machine has it.
func withoutFolders(text, dir string) string {
	source := regexp.MustCompile(regexp.QuoteMeta(filepath.Join(dir, workFolder)) + `/[^/\s]+/` + sourceFolder + `/?`)
	return strings.ReplaceAll(source.ReplaceAllString(text, "./"), dir, "dataDir")
}

// troubleText is why a build is tried again, in one line. The folders of this machine are nobody else's business.
func troubleText(t *Trouble, dir string) string {
	said := withoutFolders((&Trouble{What: t.What, Err: t.Err}).Error(), dir)
	if t.Fix == "" {
		return buildlog.Clean(said)
	}
	return buildlog.Clean(said) + " (" + t.Fix + ")"
}
