package detect

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/frameworks"
	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/dockerfile"
	"github.com/plateform/plateform/reconciler/scope"
)

// addDockerfile is the way out of everything that cannot be built otherwise.
const addDockerfile = "add a Dockerfile to the source, or name one in build.dockerfile"

// WithoutCgo is the way out for programs that need cgo.
const WithoutCgo = "leave cgo out, or add a Dockerfile to the source that compiles with it"

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
	// App is what a Dockerfile is written from; nil when the source has its own, or does not say enough.
	App *App `json:"app,omitempty"`
	// Reasons say where each of these comes from.
	Reasons []manifest.Inference `json:"reasons"`
	// missing is why there is neither a Dockerfile nor an App.
	missing *blame.Fault
}

// Buildable is a *blame.Fault when the source does not say enough to be built. A Go program is built without a Dockerfile.
func (d *Detection) Buildable() error {
	if d.Framework == frameworks.Go {
		return nil
	}
	return d.Writable()
}

// Writable is a *blame.Fault when the source does not say enough for a Dockerfile to be written.
func (d *Detection) Writable() error {
	if d.missing == nil {
		return nil
	}
	return &blame.Fault{What: fmt.Sprintf("this is %s, but %s", d.Framework, d.missing.What), Fix: d.missing.Fix}
}

func (d *Detection) because(field, value, reason string) {
	d.Reasons = append(d.Reasons, manifest.Inference{Field: field, Value: value, Reason: reason})
}

func (d *Detection) setPort(port int, reason string) {
	if d.Port = port; port != 0 {
		d.because("port", strconv.Itoa(port), reason)
	}
}

// PortOfImage is the port that only a built image tells: the one that it exposes, 0 for none, or else the usual one.
func (d *Detection) PortOfImage(exposed int) {
	d.setPort(exposed, "the built image exposes it")
	if d.Port == 0 {
		d.setPort(frameworks.Port(d.Framework), "usual for "+d.Framework)
	}
}

// Find finds out what the source in a folder is, empty for the root, and what its build reads. What is authored wins over what
// is found. A Dockerfile at the root of the source is followed whatever the framework, unless that was authored to be go. It
// reads files only, and none outside the source. An error that is the source's own fault is a *blame.Fault.
func Find(files fs.FS, dir string, authored *manifest.Build) (Detection, error) {
	if authored == nil {
		authored = &manifest.Build{}
	}
	t, err := openTree(files, path.Join(".", dir))
	if err != nil {
		return Detection{}, err
	}
	d := Detection{Framework: frameworks.Current(authored.Framework)}
	if err := d.find(t, authored); err != nil {
		return d, err
	}
	read, err := scope.Find(files, scope.Settings{Path: dir, Framework: authored.Framework, Dockerfile: authored.Dockerfile})
	if err != nil {
		return d, err
	}
	if d.Dockerfile == "" {
		d.findApp(t, read.Paths)
	}
	if read.Reason != "" {
		d.Scope = read.Words()
		d.because("scope", d.Scope, read.Reason)
	}
	return d, nil
}

func (d *Detection) find(t tree, authored *manifest.Build) error {
	switch name := authored.Dockerfile; {
	case name != "":
		return d.fromDockerfile(t, name, "build.dockerfile")
	case d.Framework == frameworks.Go:
		return d.fromGo(t)
	case t.exists("Dockerfile"):
		return d.fromDockerfile(t, "Dockerfile", "there is a Dockerfile")
	}
	if err := CheckFollowed(t.files, t.dir, "Dockerfile"); err != nil {
		return err
	}
	switch d.Framework {
	case "":
		return d.fromFiles(t)
	case frameworks.Dockerfile:
		return &blame.Fault{What: "build.framework is dockerfile, but the source has no Dockerfile", Fix: addDockerfile}
	}
	d.found(d.Framework, "")
	return nil
}

// found takes a framework.
func (d *Detection) found(framework, reason string) {
	d.Framework = framework
	if reason != "" {
		d.because("build.framework", framework, reason)
	}
	d.setPort(frameworks.Port(framework), "usual for "+framework)
}

// fromDockerfile takes what a Dockerfile says. Its name is relative to the folder, and may lead to elsewhere in the source.
func (d *Detection) fromDockerfile(t tree, name, reason string) error {
	if err := CheckFollowed(t.files, t.dir, name); err != nil {
		return err
	}
	text, err := t.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &blame.Fault{What: fmt.Sprintf("there is no %s in the source", name), Fix: "check build.dockerfile; it is relative to source.path"}
	}
	if err != nil {
		return &blame.Fault{What: "cannot read " + name, Fix: "mend the Dockerfile", Err: err}
	}
	port, err := dockerfile.ExposedPort(bytes.NewReader(text))
	if err != nil {
		return &blame.Fault{What: "cannot read " + name, Fix: "mend the Dockerfile", Err: err}
	}
	d.Dockerfile = name
	d.because("build.dockerfile", name, reason)
	if d.Framework == "" {
		d.Framework = frameworks.Dockerfile
		d.because("build.framework", d.Framework, reason)
	}
	d.setPort(port, "EXPOSE in "+name)
	return nil
}

// fromFiles recognizes a framework by its files.
func (d *Detection) fromFiles(t tree) error {
	if reason := t.goModule(); reason != "" {
		d.Framework = frameworks.Go
		d.because("build.framework", d.Framework, reason)
		return d.fromGo(t)
	}
	if framework, reason := t.framework(); framework != "" {
		d.found(framework, reason)
		return nil
	}
	if t.isProgram(".") {
		d.Framework = frameworks.Go
		d.because("build.framework", d.Framework, "a Go program without a go.mod, which has the standard library only")
		return d.fromGo(t)
	}
	if err := CheckFollowed(t.files, t.dir, "go.mod", "package.json", "pom.xml", "composer.json", "requirements.txt", "pyproject.toml", "Gemfile", "Cargo.toml", "index.html"); err != nil {
		return err
	}
	if t.isEmpty() && t.dir != "." {
		return SubmoduleFault([]string{t.dir}, "")
	}
	return &blame.Fault{What: "nothing in the source says how to build it: no Dockerfile, no go.mod, no file of another framework", Fix: addDockerfile}
}

// SubmoduleFault says that folders are submodules. way is another way out, if there is one.
func SubmoduleFault(names []string, way string) *blame.Fault {
	more := ""
	if len(names) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(names)-1)
	}
	return &blame.Fault{
		What: names[0] + " is a submodule and empty here" + more + ": Plateform does not check out submodules",
		Fix:  "commit its files instead" + way + ", and push",
	}
}
