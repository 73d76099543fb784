package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/images"
)

// imagesCommand is about images.
func imagesCommand(out io.Writer) *cobra.Command {
	c := &cobra.Command{
		Use:     "images",
		GroupID: groupRun,
		Short:   "The images of an installation",
		Long:    `The images of an installation: look whether they are there, or take those of the registry inside serve (registry.kind embedded) to another one.`,
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(images.Commands(out)...)
	return c
}
