package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/cmd/plateform/up"
	"github.com/plateform/plateform/manifest"
)

// repositoryFlags say which config repository a command works on.
type repositoryFlags struct{ checkout.Place }

func (f *repositoryFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.URL, "config-repo", "", "URL or path of the config repository (default: the remote of the checkout you stand in)")
	c.Flags().StringVar(&f.Branch, "branch", "", "branch of the config repository (default: the remote's default branch)")
}

// locate fills in the installation of plateform up where no repository is named and none is here, and says so. It returns where its
// GitOps repository is; nothing when another one is meant.
func (o *output) locate(ctx context.Context, f *repositoryFlags) checkout.Place {
	if f.URL != "" || f.Branch != "" {
		return checkout.Place{}
	}
	var usual homeFlags
	home, err := usual.home()
	config, gitops, found := up.Find(ctx, home)
	if err != nil || !found {
		return checkout.Place{}
	}
	f.Place = config
	o.sayInstallation(home)
	return gitops
}

func (o *output) sayInstallation(home string) {
	terminal.Sheet{Out: o.stderr, Width: o.stderrWidth}.Wrap("", 0, "This is the installation of plateform up in "+home+".")
}

// locateSettings is the settings file that is meant: of the installation of plateform up, which it says, when there is none here.
func (o *output) locateSettings(file string) string {
	var usual homeFlags
	home, err := usual.home()
	if found := up.SettingsIn(home, file); err == nil && found != "" {
		o.sayInstallation(home)
		return found
	}
	return file
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
