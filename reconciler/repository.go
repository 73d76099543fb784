package reconciler

import (
	"context"

	"github.com/plateform/plateform/manifest"
)

// Reader reads commits that were fetched or made. It is fast and makes no network call.
type Reader interface {
	// Commit returns a commit.
	Commit(hash string) (manifest.Commit, error)
	// List returns the entries of a folder of a commit, sorted by name; none when the folder is not there. "" is the root.
	List(commit, dir string) ([]manifest.Entry, error)
	// Read returns the content of a file; fs.ErrNotExist when it is not there or not a regular file.
	Read(commit, path string) ([]byte, error)
	// Diff returns the files that differ between two commits, sorted by path, symlinks and submodules among them; "" is
	// the empty tree. Its cost follows the size of the difference, not of the trees.
	Diff(from, to string) ([]manifest.Change, error)
}

// BlobReader is what a Reader may be too: it finds files by their hash, which is quicker.
type BlobReader interface {
	// Blob returns the content of a file by its hash, as List and Diff return it.
	Blob(hash string) ([]byte, error)
}

// ReadFile reads a file at a commit. hash is what it is known to have there, or empty.
func ReadFile(reader Reader, commit, file, hash string) ([]byte, error) {
	if blobs, ok := reader.(BlobReader); ok && hash != "" {
		return blobs.Blob(hash)
	}
	return reader.Read(commit, file)
}

// Refusal is an error of a server that was reached and does not take a push, although the branch is where it has to be: a
// protected branch, a hook, a quota, rights that are missing.
type Refusal interface {
	error
	// Refusal is what the server gives as its reason, in one line.
	Refusal() string
}

// Repository is one branch of one Git repository: the store Plateform reads from and commits to.
//
// Implementations are safe for use by several goroutines.
type Repository interface {
	// Reader reads what the last Fetch or Push brought in.
	Reader
	// Fetch brings in the branch as it is now and returns its head, or "" for an empty repository or a missing branch.
	Fetch(ctx context.Context) (head string, err error)
	// Push makes the edits one commit each on top of base ("" for the first commit ever) and moves the branch from base
	// to the last of them in one step. It returns their hashes in order. When the branch is not at base any more it
	// returns manifest.ErrMoved and nothing has happened; when the server refuses it, a Refusal. It finds out by itself what became of a push whose answer got
	// lost. An edit that changes nothing still makes its commit.
	Push(ctx context.Context, base string, edits []manifest.Edit) ([]string, error)
}
