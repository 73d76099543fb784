package reconciler

import (
	"context"
	"errors"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// Place is a place of a source repository that a project is made from: a branch or a pinned revision, and a folder.
type Place struct {
	// Branch, unless Revision pins a commit; main when both are empty.
	Branch, Revision string
	// Path of the folder; empty for the whole repository.
	Path string
	// Framework and Dockerfile are the build settings that decide what a build reads beside the folder; empty when not authored.
	Framework, Dockerfile string
	// Watch are the patterns of source.watch, one a line.
	Watch string
}

// PlaceOf is the place that an image of a project is made from.
func PlaceOf(input manifest.SourceInput) Place {
	source := input.Source
	p := Place{Branch: source.Branch, Path: source.Path, Watch: strings.Join(source.Watch, "\n")}
	if source.Revision != "" {
		p.Branch, p.Revision = "", source.Revision
	}
	if input.Build != nil && source.Path != "" { // of the whole repository a build reads nothing else
		p.Framework, p.Dockerfile = input.Build.Framework, input.Build.Dockerfile
	}
	return p
}

// Tip is where a place of a source repository is now.
type Tip struct {
	// Commit the branch or revision points at.
	Commit string
	// Tree stands for all that a build of the place reads: the hash of the place's folder, if that is all. It is empty for a
	// place that is the whole repository.
	Tree string
	// Folder is the hash of the place's folder, where more or less than that counts: what Tree was to earlier versions.
	Folder string
	// Scope are the folders and files that a build reads, and ScopeReason says why; empty when it is the place's folder.
	Scope, ScopeReason string
	// By is the author of the commit, for people; empty when it is not known.
	By string
}

// Found is where a place is, or why it is nowhere.
type Found struct {
	Tip
	// Err says that this place is not there, as a *SourceError: no such branch, no such folder. Any other error is about
	// this moment.
	Err error
}

// SourceError says that a source was looked for where it can be found, and is not there: somebody has to mend that.
type SourceError struct {
	Reason manifest.LostReason
	Err    error
}

func (e *SourceError) Error() string { return e.Err.Error() }

func (e *SourceError) Unwrap() error { return e.Err }

// LostReasonOf is why a look at a source failed. What is no SourceError is about a host that does not answer.
func LostReasonOf(err error) manifest.LostReason {
	var lost *SourceError
	if errors.As(err, &lost) {
		return lost.Reason
	}
	return manifest.LostHost
}

// Sources finds out where source repositories are.
type Sources interface {
	// Tips asks one repository once and says where each place is, in their order. The error is about the repository: a
	// *SourceError when it is not there or not for us, any other when it cannot be reached.
	Tips(ctx context.Context, repository string, places []Place) ([]Found, error)
}
