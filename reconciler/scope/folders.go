package scope

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// GoFolder is a folder that a go.mod or go.work has the compiler read: one that takes the place of a module, or is used by
// the workspace.
type GoFolder struct {
	// File and Line of the directive, and the Directive itself.
	File      string
	Line      int
	Directive string
	// Path of the folder in the repository; empty when it is outside.
	Path string
}

// GoFolders are all folders that the program in a folder is compiled with because a directive says so. Unlike Find it follows
// links, as the compiler does. An *UnclearError says that a file which decides it cannot be understood.
func GoFolders(files fs.FS, dir string) ([]GoFolder, error) {
	dir = path.Join(".", dir)
	work, err := Workspace(files, dir)
	if err != nil {
		return nil, err
	}
	if work == "" {
		dir := closestModule(files, dir)
		if vendored(files, dir) {
			return nil, nil
		}
		return moduleFolders(files, dir)
	}
	folders, err := foldersOf(files, work)
	if err != nil {
		return nil, err
	}
	for _, used := range folders {
		if used.Path == "" || !strings.HasPrefix(used.Directive, "use ") {
			continue
		}
		more, err := moduleFolders(files, used.Path)
		if err != nil {
			return nil, err
		}
		folders = append(folders, more...)
	}
	return folders, nil
}

// LeadingOut says which directive has the program in a folder compiled with a folder outside of the repository, directly or by a
// symlink; empty when none does. A file that decides it and cannot be understood counts as one.
func LeadingOut(files fs.FS, dir string) (string, error) {
	folders, err := GoFolders(files, dir)
	var unclear *UnclearError
	if errors.As(err, &unclear) {
		return unclear.Error(), nil
	}
	for _, f := range folders {
		what := fmt.Sprintf("%s:%d: %q leads out of the repository", f.File, f.Line, f.Directive)
		if f.Path == "" {
			return what, nil
		}
		for p := f.Path; p != "."; p = path.Dir(p) {
			if target, err := fs.ReadLink(files, p); err == nil && leaves(files, p, target) {
				return fmt.Sprintf("%s: %s is a symlink to %q", what, p, target), nil
			}
		}
	}
	return "", err
}

// leaves says that a link leads out of the repository, or may do so. One that leads nowhere is for the compiler to tell.
func leaves(files fs.FS, link, target string) bool {
	if _, ok := inside(path.Dir(link), target); !ok {
		return true
	}
	_, err := fs.Stat(files, link)
	return err != nil && !errors.Is(err, fs.ErrNotExist)
}

// closestModule is the folder of the closest go.mod, links followed; empty when there is none.
func closestModule(files fs.FS, dir string) string {
	for ; ; dir = path.Dir(dir) {
		if _, err := fs.Stat(files, path.Join(dir, goMod)); err == nil {
			return dir
		}
		if dir == "." {
			return ""
		}
	}
}

// beforeVendoring are the versions of Go that look into a vendor folder only when they are told to.
var beforeVendoring = regexp.MustCompile(`^1\.([0-9]|1[0-3])(\D|$)`)

// vendored says that the compiler takes modules from the vendor folder of a module, and looks for no folder that replaces one: it
// says which version of Go it is for, and was vendored by itself and not in a workspace.
func vendored(files fs.FS, dir string) bool {
	listed, err := fs.ReadFile(files, path.Join(dir, "vendor", "modules.txt"))
	if err != nil || strings.Contains(string(listed), "## workspace") {
		return false
	}
	text, err := fs.ReadFile(files, path.Join(dir, goMod))
	if err != nil {
		return false
	}
	statements, err := directives(string(text))
	return err == nil && slices.ContainsFunc(statements, func(d directive) bool {
		return d.words[0] == "go" && len(d.words) > 1 && !beforeVendoring.MatchString(d.words[1])
	})
}

// moduleFolders are those that the go.mod of a folder names.
func moduleFolders(files fs.FS, dir string) ([]GoFolder, error) {
	if dir == "" {
		return nil, nil
	}
	return foldersOf(files, path.Join(dir, goMod))
}

// foldersOf are those that a go.mod or go.work names. A file that is not in the repository, or cannot be read there, names
// none: the compiler does not get to see it either.
func foldersOf(files fs.FS, file string) ([]GoFolder, error) {
	info, err := fs.Stat(files, file)
	if err != nil {
		return nil, nil
	}
	if info.Size() > maxBytes {
		return nil, &UnclearError{file, fmt.Errorf("it is larger than %d bytes", maxBytes)}
	}
	text, err := fs.ReadFile(files, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	statements, err := directives(string(text))
	if err != nil {
		return nil, &UnclearError{file, err}
	}
	var folders []GoFolder
	for _, s := range statements {
		named, found := s.replacement()
		if !found && path.Base(file) == goWork {
			named, found = s.used()
		}
		if !found {
			continue
		}
		f := GoFolder{File: file, Line: s.line, Directive: strings.Join(s.words, " ")}
		if p, ok := inside(path.Dir(file), named); ok {
			f.Path = p
		}
		folders = append(folders, f)
	}
	return folders, nil
}
