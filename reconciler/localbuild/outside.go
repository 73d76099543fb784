package localbuild

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/plateform/plateform/reconciler/scope"
)

// checkInside refuses a Go program that is compiled with a folder outside of the source: what is there is in no commit, so no
// key would tell of a change to it. The compiler may go by the folder that a link leads to.
func checkInside(root *os.Root, dir string) error {
	for _, dir := range []string{dir, resolved(root, dir)} {
		what, err := scope.LeadingOut(root.FS(), dir)
		if err != nil {
			return fmt.Errorf("looking for what the Go program is compiled with: %w", err)
		}
		if what != "" {
			return &Fault{What: what, Fix: "have the folder in the repository, name a module and its version instead, or vendor it"}
		}
	}
	return nil
}

// resolved is a folder of a source without the links on the way to it; as it is when they cannot be followed.
func resolved(root *os.Root, dir string) string {
	base, failed := filepath.EvalSymlinks(root.Name())
	file, err := filepath.EvalSymlinks(filepath.Join(root.Name(), filepath.FromSlash(dir)))
	rel, unrelated := filepath.Rel(base, file)
	if failed != nil || err != nil || unrelated != nil || !filepath.IsLocal(rel) {
		return dir
	}
	return filepath.ToSlash(rel)
}
