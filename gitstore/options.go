package gitstore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/transport"
)

// Access says how remotes are reached. The zero value reaches public ones with the default timeouts.
type Access = transport.Access

// Credential is a username and password for one operation over HTTP. The zero value means none.
type Credential = transport.Credential

// Credentials returns what to log in with at a URL. It is asked anew for each operation, so a token may be short-lived.
type Credentials = transport.Credentials

// SSH says how to log in and whom to trust over SSH.
type SSH = transport.SSH

// ServerError is what a server answers instead of doing what it was asked, in its own words.
type ServerError = transport.ServerError

// FormatError says that a repository names its objects in a way that cannot be read here.
type FormatError = transport.FormatError

// Redact returns a URL without the password that may be in it, for messages.
func Redact(url string) string { return transport.Redact(url) }

// Options of a Store.
type Options struct {
	Access
	// URL of the remote: https, http, ssh, user@host:path, file, or a path.
	URL string
	// Branch to follow. Default main.
	Branch string
	// Dir is on the disk that holds the packs while the Store is open; nothing is left in it, also after a crash. The
	// directory for temporary files when empty.
	Dir string
	// CacheBytes bounds the unpacked objects kept in memory. Default 8 MiB.
	CacheBytes int64
	// MemoryObjects and MemoryBytes bound the new objects kept in memory before they are packed to disk. Default 100,000
	// and 24 MiB.
	MemoryObjects int
	MemoryBytes   int64
	// MaxPacks bounds the packs on disk before everything is fetched anew into one. Default 24.
	MaxPacks int
	// MaxProposalBytes bounds what is fetched at once of what people propose: whoever may propose something may send much. Default
	// 256 MiB.
	MaxProposalBytes int64
	// Fence is asked right before anything is sent that changes the remote; none when nil.
	Fence Fence
}

// Fence says whether this process still is the one that may write.
type Fence interface {
	// Check says why it may not write now; nil when it may.
	Check() error
}

// mayWrite says why nothing may be written now; nil when it may.
func (o Options) mayWrite() error {
	if o.Fence == nil {
		return nil
	}
	return o.Fence.Check()
}

func (o Options) withDefaults() Options {
	o.Access = o.Access.WithDefaults()
	if o.Branch == "" {
		o.Branch = "main"
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = 8 << 20
	}
	if o.MemoryObjects <= 0 {
		o.MemoryObjects = 100_000
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 24 << 20
	}
	if o.MaxPacks <= 0 {
		o.MaxPacks = 24
	}
	if o.MaxProposalBytes <= 0 {
		o.MaxProposalBytes = 256 << 20
	}
	return o
}

// validate checks what would reach a remote or a command line.
func (o Options) validate() error {
	if err := transport.CheckURL(o.URL); err != nil {
		return err
	}
	return checkBranch(o.Branch)
}

// checkBranch refuses what git check-ref-format refuses.
func checkBranch(name string) error {
	bad := name == "" || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") ||
		strings.HasSuffix(name, ".") || strings.HasSuffix(name, ".lock") || name == "@" ||
		strings.ContainsAny(name, " ~^:?*[\\\x7f") || strings.Contains(name, "..") || strings.Contains(name, "//") ||
		strings.Contains(name, "@{") || strings.Contains("/"+name, "/.")
	for _, r := range name {
		bad = bad || r < 0x20
	}
	if bad {
		return fmt.Errorf("branch %q is not a name Git allows", name)
	}
	return nil
}

// Errors that callers distinguish.
var (
	// ErrNoCommit says that a commit is not at hand: it never was fetched, or is gone from the remote.
	ErrNoCommit = errors.New("no such commit")
	// ErrNoBranch says that a remote has no such branch.
	ErrNoBranch = errors.New("no such branch")
	// ErrTag and ErrEmpty say more of an ErrNoBranch: a tag has that name, or there are no branches at all.
	ErrTag   = errors.New("it is a tag")
	ErrEmpty = errors.New("the repository is empty")
	// ErrNoPath says that a commit has no such folder.
	ErrNoPath = errors.New("no such folder in the repository")
	// ErrNotFolder says that what a commit has in that place is no folder.
	ErrNotFolder = errors.New("it is no folder")
	// ErrBadTree says that a commit holds what cannot be written as files: hostile names, unknown modes.
	ErrBadTree = errors.New("it cannot be written as files")
	// ErrTooLarge says that a repository or an object is beyond the limit.
	ErrTooLarge = pack.ErrTooLarge
)

// RefusedError says that the server refused a push although the branch had not moved: a hook, a protected branch, or rights
// that are missing. It is a reconciler.Refusal.
type RefusedError struct {
	// Message of the server.
	Message string
}

func (e *RefusedError) Error() string { return "the server refused the push: " + e.Message }

// Refusal is what the server gives as its reason, in one line.
func (e *RefusedError) Refusal() string { return e.Message }

// DeniedError says that a remote was reached and does not do what it is asked: there is no such repository, or it is not
// for whoever asks.
type DeniedError = transport.DeniedError
