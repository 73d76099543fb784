package localbuild

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// The frameworks that are known. What is neither go nor dockerfile needs a Dockerfile to be built.
const (
	FrameworkGo         = "go"
	FrameworkDockerfile = "dockerfile"
	FrameworkNext       = "nextjs"
	FrameworkVite       = "vite"
	FrameworkExpress    = "express"
	FrameworkNode       = "nodejs"
	FrameworkSpring     = "spring"
	FrameworkStatic     = "static"
)

// maxFile bounds what is read of one file while detecting, in bytes.
const maxFile = 1 << 20

// addDockerfile is the way out of everything that cannot be built otherwise.
const addDockerfile = "add a Dockerfile to the source, or name one in build.dockerfile"

// Source is a checkout and the folder in it that is built.
type Source struct {
	// Root of the checkout on this machine.
	Root string
	// Path of the folder inside it; empty for the root.
	Path string
}

// Dir is the folder on this machine.
func (s Source) Dir() string { return filepath.Join(s.Root, filepath.FromSlash(s.Path)) }

// Detection is what was found out about a source.
type Detection struct {
	// Framework: as authored, or as found.
	Framework string `json:"framework"`
	// Port the app listens on; 0 when nothing says.
	Port int `json:"port,omitempty"`
	// Dockerfile inside the source's path; empty when the source is built without one.
	Dockerfile string `json:"dockerfile,omitempty"`
	// Package is the folder of the Go program inside the source's path; empty for everything else.
	Package string `json:"package,omitempty"`
	// Reasons say where each of these comes from.
	Reasons []manifest.Inference `json:"reasons"`
}

func (d *Detection) because(field, value, reason string) {
	d.Reasons = append(d.Reasons, manifest.Inference{Field: field, Value: value, Reason: reason})
}

func (d *Detection) setPort(port int, reason string) {
	if d.Port = port; port != 0 {
		d.because("port", strconv.Itoa(port), reason)
	}
}

// Detect finds out what a source is. What is authored wins over what is found. A Dockerfile at the root of the source is
// followed whatever the framework, unless that was authored to be go. It reads files only, and none outside the source.
func Detect(s Source, authored *manifest.Build) (Detection, error) {
	root, err := os.OpenRoot(s.Root)
	if err != nil {
		return Detection{}, fmt.Errorf("opening the source: %w", err)
	}
	defer root.Close()
	folder, err := root.OpenRoot(filepath.FromSlash(path.Join(".", s.Path)))
	if err != nil {
		return Detection{}, &Fault{What: fmt.Sprintf("the source has no folder %q at this commit", s.Path), Fix: "check source.path"}
	}
	defer folder.Close()
	if authored == nil {
		authored = &manifest.Build{}
	}
	d := Detection{Framework: authored.Framework}
	switch dockerfile := authored.Dockerfile; {
	case dockerfile != "":
		return d, d.fromDockerfile(folder, dockerfile, "build.dockerfile")
	case d.Framework == FrameworkGo:
		return d, d.fromGo(s)
	case exists(folder, "Dockerfile"):
		return d, d.fromDockerfile(folder, "Dockerfile", "there is a Dockerfile")
	case d.Framework == FrameworkDockerfile:
		return d, &Fault{What: "build.framework is dockerfile, but the source has no Dockerfile", Fix: addDockerfile}
	case d.Framework != "":
		d.setPort(defaultPort(d.Framework), "usual for "+d.Framework)
		return d, nil
	}
	return d, d.fromFiles(s, root, folder)
}

// fromDockerfile takes what a Dockerfile says.
func (d *Detection) fromDockerfile(folder *os.Root, name, reason string) error {
	text, err := read(folder, name)
	if errors.Is(err, fs.ErrNotExist) {
		return &Fault{What: fmt.Sprintf("there is no %s in the source", name), Fix: "check build.dockerfile; it is relative to source.path"}
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	port, err := exposedPort(bytes.NewReader(text))
	if err != nil {
		return &Fault{What: "cannot read " + name, Fix: "mend the Dockerfile", Err: err}
	}
	d.Dockerfile = name
	d.because("build.dockerfile", name, reason)
	if d.Framework == "" {
		d.Framework = FrameworkDockerfile
		d.because("build.framework", d.Framework, reason)
	}
	d.setPort(port, "EXPOSE in "+name)
	return nil
}

// fromGo finds the program of a Go module.
func (d *Detection) fromGo(s Source) error {
	program, err := findProgram(s)
	if err != nil {
		return err
	}
	d.Package = program
	d.setPort(defaultPort(FrameworkGo), "usual for "+FrameworkGo)
	return nil
}

// fromFiles recognizes a framework by its files.
func (d *Detection) fromFiles(s Source, root, folder *os.Root) error {
	if reason := goModule(s, root); reason != "" {
		d.Framework = FrameworkGo
		d.because("build.framework", d.Framework, reason)
		return d.fromGo(s)
	}
	reason := ""
	if d.Framework, reason = nodeFramework(folder); d.Framework == "" {
		signs := []struct{ file, framework string }{
			{"pom.xml", FrameworkSpring}, {"build.gradle", FrameworkSpring}, {"build.gradle.kts", FrameworkSpring},
			{"index.html", FrameworkStatic},
		}
		at := slices.IndexFunc(signs, func(sign struct{ file, framework string }) bool { return exists(folder, sign.file) })
		if at < 0 {
			return &Fault{What: "nothing in the source says how to build it: no Dockerfile, no go.mod", Fix: addDockerfile}
		}
		d.Framework, reason = signs[at].framework, "there is a "+signs[at].file
	}
	d.because("build.framework", d.Framework, reason)
	d.setPort(defaultPort(d.Framework), "usual for "+d.Framework)
	return nil
}

// goModule says why a source is one of Go; empty when it is none. A program in a module that begins further up counts.
func goModule(s Source, root *os.Root) string {
	dir := path.Join(".", s.Path)
	if exists(root, path.Join(dir, "go.mod")) {
		return "there is a go.mod"
	}
	if !isProgram(s.Dir()) {
		return ""
	}
	for dir != "." {
		if dir = path.Dir(dir); exists(root, path.Join(dir, "go.mod")) {
			return "a Go program of the module in " + path.Join(dir, "go.mod")
		}
	}
	return ""
}

// findProgram is the folder of the program to compile: the source's own, or the only one below cmd.
func findProgram(s Source) (string, error) {
	if isProgram(s.Dir()) {
		return ".", nil
	}
	entries, err := os.ReadDir(filepath.Join(s.Dir(), "cmd"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("looking for programs: %w", err)
	}
	var programs []string
	for _, e := range entries {
		if e.IsDir() && isProgram(filepath.Join(s.Dir(), "cmd", e.Name())) {
			programs = append(programs, path.Join("cmd", e.Name()))
		}
	}
	switch len(programs) {
	case 1:
		return programs[0], nil
	case 0:
		return "", &Fault{What: "there is no Go program: no package main at the root of the source, none directly below cmd/",
			Fix: "point source.path at the folder of the program, or " + addDockerfile}
	}
	return "", &Fault{What: "there are several Go programs: " + strings.Join(programs, ", "),
		Fix: "point source.path at the folder of the one to run, such as " + path.Join(s.Path, programs[0])}
}

// isProgram says that a folder holds a package main for the platform that images are made for.
func isProgram(dir string) bool {
	target := build.Default
	target.GOOS, target.GOARCH, target.CgoEnabled = targetOS, runtime.GOARCH, false
	p, err := target.ImportDir(dir, 0)
	return err == nil && p.IsCommand()
}

// nodeFramework recognizes what a package.json depends on.
func nodeFramework(folder *os.Root) (framework, reason string) {
	text, err := read(folder, "package.json")
	if err != nil {
		return "", ""
	}
	var p struct {
		Dependencies    map[string]any `json:"dependencies"`
		DevDependencies map[string]any `json:"devDependencies"`
	}
	if json.Unmarshal(text, &p) != nil {
		return FrameworkNode, "there is a package.json"
	}
	for _, known := range []struct{ dependency, framework string }{
		{"next", FrameworkNext}, {"express", FrameworkExpress}, {"vite", FrameworkVite},
	} {
		if p.Dependencies[known.dependency] != nil || p.DevDependencies[known.dependency] != nil {
			return known.framework, "package.json depends on " + known.dependency
		}
	}
	return FrameworkNode, "there is a package.json"
}

// defaultPort is what apps of a framework usually listen on; 0 when there is no custom.
func defaultPort(framework string) int {
	switch framework {
	case FrameworkGo, FrameworkSpring:
		return 8080
	case FrameworkNext, FrameworkExpress, FrameworkNode:
		return 3000
	case FrameworkVite, FrameworkStatic:
		return 80
	}
	return 0
}

// exists says that a regular file is there.
func exists(folder *os.Root, name string) bool {
	info, err := folder.Stat(filepath.FromSlash(name))
	return err == nil && info.Mode().IsRegular()
}

// read reads a regular file of the source.
func read(folder *os.Root, name string) ([]byte, error) {
	f, err := folder.Open(filepath.FromSlash(name))
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
