package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/blame"
	"github.com/plateform/plateform/reconciler/detect"
	"github.com/plateform/plateform/reconciler/dockerfile/generate"
)

// Detected is what was found out about a source, and what could be built instead.
type Detected struct {
	detect.Detection
	// Missing is why it cannot be built as it is, and what would help; absent when it can be.
	Missing string `json:"missing,omitempty"`
	// Paths are the folders that hold an app, when this one does not.
	Paths []detect.Place `json:"paths,omitempty"`
	// all says that there are no more of them.
	all bool
}

// Detect finds out what the source in a folder is. What is found is worth telling beside an error, too, unless it is Empty.
func Detect(files fs.FS, dir string, authored *manifest.Build) (found Detected, err error) {
	if found.Detection, err = detect.Find(files, dir, authored); err == nil {
		err = found.Buildable()
	}
	found.all = true
	var fault *blame.Fault
	if errors.As(err, &fault) {
		found.Missing = err.Error()
		found.Paths, found.all = detect.Places(files, dir)
	}
	if found.Reasons == nil {
		found.Reasons = []manifest.Inference{}
	}
	return found, err
}

// Empty says that there is nothing to tell.
func (d Detected) Empty() bool { return d.Framework == "" && len(d.Paths) == 0 }

// Print tells it to people.
func (d Detected) Print(out io.Writer) {
	if d.Framework != "" {
		fmt.Fprintln(out, d.Framework)
	}
	for _, reason := range d.Reasons {
		fmt.Fprintf(out, "  %-17s %s (%s)\n", reason.Field, shown(reason.Value), shown(reason.Reason))
	}
	if len(d.Paths) > 0 {
		fmt.Fprintln(out, "Folders that hold an app; source.path of a project (here --path) names one:")
	}
	for _, place := range d.Paths {
		fmt.Fprintf(out, "  %-17s %s (%s)\n", shown(place.Path), place.Framework, shown(place.Reason))
	}
	if !d.all {
		fmt.Fprintln(out, "  There may be more: not all folders were looked through.")
	}
}

// shown is what a source says, in one line that does nothing to a terminal.
func shown(said string) string { return strings.ReplaceAll(manifest.Plain(said), "\n", " ") }

// Dockerfile is the one that a source is built with.
type Dockerfile struct {
	// Text of the Dockerfile, and whether it was Generated; if not, Name is where it is, from the path on.
	Text      string `json:"text"`
	Generated bool   `json:"generated"`
	Name      string `json:"dockerfile,omitempty"`
	// Context is the folder of the repository that it is built from; "." for the root.
	Context string `json:"context"`
	// Bases are the images that a generated one stands on, and Ignore the lines of a .dockerignore for it.
	Bases     []string             `json:"bases,omitempty"`
	Ignore    []string             `json:"ignore,omitempty"`
	Framework string               `json:"framework"`
	Port      int                  `json:"port,omitempty"`
	Reasons   []manifest.Inference `json:"reasons"`
}

// DockerfileOf is the Dockerfile in a folder, or one that is written for it. arguments are the names of variables of the build.
func DockerfileOf(files fs.FS, dir string, authored *manifest.Build, arguments []string) (Dockerfile, error) {
	d, err := detect.Find(files, dir, authored)
	if err != nil {
		return Dockerfile{}, err
	}
	out := Dockerfile{Framework: d.Framework, Port: d.Port, Reasons: d.Reasons, Context: path.Join(".", dir)}
	if d.Dockerfile != "" {
		text, err := detect.ReadFile(files, path.Join(dir, d.Dockerfile))
		out.Text, out.Name = string(text), d.Dockerfile
		return out, err
	}
	made, err := generate.Dockerfile(d, arguments)
	out.Text, out.Generated, out.Context, out.Bases, out.Ignore = made.Text, true, made.Context, made.Bases, made.Ignore
	return out, err
}
