package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/cmd/plateform/validation"
	"github.com/plateform/plateform/manifest"
)

// validateCommand tells every problem of a checkout.
func (a *app) validateCommand() *cobra.Command {
	var output, config string
	var verify bool
	c := &cobra.Command{
		Use:     "validate [DIR]",
		GroupID: groupLook,
		Short:   "Tell every problem of a config repository, with place and fix",
		Long: `Tell every problem of a config repository, with its place and how to mend it.

DIR is a checkout of the config repository (default: the one you stand in). What is read are the files as they are on
the disk, committed or not. The newest release file of each project is checked to be the one that Plateform wrote.

What is right and the engine of the installation does not run, as engine local runs no workers, is a warning.

The exit code is 1 when there are problems; warnings are none. docs/output.md describes the fields of --output json.`,
		Example: `  plateform validate
  plateform validate path/to/platform-config --output json
  plateform validate --output github     # annotations in a GitHub workflow`,
		Args: argumentCount(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := exit.OneOf("output", output, "text", "json", "github"); err != nil {
				return err
			}
			dir, err := configFolder(args)
			if err != nil {
				return err
			}
			if err := a.checkSparse(c.Context(), dir); err != nil {
				return err
			}
			not, err := unrun(config, dir)
			if err != nil {
				return err
			}
			return a.validate(dir, output, verify, not)
		},
	}
	outputFlag(c, &output, "text", "json", "github")
	engineFlag(c, &config)
	c.Flags().BoolVar(&verify, "verify", false, "check the signatures of all release files, not only of the newest")
	return c
}

// configFolder is the folder to validate: the one that is named, or the nearest above that has a platform.yaml.
func configFolder(args []string) (string, error) {
	if len(args) == 1 {
		info, err := os.Stat(args[0])
		if err != nil {
			return "", exit.Usage("%s cannot be read (name a checkout of the config repository): %w", args[0], err)
		}
		if !info.IsDir() {
			return "", exit.Usage("%s is no folder (name a checkout of the config repository)", args[0])
		}
		return args[0], nil
	}
	here, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding out where we are: %w", err)
	}
	up := "."
	for dir := here; ; dir, up = filepath.Dir(dir), filepath.Join(up, "..") {
		if _, err := os.Stat(filepath.Join(dir, manifest.PlatformFile)); err == nil {
			return up, nil
		}
		if dir == filepath.Dir(dir) {
			return "", exit.Usage("there is no %s in %s or above (go to a checkout of the config repository, or name it)", manifest.PlatformFile, here)
		}
	}
}

// checkSparse tells of files that a sparse checkout leaves out: what is not on the disk is not validated. That none is there is
// an error: nothing was found to be right.
func (o *output) checkSparse(ctx context.Context, dir string) error {
	left := leftOut(ctx, dir)
	if left == 0 {
		return nil
	}
	said := fmt.Sprintf("%s that this sparse checkout leaves out (git sparse-checkout disable)", terminal.Count(left, "file"))
	_, noPlatform := os.Stat(filepath.Join(dir, manifest.PlatformFile))
	_, noWorkspaces := os.Stat(filepath.Join(dir, manifest.WorkspacesDir))
	if errors.Is(noPlatform, fs.ErrNotExist) && errors.Is(noWorkspaces, fs.ErrNotExist) {
		return exit.Usage("there is nothing to validate here but %s", said)
	}
	fmt.Fprintf(o.stderr, "Not validated: %s\n", said)
	return nil
}

// leftOut is how many files of the config repository a sparse checkout leaves out; 0 also where there is no Git at all.
func leftOut(ctx context.Context, dir string) (left int) {
	g := git.Command{Dir: dir}
	if sparse, err := g.Run(ctx, "config", "--bool", "core.sparseCheckout"); err != nil || sparse != "true" {
		return 0
	}
	listed, err := g.Run(ctx, "ls-files", "-t", "--", manifest.PlatformFile, manifest.WorkspacesDir)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(listed) {
		if strings.HasPrefix(line, "S ") {
			left++
		}
	}
	return left
}

func (a *app) validate(dir, output string, verify bool, unrun func(manifest.ProjectSpec) string) error {
	v, err := validation.In(dir, verify, unrun)
	if err != nil {
		return err
	}
	switch output {
	case "json":
		if err := terminal.WriteJSON(a.stdout, v); err != nil {
			return err
		}
	case "github":
		v.GitHub(a.stdout, dir)
	default:
		v.Print(a.stdout, a.stderr, a.palette(), dir)
	}
	if len(v.Problems) > 0 {
		return exit.AlreadySaid()
	}
	return nil
}
