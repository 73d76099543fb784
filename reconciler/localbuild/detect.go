package localbuild

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/scope"
)

// addDockerfile is the way out of everything that cannot be built otherwise.
const addDockerfile = "add a Dockerfile to the source, or name one in build.dockerfile"

// withoutCgo is the way out for programs that need cgo.
const withoutCgo = "leave cgo out, or add a Dockerfile to the source that compiles with it"

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
	// Dockerfile relative to the source's path; empty when the source is built without one.
	Dockerfile string `json:"dockerfile,omitempty"`
	// Package is the folder of the Go program inside the source's path; empty for everything else.
	Package string `json:"package,omitempty"`
	// Scope are the folders and files that a build reads, when they are more than the source's path; empty else.
	Scope string `json:"scope,omitempty"`
	// Reasons say where each of these comes from.
	Reasons []manifest.Inference `json:"reasons"`
}

// Buildable is a *Fault when a source of this kind is not built as it is.
func (d *Detection) Buildable() error {
	if d.Dockerfile != "" || d.Framework == manifest.FrameworkGo {
		return nil
	}
	return &Fault{What: fmt.Sprintf("%s is not built without a Dockerfile yet", d.Framework), Fix: addDockerfile}
}

func (d *Detection) because(field, value, reason string) {
	d.Reasons = append(d.Reasons, manifest.Inference{Field: field, Value: value, Reason: reason})
}

func (d *Detection) setPort(port int, reason string) {
	if d.Port = port; port != 0 {
		d.because("port", strconv.Itoa(port), reason)
	}
}

// Detect finds out what a source is, and what its build reads. What is authored wins over what is found. A Dockerfile at the
// root of the source is followed whatever the framework, unless that was authored to be go. It reads files only, and none
// outside the source.
func Detect(s Source, authored *manifest.Build) (Detection, error) {
	if authored == nil {
		authored = &manifest.Build{}
	}
	root, err := os.OpenRoot(s.Root)
	if err != nil {
		return Detection{}, fmt.Errorf("opening the source: %w", err)
	}
	defer root.Close()
	d, err := detect(s, root, authored)
	if err != nil {
		return d, err
	}
	read, err := scope.Find(root.FS(), scope.Settings{Path: s.Path, Framework: authored.Framework, Dockerfile: authored.Dockerfile})
	if err == nil && read.Reason != "" {
		d.Scope = read.Words()
		d.because("scope", d.Scope, read.Reason)
	}
	return d, err
}

func detect(s Source, root *os.Root, authored *manifest.Build) (Detection, error) {
	t, err := openTree(root, path.Join(".", s.Path))
	if err != nil {
		return Detection{}, err
	}
	d := Detection{Framework: manifest.CurrentFramework(authored.Framework)}
	switch dockerfile := authored.Dockerfile; {
	case dockerfile != "":
		return d, d.fromDockerfile(t, dockerfile, "build.dockerfile")
	case d.Framework == manifest.FrameworkGo:
		return d, d.fromGo(t)
	case t.exists("Dockerfile"):
		return d, d.fromDockerfile(t, "Dockerfile", "there is a Dockerfile")
	}
	if err := checkFollowed(root, t.dir, "Dockerfile"); err != nil {
		return d, err
	}
	switch d.Framework {
	case "":
		return d, d.fromFiles(t)
	case manifest.FrameworkDockerfile:
		return d, &Fault{What: "build.framework is dockerfile, but the source has no Dockerfile", Fix: addDockerfile}
	}
	d.found(d.Framework, "")
	return d, nil
}

// found takes a framework, and says what is needed to build it.
func (d *Detection) found(framework, reason string) {
	d.Framework = framework
	if reason != "" {
		d.because("build.framework", framework, reason)
	}
	d.setPort(manifest.FrameworkPort(framework), "usual for "+framework)
	if framework != manifest.FrameworkGo {
		d.because("build.dockerfile", "needed", framework+" is not built without one: "+addDockerfile)
	}
}

// fromDockerfile takes what a Dockerfile says. Its name is relative to the folder, and may lead to elsewhere in the source.
func (d *Detection) fromDockerfile(t tree, name, reason string) error {
	if err := checkFollowed(t.root, t.dir, name); err != nil {
		return err
	}
	text, err := t.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &Fault{What: fmt.Sprintf("there is no %s in the source", name), Fix: "check build.dockerfile; it is relative to source.path"}
	}
	if err != nil {
		return &Fault{What: "cannot read " + name, Fix: "mend the Dockerfile", Err: err}
	}
	port, err := exposedPort(bytes.NewReader(text))
	if err != nil {
		return &Fault{What: "cannot read " + name, Fix: "mend the Dockerfile", Err: err}
	}
	d.Dockerfile = name
	d.because("build.dockerfile", name, reason)
	if d.Framework == "" {
		d.Framework = manifest.FrameworkDockerfile
		d.because("build.framework", d.Framework, reason)
	}
	d.setPort(port, "EXPOSE in "+name)
	return nil
}

// fromGo finds the program of a Go module.
func (d *Detection) fromGo(t tree) error {
	if err := checkFollowed(t.root, t.dir, "go.mod"); err != nil {
		return err
	}
	program, err := t.findProgram()
	if err != nil {
		return err
	}
	if err := checkInside(t.root, t.at(program)); err != nil {
		return err
	}
	d.Package = program
	d.setPort(manifest.FrameworkPort(manifest.FrameworkGo), "usual for "+manifest.FrameworkGo)
	return nil
}

// fromFiles recognizes a framework by its files.
func (d *Detection) fromFiles(t tree) error {
	if reason := t.goModule(); reason != "" {
		d.Framework = manifest.FrameworkGo
		d.because("build.framework", d.Framework, reason)
		return d.fromGo(t)
	}
	if framework, reason := t.framework(); framework != "" {
		d.found(framework, reason)
		return nil
	}
	if t.isProgram(".") {
		d.Framework = manifest.FrameworkGo
		d.because("build.framework", d.Framework, "a Go program without a go.mod, which has the standard library only")
		return d.fromGo(t)
	}
	if err := checkFollowed(t.root, t.dir, "go.mod", "package.json", "pom.xml", "composer.json", "requirements.txt", "pyproject.toml", "Gemfile", "Cargo.toml", "index.html"); err != nil {
		return err
	}
	if entries, err := t.list("."); err == nil && len(entries) == 0 && t.dir != "." {
		return submoduleFault([]string{t.dir}, "")
	}
	return &Fault{What: "nothing in the source says how to build it: no Dockerfile, no go.mod", Fix: addDockerfile}
}
