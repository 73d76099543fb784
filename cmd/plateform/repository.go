package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest"
)

// repositoryFlags say which config repository a command works on.
type repositoryFlags struct{ checkout.Place }

func (f *repositoryFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.URL, "config-repo", "", "URL or path of the config repository (default: the remote of the checkout you stand in)")
	c.Flags().StringVar(&f.Branch, "branch", "", "branch of the config repository (default: the remote's default branch)")
}

// parseKey reads WS/PROJECT. Both become folders, so a name that could lead out of one is none.
func parseKey(s string) (manifest.Key, error) {
	workspace, project, ok := strings.Cut(s, "/")
	key := manifest.Key{Workspace: workspace, Project: project}
	if !ok || workspace == "" || project == "" || len(manifest.CheckFolders("", key)) > 0 {
		return manifest.Key{}, exit.Usage("%q is not a project (write it like ws-1/shop)", s)
	}
	return key, nil
}
