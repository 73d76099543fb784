package reconciler

import "context"

// Place is a place of a source repository that a project is made from: a branch or a pinned revision, and a folder.
type Place struct {
	// Branch, unless Revision pins a commit; main when both are empty.
	Branch, Revision string
	// Path of the folder; empty for the whole repository.
	Path string
}

// Tip is where a place of a source repository is now.
type Tip struct {
	// Commit the branch or revision points at.
	Commit string
	// Tree is the hash of the place's folder in that commit; empty when the place has no path.
	Tree string
	// By is the author of the commit, for people; empty when it is not known.
	By string
}

// Found is where a place is, or why it is nowhere.
type Found struct {
	Tip
	// Err says that this place is not there: no such branch, no such folder.
	Err error
}

// Sources finds out where source repositories are.
type Sources interface {
	// Tips asks one repository once and says where each place is, in their order. The error is about the repository: it
	// cannot be reached, or refuses.
	Tips(ctx context.Context, repository string, places []Place) ([]Found, error)
}
