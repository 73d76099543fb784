package source

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/blame"
)

// Flags say what of a source is looked at, and what its project says of it.
type Flags struct {
	// Path of the folder in the source; empty for the root.
	Path string
	// Framework, Dockerfile and Env as in build of a project; variables are NAME=VALUE.
	Framework  string
	Dockerfile string
	Env        []string
}

// Add adds the flags to a command, but for those of variables.
func (f *Flags) Add(c *cobra.Command) {
	c.Flags().StringVar(&f.Path, "path", "", "folder of the checkout that is built (source.path of the project)")
	c.Flags().StringVar(&f.Framework, "framework", "", "what the source is (build.framework; default: found out)")
	c.Flags().StringVar(&f.Dockerfile, "dockerfile", "", "Dockerfile, relative to the path (build.dockerfile)")
}

// Build is what the project says.
func (f *Flags) Build() (*manifest.Build, error) {
	b := &manifest.Build{Framework: f.Framework, Dockerfile: f.Dockerfile}
	if f.Framework != "" {
		if err := manifest.CheckFramework(f.Framework); err != nil {
			return nil, exit.Usage("--framework: %w", err)
		}
	}
	for _, variable := range f.Env {
		name, value, found := strings.Cut(variable, "=")
		if !found {
			return nil, exit.Usage("--env %s: write NAME=VALUE", name)
		}
		b.Env = append(b.Env, manifest.BuildVar{Name: name, Value: value})
	}
	return b, nil
}

// Names are those of the variables alone, of which the values need not be given.
func (f *Flags) Names() []string {
	var names []string
	for _, variable := range f.Env {
		name, _, _ := strings.Cut(variable, "=")
		names = append(names, name)
	}
	return names
}

// Folder is a folder that was named, or the one the user stands in.
func Folder(args []string) (string, error) {
	dir := append(args, ".")[0]
	root, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return "", exit.Usage("there is no folder %s (name the checkout of the app)", dir)
	}
	return root, nil
}

// Error makes what is the source's fault a finding.
func Error(err error) error {
	var fault *blame.Fault
	if errors.As(err, &fault) {
		return exit.Finding("%w", err)
	}
	return err
}
