package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
)

// engineFlag names the installation whose engine runs what a checkout says.
func engineFlag(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "config", "c", "", "the serve.yaml of the installation, to say what its engine does not run (default: the one beside the checkout, if there is one)")
}

// unrun says what the engine of an installation does not run of what people wrote; it is nil when the engine runs everything, or is not
// known. The installation is the one of a file, or else of the serve.yaml beside a checkout, where init puts it. A file there that is
// no serve.yaml is somebody else's.
func unrun(file, root string) (func(manifest.ProjectSpec) string, error) {
	if file != "" {
		settings, err := installation.Load(file)
		if err != nil {
			return nil, err
		}
		return settings.Engine.Unrun(), nil
	}
	settings, err := installation.Load(filepath.Join(root, "..", "serve.yaml"))
	if err != nil {
		return nil, nil //nolint:nilerr // there is none, as nearly always
	}
	return settings.Engine.Unrun(), nil
}
