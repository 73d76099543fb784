// Package up brings the app in a folder to an installation on this machine: what is in the folder, a private mirror of its
// code, and the installation that builds and runs it.
package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/localbuild"
)

// Folder is a folder with an app in it.
type Folder struct {
	// Root of its repository; the folder itself where that is in none.
	Root string
	// Path of the app below the root, with slashes; empty for the root.
	Path string
	// Git says that it is in a repository, and Branch which branch is checked out; empty for none.
	Git    bool
	Branch string
	// Found is how the app would be built.
	Found detect.Detection
}

// Look finds out what is in a folder. One that nothing says how to build is an error that says what would help.
func Look(ctx context.Context, dir string) (Folder, error) {
	f, err := find(ctx, dir)
	if err != nil {
		return f, err
	}
	f.Found, err = localbuild.Detect(localbuild.Source{Root: f.Root, Path: f.Path}, nil)
	if err == nil {
		err = f.Found.Buildable()
	}
	var fault *localbuild.Fault
	if errors.As(err, &fault) {
		return f, exit.Finding("%s cannot be built: %w%s", f.Dir(), err, f.elsewhere())
	}
	return f, err
}

// elsewhere says which folders below hold an app; empty when none does.
func (f Folder) elsewhere() string {
	root, err := os.OpenRoot(f.Dir())
	if err != nil {
		return ""
	}
	defer root.Close()
	places, _ := detect.Places(root.FS(), "")
	var found []string
	for _, p := range places[:min(len(places), 5)] {
		found = append(found, fmt.Sprintf("%s (%s)", p.Path, p.Framework))
	}
	if len(found) == 0 {
		return ""
	}
	return "; there is an app in " + strings.Join(found, ", ") + ": run plateform up there"
}

// checkTool says what is missing on this machine to build an app that a Dockerfile is written for.
func (f Folder) checkTool(ctx context.Context) (err error) {
	if f.Found.Dockerfile != "" || !localbuild.NeedsTool(f.Found) {
		return nil
	}
	dir, err := os.MkdirTemp("", "plateform-up-")
	if err != nil {
		return fmt.Errorf("preparing a look at the container tools: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	_, _, err = localbuild.Steps{Work: dir, Cache: dir}.Tool(ctx)
	var trouble *localbuild.Trouble
	if errors.As(err, &trouble) {
		return exit.Finding("%s cannot be built here: %s is built with a container tool, from a Dockerfile that is written for it, and %w", f.Dir(), f.Found.Framework, err)
	}
	return err
}

// find finds a folder and the repository that it is in.
func find(ctx context.Context, dir string) (Folder, error) {
	absolute, err := filepath.Abs(dir)
	if err == nil {
		absolute, err = filepath.EvalSymlinks(absolute)
	}
	if err != nil {
		return Folder{}, exit.Usage("%s cannot be used: %w", dir, err)
	}
	if info, err := os.Stat(absolute); err != nil || !info.IsDir() {
		return Folder{}, exit.Usage("%s is no folder", dir)
	}
	f := Folder{Root: absolute}
	return f, f.findRepository(ctx)
}

// findRepository finds the repository that the folder is in. A folder that a repository ignores is in none.
func (f *Folder) findRepository(ctx context.Context) error {
	g := git.Command{Dir: f.Root}
	top, err := g.Run(ctx, "rev-parse", "--show-toplevel")
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(err.Error(), "dubious ownership"):
		return exit.Usage("the repository of %s belongs to somebody else, and git does not read it (see git help config, safe.directory): %w", f.Root, err)
	default:
		return f.refuseBare(ctx) // no repository with files, or no git that could tell
	}
	if _, err := g.Run(ctx, "check-ignore", "--quiet", "."); err == nil {
		return nil
	}
	path, err := filepath.Rel(top, f.Root)
	if err != nil {
		return fmt.Errorf("finding %s in %s: %w", f.Root, top, err)
	}
	f.Root, f.Git = top, true
	if path != "." {
		f.Path = filepath.ToSlash(path)
	}
	f.Branch, err = g.Run(ctx, "symbolic-ref", "--quiet", "--short", "HEAD")
	if err != nil {
		f.Branch = "" // no branch is checked out
	}
	return nil
}

// refuseBare refuses a folder that is a bare repository: there is nothing to build in it, whatever its history holds.
func (f *Folder) refuseBare(ctx context.Context) error {
	said, err := git.Command{Dir: f.Root}.Run(ctx, "rev-parse", "--is-bare-repository", "--git-dir")
	if err != nil || said != "true\n." {
		return nil //nolint:nilerr // it is none, or no git can tell
	}
	return exit.Usage("%s is a bare repository: it keeps the history of an app, but has no files checked out that could be built "+
		"(get those with git clone %s, and run it in the clone)", f.Root, f.Root)
}

// Dir is the folder itself.
func (f Folder) Dir() string { return filepath.Join(f.Root, filepath.FromSlash(f.Path)) }

// Name is what a project made of the folder is called.
func (f Folder) Name() string {
	const longest = 40 // leaves room for the workspace in a host name
	var name strings.Builder
	for _, r := range strings.ToLower(filepath.Base(f.Dir())) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			name.WriteRune(r)
		case name.Len() > 0 && !strings.HasSuffix(name.String(), "-"):
			name.WriteByte('-')
		}
	}
	short := name.String()
	short = strings.TrimRight(short[:min(len(short), longest)], "-")
	if short == "" {
		return "app"
	}
	if short[0] >= '0' && short[0] <= '9' { // names begin with a letter
		return "app-" + short
	}
	return short
}
