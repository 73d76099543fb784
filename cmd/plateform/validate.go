package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
)

// validateCommand tells every problem of a checkout.
func (a *app) validateCommand() *cobra.Command {
	var output string
	var verify bool
	c := &cobra.Command{
		Use:     "validate [DIR]",
		GroupID: groupLook,
		Short:   "Tell every problem of a config repository, with place and fix",
		Long: `Tell every problem of a config repository, with its place and how to mend it.

DIR is a checkout of the config repository (default: the one you stand in). What is read are the files as they are on
the disk, committed or not. The newest release file of each project is checked to be the one that Plateform wrote.

The exit code is 1 when there are problems. docs/output.md describes the fields of --output json.`,
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
			return a.validate(dir, output, verify)
		},
	}
	outputFlag(c, &output, "text", "json", "github")
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

// validation is what `validate --output json` prints. Keys are added, never renamed or removed.
type validation struct {
	Workspaces int               `json:"workspaces"`
	Projects   int               `json:"projects"`
	Problems   manifest.Problems `json:"problems"`
}

func (a *app) validate(dir, output string, verify bool) error {
	fsys := os.DirFS(dir)
	config, problems := manifest.Load(fsys)
	problems = append(problems, manifest.LocateIn(fsys, config.Validate())...)
	forged, err := checkReleases(fsys, config, verify)
	if err != nil {
		return err
	}
	problems = append(problems, forged...)
	v := validation{Workspaces: len(config.Workspaces), Projects: len(config.Projects), Problems: problems}
	switch output {
	case "json":
		if v.Problems == nil {
			v.Problems = manifest.Problems{}
		}
		if err := terminal.WriteJSON(a.stdout, v); err != nil {
			return err
		}
	case "github":
		for _, p := range v.Problems {
			fmt.Fprintln(a.stdout, githubCommand(dir, p))
		}
	default:
		a.printValidation(dir, v)
	}
	if len(v.Problems) > 0 {
		return exit.AlreadySaid()
	}
	return nil
}

// printValidation prints one problem a line, as editors and terminals know it.
func (o *output) printValidation(dir string, v validation) {
	style := o.palette()
	files := map[string]bool{}
	for _, p := range v.Problems {
		files[p.File] = true
		place := path.Join(filepath.ToSlash(dir), p.File)
		if p.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", place, p.Line, p.Column)
		}
		fix := ""
		if p.Fix != "" {
			fix = style.Dim(" (" + p.Fix + ")")
		}
		fmt.Fprintf(o.stdout, "%s: %s%s\n", style.Bold(place), p.What, fix)
	}
	if len(v.Problems) > 0 {
		fmt.Fprintf(o.stderr, "%s in %s\n", style.Bad(terminal.Count(len(v.Problems), "problem")), terminal.Count(len(files), "file"))
		return
	}
	fmt.Fprintf(o.stdout, "%s %s, %s\n", style.Good("No problems:"), terminal.Count(v.Workspaces, "workspace"), terminal.Count(v.Projects, "project"))
}

// githubCommand is a problem as a workflow command, which GitHub shows on the line of the file.
func githubCommand(dir string, p manifest.Problem) string {
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	message := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	place := "file=" + property.Replace(path.Join(filepath.ToSlash(dir), p.File))
	if p.Line > 0 {
		place += fmt.Sprintf(",line=%d,col=%d", p.Line, p.Column)
	}
	text := p.What
	if p.Fix != "" {
		text += " (" + p.Fix + ")"
	}
	return "::error " + place + "::" + message.Replace(text)
}
