package detect

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/scope"
)

// checkInside refuses a Go program that is compiled with a folder outside of the source: what is there is in no commit, so no
// key would tell of a change to it. The compiler may go by the folder that a link leads to.
func checkInside(files fs.FS, dir string) error {
	for _, dir := range []string{dir, resolved(files, dir)} {
		what, err := scope.LeadingOut(files, dir)
		if err != nil {
			return fmt.Errorf("looking for what the Go program is compiled with: %w", err)
		}
		if what != "" {
			return &blame.Fault{What: what, Fix: "have the folder in the repository, name a module and its version instead, or vendor it"}
		}
	}
	return nil
}

// resolved is a folder of a source without the links on the way to it; as it is when they cannot be followed.
func resolved(files fs.FS, dir string) string {
	done, rest := ".", strings.Split(path.Clean(dir), "/")
	for links := 0; len(rest) > 0; {
		next := path.Join(done, rest[0])
		if !fs.ValidPath(next) {
			return dir
		}
		target, err := fs.ReadLink(files, next)
		if err != nil {
			done, rest = next, rest[1:]
			continue
		}
		if links++; links > 40 || path.IsAbs(target) {
			return dir
		}
		rest = append(strings.Split(path.Join(done, target), "/"), rest[1:]...)
		done = "."
	}
	return done
}
