package gitops

import (
	"fmt"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
)

// markWindow is how many commits are looked through for one of Plateform's own. Where there is none GitOps counts as lost,
// and is made again from the config history.
const markWindow = 10_000

// Mark is a commit of Plateform's own that stands for a config commit: GitOps there holds all that the config repository
// asked for up to it.
type Mark struct {
	// Commit of the GitOps repository; empty when there is none.
	Commit string
	// Config is the commit of the config repository that it stands for.
	Config string
	// Unreported is the oldest config commit whose report about broken or mended files may not have arrived; empty when all
	// have.
	Unreported string
}

// FindMark finds the newest mark up to head along the first parents, but not at or before until. With keys, only commits
// signed with one of them count; without keys, a commit counts by its author and its trailer.
func FindMark(reader reconciler.Reader, head, until string, keys []signing.PublicKey) (mark Mark, reached bool, err error) {
	hash := head
	for range markWindow {
		if hash == "" {
			return Mark{}, until == "", nil
		}
		if hash == until {
			return Mark{}, true, nil
		}
		commit, err := reader.Commit(hash)
		if err != nil {
			return Mark{}, false, fmt.Errorf("walking GitOps commit %.10s back: %w", hash, err)
		}
		if m, ours := markOf(commit, keys); ours {
			return m, descends(reader, hash, until), nil
		}
		if len(commit.Parents) == 0 {
			return Mark{}, until == "", nil
		}
		hash = commit.Parents[0]
	}
	return Mark{}, false, nil
}

// markOf is the mark that a commit is, if it is one.
func markOf(commit manifest.Commit, keys []signing.PublicKey) (Mark, bool) {
	if !reconciler.SignedByPlateform(commit, keys) {
		return Mark{}, false
	}
	mark := Mark{Commit: commit.Hash}
	for _, trailer := range manifest.Trailers(commit.Message) {
		switch trailer.Key {
		case manifest.TrailerConfigCommit:
			mark.Config = trailer.Value
		case manifest.TrailerUnreported:
			mark.Unreported = trailer.Value
		}
	}
	return mark, mark.Config != ""
}

// descends says that a commit comes after another along the first parents.
func descends(reader reconciler.Reader, from, ancestor string) bool {
	hash := from
	for range markWindow {
		if hash == ancestor {
			return true
		}
		commit, err := reader.Commit(hash)
		if err != nil || len(commit.Parents) == 0 {
			return ancestor == "" && err == nil
		}
		hash = commit.Parents[0]
	}
	return false
}
