package manifest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest/signing"
)

// ErrMoved says that a branch is no longer where a push expected it: read again, decide again.
var ErrMoved = errors.New("the branch has moved")

// ErrUnrelated says that two commits have no history in common, or have each been merged into the other, so that nobody can say
// which side changed what.
var ErrUnrelated = errors.New("they have no one commit in common")

// ErrTooMuch says that what somebody proposes brings more than is taken.
var ErrTooMuch = errors.New("it brings more than is taken")

// Commit is one Git commit as far as Plateform cares.
type Commit struct {
	Hash string
	// Parents, the first one first; empty for a root commit, and for one where a history that was cut (a shallow
	// repository) ends.
	Parents []string
	// Cut are the parents where the history was cut behind the commit: they are not at hand. Empty otherwise.
	Cut []string
	// Tree is the hash of the commit's tree: all of its files.
	Tree   string
	Author Signature
	// Message with subject, body and trailers.
	Message string
}

// IsCommit says that a text has the form of a commit's full hash.
func IsCommit(hash string) bool {
	return len(hash) == 40 && !strings.ContainsFunc(hash, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
}

// Signature is who made a commit, and when.
type Signature struct {
	Name  string
	Email string
	When  time.Time
}

// SignedBy says that a commit carries a signature of one of the keys that fits it.
func (c Commit) SignedBy(keys []signing.PublicKey) bool {
	parent := ""
	if parents := slices.Concat(c.Parents, c.Cut); len(parents) > 0 {
		parent = parents[0]
	}
	return signing.VerifyCommit(c.Message, c.Tree, parent, keys)
}

// Entry is one name in a folder of a snapshot.
type Entry struct {
	Name string
	// Hash of the blob or tree.
	Hash string
	// Dir says that it is a folder. What is neither a regular file nor a folder (a symlink, a submodule) is not listed.
	Dir bool
}

// Change is one file that differs between two commits. A hash is empty where the file is not there.
type Change struct {
	Path   string
	Before string
	After  string
	// Special says that what is there after is neither a regular file nor a folder, but a symlink or a submodule. It can
	// be told of, but not read.
	Special bool
}

// Edit is one commit to be made: a message and the files it sets or removes.
type Edit struct {
	// Message with subject and trailers.
	Message string
	// Seal makes the message when the commit is made, instead of Message, so that a signature in it can cover the commit's
	// tree. It gets the hashes of the tree and of the parent, "" for the first commit. It is called again when the edits
	// are made into commits again, on another base.
	Seal   func(tree, parent string) (message string, err error)
	Author Signature
	// Files by path; nil content removes the file.
	Files map[string][]byte
}

// Signed is the edit as a commit that proves who made it; the edit itself without a key.
func (e Edit) Signed(key *signing.Key) Edit {
	if key == nil {
		return e
	}
	message := e.Message
	e.Seal = func(tree, parent string) (string, error) { return signing.SignCommit(message, tree, parent, *key), nil }
	return e
}

// Merge is what comes of merging two commits.
type Merge struct {
	// Commit that has both as its parents; empty when there are Conflicts, or nothing is to be merged.
	Commit string
	// Into is the commit of the branch that it is on top of.
	Into string
	// Conflicts are the paths that both sides changed and that people have to join.
	Conflicts []string
}
