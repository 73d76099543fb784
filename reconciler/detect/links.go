package detect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/plateform/plateform/reconciler/blame"
)

// MaxFile bounds what is read of one file, in bytes.
const MaxFile = 1 << 20

// ReadFile reads a regular file of a source, up to MaxFile.
func ReadFile(files fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(files, name) // opening a pipe would wait for whoever writes into it
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(text) > MaxFile {
		return nil, fmt.Errorf("%s is larger than 1 MiB", name)
	}
	return text, err
}

// BrokenLink is a symlink of a source that leads to nothing in it.
type BrokenLink struct {
	// Path in the folder that was looked through, and the Target as it is written there.
	Path   string
	Target string
	// Leaves says that the link leads out of the folder, or may do so: nothing must follow it.
	Leaves bool
	// where says where it leads, in a few words.
	where string
}

// Fault is what is to be said when a build needs what the link stands for.
func (l BrokenLink) Fault() *blame.Fault {
	return &blame.Fault{What: fmt.Sprintf("%s is a symlink to %q, which leads %s", l.Path, l.Target, l.where), Fix: "commit what the build needs in its place, and push"}
}

// Inspect says whether a name in a folder is a symlink that leads to nothing in the folder.
func Inspect(folder fs.FS, name string) (BrokenLink, bool) {
	target, err := fs.ReadLink(folder, name)
	if err != nil {
		return BrokenLink{}, false // no link
	}
	l := BrokenLink{Path: name, Target: target}
	lexical := path.Join(path.Dir(name), target)
	_, err = fs.Stat(folder, name)
	switch {
	case path.IsAbs(target), lexical == "..", strings.HasPrefix(lexical, "../"):
		l.Leaves, l.where = true, "out of the source"
	case err == nil:
		return BrokenLink{}, false
	case errors.Is(err, fs.ErrNotExist):
		l.where = "nowhere"
	case errors.Is(err, syscall.ENOTDIR):
		l.where = "through a file"
	case errors.Is(err, syscall.ELOOP): // os.Root gives up on a chain of links earlier than the kernel does
		l.Leaves, l.where = true, "in a circle"
	default:
		l.Leaves, l.where = true, "out of the source"
	}
	return l, true
}

// CheckFollowed refuses a file that a build is going to read when it is a symlink that leads to nothing in the source.
func CheckFollowed(folder fs.FS, dir string, names ...string) error {
	for _, name := range names {
		if l, found := Inspect(folder, path.Join(dir, name)); found {
			return l.Fault()
		}
	}
	return nil
}
