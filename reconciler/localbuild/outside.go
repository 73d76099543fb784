package localbuild

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/plateform/plateform/reconciler/scope"
)

// checkInside refuses a Go program that is compiled with a folder outside of the source: what is there is in no commit, so no
// key would tell of a change to it.
func checkInside(root *os.Root, dir string) error {
	dirs := []string{dir}
	// The compiler may go by the folder that a link leads to.
	if real, err := resolved(root, dir); err == nil && real != dir {
		dirs = append(dirs, real)
	}
	for _, dir := range dirs {
		folders, err := scope.GoFolders(root.FS(), dir)
		var unclear *scope.UnclearError
		if errors.As(err, &unclear) {
			return &Fault{What: unclear.Error(), Fix: "mend the file, and push"}
		}
		if err != nil {
			return fmt.Errorf("looking for what the Go program is compiled with: %w", err)
		}
		for _, f := range folders {
			if where := outside(root, f); where != "" {
				return &Fault{What: fmt.Sprintf("%s:%d: %q leads out of the repository%s", f.File, f.Line, f.Directive, where),
					Fix: "have the folder in the repository, name a module and its version instead, or vendor it"}
			}
		}
	}
	return nil
}

// outside says how a folder that a directive names leads out of the source, behind the word that it does; empty when it does
// not. A folder that is not there at all is for the compiler to tell.
func outside(root *os.Root, f scope.GoFolder) string {
	if f.Path == "" {
		return ", where no commit says what is there"
	}
	for p := f.Path; p != "."; p = path.Dir(p) {
		if l, found := inspect(root, p); found && l.leaves {
			return fmt.Sprintf(": %s is a symlink to %q", l.path, l.target)
		}
	}
	return ""
}

// resolved is a folder of a source without the links on the way to it.
func resolved(root *os.Root, dir string) (string, error) {
	base, err := filepath.EvalSymlinks(root.Name())
	if err != nil {
		return "", err
	}
	file, err := filepath.EvalSymlinks(filepath.Join(root.Name(), filepath.FromSlash(dir)))
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(base, file)
	if err != nil || !filepath.IsLocal(rel) {
		return dir, err
	}
	return filepath.ToSlash(rel), nil
}
