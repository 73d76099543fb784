package up

import (
	"context"
	"os"
	"path/filepath"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/manifest"
)

// Find is where the repositories of the installation in a folder are. It is found only where the folder that the user stands in is
// no checkout of another config repository: there, that one is meant.
func Find(ctx context.Context, home string) (config, gitops checkout.Place, found bool) {
	if _, err := (git.Command{Dir: "."}).Run(ctx, "cat-file", "-e", "HEAD:"+manifest.PlatformFile); err == nil {
		return config, gitops, false
	}
	file := filepath.Join(home, "serve.yaml")
	if _, err := os.Stat(file); err != nil {
		return config, gitops, false
	}
	s, err := installation.Load(file)
	if err != nil { // plateform up says what is wrong with it
		return config, gitops, false
	}
	return checkout.Place{URL: s.Config.URL, Branch: s.Config.Branch}, checkout.Place{URL: s.GitOps.URL, Branch: s.GitOps.Branch}, true
}

// SettingsIn is the settings file of the installation in a folder; empty when there is none, or a file of that name is where the user stands.
func SettingsIn(home, file string) string {
	if _, err := os.Stat(file); err == nil {
		return ""
	}
	found := filepath.Join(home, file)
	if _, err := os.Stat(found); err != nil {
		return ""
	}
	return found
}
