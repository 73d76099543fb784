package detect

import (
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/scope"
)

// targetOS is what images are made for; the architecture is this machine's.
const targetOS = "linux"

// fromGo finds the program of a Go module.
func (d *Detection) fromGo(t tree) error {
	if err := CheckFollowed(t.files, t.dir, "go.mod"); err != nil {
		return err
	}
	program, err := t.findProgram()
	if err != nil {
		return err
	}
	if err := checkInside(t.files, t.at(program)); err != nil {
		return err
	}
	d.Package = program
	d.setPort(frameworks.Port(frameworks.Go), "usual for "+frameworks.Go)
	return nil
}

// goModule says why a source is one of Go; empty when it is none. A program in a module that begins further up counts.
func (t tree) goModule() string {
	if t.exists("go.mod") {
		return "there is a go.mod"
	}
	if !t.isProgram(".") {
		return ""
	}
	for _, above := range t.upward(".")[1:] {
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
	if err != nil && !isMissing(err) {
		return "", &blame.Fault{What: "cannot look for programs below cmd/", Err: err, Fix: "point source.path at the folder of the program"}
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
	return "", &blame.Fault{What: "there are several Go programs: " + strings.Join(programs, ", "),
		Fix: "point source.path at the folder of the one to run, such as " + t.at(programs[0])}
}

// noProgram says why there is no program. One whose files all import "C" is none without cgo.
func (t tree) noProgram() error {
	if p := t.goFiles(".", true); p != nil && p.IsCommand() && len(p.CgoFiles) > 0 {
		return &blame.Fault{What: fmt.Sprintf(`%s imports "C", and Go programs are compiled without cgo here`, t.at(p.CgoFiles[0])),
			Fix: WithoutCgo}
	}
	return &blame.Fault{What: "there is no Go program: no package main at the root of the source, none directly below cmd/",
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
		info, err := fs.Stat(t.files, filepath.ToSlash(name))
		return err == nil && info.IsDir()
	}
	target.ReadDir = func(name string) ([]fs.FileInfo, error) {
		entries, err := fs.ReadDir(t.files, filepath.ToSlash(name))
		var infos []fs.FileInfo
		for _, e := range entries {
			if !goSource.MatchString(e.Name()) {
				continue // a Git tree would read the file to know its size
			}
			info, err := e.Info()
			if _, broken := Inspect(t.files, path.Join(filepath.ToSlash(name), e.Name())); err == nil && !broken {
				infos = append(infos, info)
			}
		}
		return infos, err
	}
	target.OpenFile = func(name string) (io.ReadCloser, error) {
		info, err := fs.Stat(t.files, filepath.ToSlash(name))
		if err != nil || !info.Mode().IsRegular() {
			return nil, fs.ErrNotExist
		}
		return t.files.Open(filepath.ToSlash(name))
	}
	p, err := target.ImportDir(t.at(dir), 0)
	var none *build.NoGoError
	var several *build.MultiplePackageError
	if errors.As(err, &none) || errors.As(err, &several) {
		return nil
	}
	return p // of what is wrong inside a file the compiler tells
}

// goSource are the files that decide what is in a folder for the compiler.
var goSource = regexp.MustCompile(`\.(go|c|cc|cpp|cxx|m|h|hh|hpp|hxx|f|F|f90|for|s|S|sx|swig|swigcxx|syso)$`)

// goVersion is the line of a go.mod that says which version it is for.
var goVersion = regexp.MustCompile(`(?m)^go[ \t]+(\d+\.\d+)(?:\.\d+|rc\d+|beta\d+)?[ \t\r]*(?://.*)?$`)

// golang says how a Dockerfile compiles a Go program.
func (r *recipe) golang(d *Detection) *blame.Fault {
	app := &App{Language: "go", Tool: "go"}
	module := r.t
	for _, above := range r.t.in(d.Package).upward(r.context) {
		if module = above; above.exists("go.mod") {
			break
		}
	}
	said := goVersion.FindStringSubmatch(module.text("go.mod"))
	if app.Version = goVersions().known[0]; said != nil {
		r.version(app, goVersions(), from{said, "go in " + module.at("go.mod")})
	}
	// Folders that a go.mod or go.work names have to be there, too, and what is vendored is not fetched.
	named, err := scope.GoFolders(r.t.files, r.t.at(d.Package))
	if err == nil && len(named) == 0 && module.dir == r.context && module.exists("go.mod") && !module.isFolder("vendor") {
		app.Manifests = r.present("go.mod", "go.sum")
	}
	if !module.exists("go.mod") {
		app.ToolVersion = "none" // it is in no module
	}
	app.Build = "./" + path.Join(r.folder, d.Package)
	return r.take(app)
}
