package scope

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const (
	goMod  = "go.mod"
	goWork = "go.work"
)

// golang adds the module that a program is compiled with, and the workspace that uses it.
func (l *look) golang() error {
	for _, dir := range append([]string{l.dir}, l.programs()...) {
		if err := l.module(dir); err != nil {
			return err
		}
	}
	return nil
}

// programs are the folders below cmd that are modules of their own: one of them may be the program.
func (l *look) programs() []string {
	entries, err := fs.ReadDir(l.files, path.Join(l.dir, "cmd"))
	if err != nil {
		return nil
	}
	var dirs []string
	for _, e := range entries {
		if dir := path.Join(l.dir, "cmd", e.Name()); e.IsDir() && l.exists(path.Join(dir, goMod)) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// module adds the module that a folder is in.
func (l *look) module(dir string) error {
	root := l.above(dir, goMod)
	if root == "" {
		return nil
	}
	l.add(root, "the Go module of "+path.Join(root, goMod))
	work, used, err := l.workspace(dir, root)
	if err != nil {
		return err
	}
	if work == "" {
		return l.replaced(path.Join(root, goMod))
	}
	l.add(path.Dir(work), "the Go workspace of "+work)
	for _, module := range used {
		l.add(module, "the Go workspace of "+work)
		if err := l.replaced(path.Join(module, goMod)); err != nil {
			return err
		}
	}
	return l.replaced(work)
}

// workspace is the closest go.work from a folder on upwards, if it uses the module that the folder is in, and all modules
// that it uses.
func (l *look) workspace(dir, module string) (file string, used []string, err error) {
	at := l.above(dir, goWork)
	if at == "" {
		return "", nil, nil
	}
	file = path.Join(at, goWork)
	text, err := l.text(file)
	if err != nil {
		return "", nil, err
	}
	statements, err := directives(text)
	if err != nil {
		return "", nil, &UnclearError{file, err}
	}
	for _, s := range statements {
		if named, isUse := s.used(); isUse {
			if p, ok := inside(at, named); ok {
				used = append(used, p)
			}
		}
	}
	if !slices.Contains(used, module) {
		return "", nil, nil
	}
	return file, used, nil
}

// Workspace is the go.work that a program in a folder is compiled with; empty when there is none: one that does not use the
// program's module is not meant for it.
func Workspace(files fs.FS, dir string) (string, error) {
	l := &look{files: files}
	root := l.above(path.Join(".", dir), goMod)
	if root == "" {
		return "", nil
	}
	file, _, err := l.workspace(path.Join(".", dir), root)
	var unclear *UnclearError
	if errors.As(err, &unclear) { // the compiler says what is wrong with it
		return unclear.file, nil
	}
	return file, err
}

// replaced adds the folders that a go.mod or go.work has take the place of modules.
func (l *look) replaced(file string) error {
	text, err := l.text(file)
	if err != nil {
		return err
	}
	statements, err := directives(text)
	if err != nil {
		return &UnclearError{file, err}
	}
	for _, s := range statements {
		if target, isFolder := s.replacement(); isFolder {
			if p, ok := inside(path.Dir(file), target); ok {
				l.add(p, file+" replaces a module with "+p)
			}
		}
	}
	return nil
}

// hasGoFiles says that Go code is in the folder that is built, tests left out.
func hasGoFiles(files fs.FS, dir string) bool {
	entries, err := fs.ReadDir(files, dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !e.IsDir() && strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
	})
}
