package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/images"
	"github.com/plateform/plateform/cmd/plateform/installation"
)

// imagesCommand is about the registry inside serve.
func imagesCommand(out io.Writer) *cobra.Command {
	c := &cobra.Command{
		Use:     "images",
		GroupID: groupRun,
		Short:   "The images of the registry inside serve",
		Long:    `The images of the registry inside serve (registry.kind embedded): take them to another registry.`,
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(imagesCopyCommand(out))
	return c
}

// imagesCopyCommand copies all images to another registry.
func imagesCopyCommand(out io.Writer) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "copy REGISTRY",
		Short: "Copy all images of the registry inside serve to another one",
		Long: `Copy all images of the registry inside serve to another one, under the same names, tags and digests.

serve has to run. REGISTRY is host[:port][/path], as it will be in registry.url of platform.yaml; the credentials are
registry.usernameFile and registry.passwordFile of serve.yaml. What is there already is left as it is, so this can be
done again. It changes no release: docs/registry.md says how to go on.`,
		Example: `  plateform images copy harbor.example.com/apps --config serve.yaml`,
		Args:    argumentCount(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := installation.Load(file)
			if err != nil {
				return err
			}
			return images.Copy(c.Context(), out, s, args[0])
		},
	}
	configFlag(c, &file)
	return c
}
