package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/registry"
)

// Command holds what is about images. arguments are those that it takes itself.
func Command(out io.Writer, group string, arguments cobra.PositionalArgs) *cobra.Command {
	c := &cobra.Command{
		Use:     "images",
		GroupID: group,
		Short:   "The images of an installation",
		Long:    `The images of an installation: look whether they are there, or take those of the registry inside serve (registry.kind embedded) to another one.`,
		Args:    arguments,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(checkCommand(out), copyCommand(out))
	return c
}

// copyCommand copies all images to another registry.
func copyCommand(out io.Writer) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "copy REGISTRY",
		Short: "Copy all images of the registry inside serve to another one",
		Long: `Copy all images of the registry inside serve to another one, under the same names, tags and digests.

serve has to run. REGISTRY is host[:port][/path], as it will be in registry.url of platform.yaml; the credentials are
registry.usernameFile and registry.passwordFile of serve.yaml. What is there already is left as it is, so this can be
done again. It changes no release: docs/registry.md says how to go on.`,
		Example: `  plateform images copy harbor.example.com/apps --config serve.yaml`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit.Usage("name one registry: %s (see %s -h)", c.UseLine(), c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			s, err := installation.Load(file)
			if err != nil {
				return err
			}
			return Copy(c.Context(), out, s, args[0])
		},
	}
	settingsFlag(c, &file)
	return c
}

// checkCommand looks for the images of all releases.
func checkCommand(out io.Writer) *cobra.Command {
	var file, output string
	c := &cobra.Command{
		Use:   "check",
		Short: "Look whether registries have the images of all release files",
		Long: `Look whether registries have the images of all release files.

A registry may remove images by rules of its own. Every release file that is there can be rolled back to, so its images have to stay. This asks for each image of each release file by its digest, and changes nothing. The exit code is 1 when
one is missing, and 3 when a registry does not answer.`,
		Example: `  plateform images check --config serve.yaml
  plateform images check --output json | jq '.missing[] | select(.newest)'`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return exit.Usage("%s takes no arguments (see %s -h)", c.CommandPath(), c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return exit.Usage("--output %q is not known (use text, json)", output)
			}
			s, err := installation.Load(file)
			if err != nil {
				return err
			}
			report, err := Check(c.Context(), s)
			if err != nil {
				return err
			}
			return report.tell(out, output)
		},
	}
	settingsFlag(c, &file)
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return c
}

func settingsFlag(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "config", "c", "serve.yaml", "the settings of this installation")
	if err := c.MarkFlagFilename("config", "yaml", "yml"); err != nil {
		panic(err) // the flag was added just now
	}
}

// Check asks registries for the images of all release files of an installation.
func Check(ctx context.Context, s *installation.Settings) (report Report, err error) {
	dir, err := os.MkdirTemp("", "plateform-images-")
	if err != nil {
		return Report{}, fmt.Errorf("making room for a copy of the config repository: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := openConfig(s, dir)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	head, err := store.Fetch(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("reading the config repository: %w", err)
	}
	if head == "" {
		return Report{}, exit.Usage("%s has no branch %s (push to it, or set config.branch)", gitstore.Redact(s.Config.URL), s.Config.Branch)
	}
	client, err := openRegistry(s, store, head)
	if err != nil {
		return Report{}, err
	}
	defer client.Close()
	report, named, err := Files(store, head)
	if err != nil {
		return Report{}, err
	}
	return report, report.ask(ctx, client, named)
}

// openConfig opens the config repository with the access that serve has.
func openConfig(s *installation.Settings, dir string) (*gitstore.Store, error) {
	login, err := s.GitHub.Open(time.Now)
	if err != nil {
		return nil, err
	}
	access, err := s.Config.Access()
	if err != nil {
		return nil, err
	}
	return gitstore.Open(gitstore.Options{Access: login.Platform(access), URL: s.Config.URL, Branch: s.Config.Branch, Dir: dir})
}

// openRegistry opens registries as serve does: that of platform.yaml with its credentials, all others without.
func openRegistry(s *installation.Settings, store *gitstore.Store, head string) (*registry.Client, error) {
	options, err := s.Registry.Options()
	if err != nil {
		return nil, err
	}
	content, err := store.Read(head, manifest.PlatformFile)
	if err != nil {
		return nil, exit.Usage("%s cannot be read in the config repository (is config.url one?): %w", manifest.PlatformFile, err)
	}
	platform, problems := manifest.ParsePlatform(manifest.PlatformFile, content)
	if platform == nil {
		return nil, exit.Finding("which registry is the platform's is not known: %w", problems.Err())
	}
	host, _, _ := strings.Cut(platform.Spec.Registry.URL, "/")
	options.Host, options.Root = func() string { return host }, func() string { return platform.Spec.Registry.URL }
	return registry.New(options)
}

// tell prints what was found; the error is the exit code.
func (r Report) tell(out io.Writer, output string) error {
	if output == "json" {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
	} else {
		r.print(out)
	}
	unknown := 0
	for _, u := range r.Unknown {
		unknown += u.Images
	}
	switch {
	case len(r.Missing) > 0:
		return exit.Finding("%s of releases %s not there (what runs is built anew by plateform retry WS/PROJECT; docs/registry.md says how images are kept)", terminal.Count(len(r.Missing), "image"), isOrAre(len(r.Missing)))
	case unknown > 0:
		return fmt.Errorf("of %s nothing is known, as a registry does not answer", terminal.Count(unknown, "image"))
	case len(r.Unreadable) > 0:
		return exit.Finding("%s cannot be read (plateform validate tells why)", terminal.Count(len(r.Unreadable), "release file"))
	}
	return nil
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// print prints one line for each thing that is wrong, and what was looked at.
func (r Report) print(out io.Writer) {
	for _, m := range r.Missing {
		newest := ""
		if m.Newest {
			newest = ", the newest"
		}
		fmt.Fprintf(out, "%s %s%s: %s is not there\n", m.Project, m.Release, newest, m.at())
	}
	for _, u := range r.Unknown {
		fmt.Fprintf(out, "%s: %s not known: %s\n", u.Registry, terminal.Count(u.Images, "image"), u.Why)
	}
	for _, file := range r.Unreadable {
		fmt.Fprintf(out, "%s: it cannot be read\n", file)
	}
	found := "."
	if r.Images > 0 && len(r.Missing)+len(r.Unknown)+len(r.Unreadable) == 0 {
		found = ": all are there."
	}
	fmt.Fprintf(out, "Looked for %s of %s of %s%s\n", terminal.Count(r.Images, "image"), terminal.Count(r.Releases, "release"), terminal.Count(r.Projects, "project"), found)
}
