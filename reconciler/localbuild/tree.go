package localbuild

import (
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// maxFile bounds what is read of one file while detecting, in bytes.
const maxFile = 1 << 20

// tree is the folder of a source that is looked at. Links are followed inside the root of the source and nowhere else.
type tree struct {
	root *os.Root
	// dir is the folder from the root on; "." for the root.
	dir string
}

// openTree finds a folder of a source.
func openTree(root *os.Root, dir string) (tree, error) {
	missing := &Fault{What: fmt.Sprintf("the source has no folder %q at this commit", dir), Fix: "check source.path"}
	if !filepath.IsLocal(filepath.FromSlash(dir)) {
		return tree{}, missing
	}
	for above := dir; above != "."; above = path.Dir(above) {
		if l, found := inspect(root, above); found {
			return tree{}, l.fault()
		}
	}
	if info, err := root.Stat(filepath.FromSlash(dir)); err != nil || !info.IsDir() {
		return tree{}, missing
	}
	return tree{root, dir}, nil
}

func (t tree) at(name string) string { return path.Join(t.dir, name) }

// exists says that a regular file is there.
func (t tree) exists(name string) bool { return isFile(t.root, t.at(name)) }

// read reads a regular file.
func (t tree) read(name string) ([]byte, error) { return read(t.root, t.at(name)) }

// text is what a file says; empty when it is not there.
func (t tree) text(name string) string {
	text, err := t.read(name)
	if err != nil {
		return ""
	}
	return string(text)
}

// list is what a folder holds.
func (t tree) list(name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(t.root.FS(), t.at(name))
}

// upward are the folders from this one up to the root.
func (t tree) upward() []tree {
	trees := []tree{t}
	for dir := t.dir; dir != "."; {
		dir = path.Dir(dir)
		trees = append(trees, tree{t.root, dir})
	}
	return trees
}

// goModule says why a source is one of Go; empty when it is none. A program in a module that begins further up counts.
func (t tree) goModule() string {
	if t.exists("go.mod") {
		return "there is a go.mod"
	}
	if !t.isProgram(".") {
		return ""
	}
	for _, above := range t.upward()[1:] {
		if above.exists("go.mod") {
			return "a Go program of the module in " + above.at("go.mod")
		}
	}
	return ""
}

// findProgram is the folder of the program to compile: the source's own, or the only one below cmd.
func (t tree) findProgram() (string, error) {
	if t.isProgram(".") {
		return ".", nil
	}
	entries, err := t.list("cmd")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", &Fault{What: "cannot look for programs below cmd/", Err: err, Fix: "point source.path at the folder of the program"}
	}
	var programs []string
	for _, e := range entries {
		if e.IsDir() && t.isProgram(path.Join("cmd", e.Name())) {
			programs = append(programs, path.Join("cmd", e.Name()))
		}
	}
	switch len(programs) {
	case 1:
		return programs[0], nil
	case 0:
		return "", t.noProgram()
	}
	return "", &Fault{What: "there are several Go programs: " + strings.Join(programs, ", "),
		Fix: "point source.path at the folder of the one to run, such as " + t.at(programs[0])}
}

// noProgram says why there is no program. One whose files all import "C" is none without cgo.
func (t tree) noProgram() error {
	if p := t.goFiles(".", true); p != nil && p.IsCommand() && len(p.CgoFiles) > 0 {
		return &Fault{What: fmt.Sprintf(`%s imports "C", and Go programs are compiled without cgo here`, t.at(p.CgoFiles[0])),
			Fix: withoutCgo}
	}
	return &Fault{What: "there is no Go program: no package main at the root of the source, none directly below cmd/",
		Fix: "point source.path at the folder of the program, or " + addDockerfile}
}

// isProgram says that a folder holds a package main for the platform that images are made for.
func (t tree) isProgram(dir string) bool {
	p := t.goFiles(dir, false)
	return p != nil && p.IsCommand()
}

// goFiles is the Go package in a folder; nil when there is none. It opens nothing outside the source.
func (t tree) goFiles(dir string, cgo bool) *build.Package {
	target := build.Default
	target.GOOS, target.GOARCH, target.CgoEnabled = targetOS, runtime.GOARCH, cgo
	target.IsDir = func(name string) bool {
		info, err := t.root.Stat(name)
		return err == nil && info.IsDir()
	}
	target.ReadDir = func(name string) ([]fs.FileInfo, error) {
		entries, err := fs.ReadDir(t.root.FS(), filepath.ToSlash(name))
		var infos []fs.FileInfo
		for _, e := range entries {
			info, err := e.Info()
			if _, broken := inspect(t.root, path.Join(filepath.ToSlash(name), e.Name())); err == nil && !broken {
				infos = append(infos, info)
			}
		}
		return infos, err
	}
	target.OpenFile = func(name string) (io.ReadCloser, error) {
		if !isFile(t.root, name) {
			return nil, fs.ErrNotExist
		}
		return t.root.Open(name)
	}
	p, err := target.ImportDir(t.at(dir), 0)
	var none *build.NoGoError
	var several *build.MultiplePackageError
	if errors.As(err, &none) || errors.As(err, &several) {
		return nil
	}
	return p // of what is wrong inside a file the compiler tells
}

// isFile says that a regular file is there.
func isFile(root *os.Root, name string) bool {
	info, err := root.Stat(filepath.FromSlash(name))
	return err == nil && info.Mode().IsRegular()
}

// read reads a regular file of the source.
func read(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		return nil, fmt.Errorf("%s is larger than 1 MiB", name)
	}
	return text, err
}
