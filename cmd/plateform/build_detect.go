package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/source"
	"github.com/plateform/plateform/cmd/plateform/terminal"
)

// detectFlags say what is looked at: the files of a folder, or a commit of a repository.
type detectFlags struct {
	source.Flags
	revision string
	output   string
}

func (f *detectFlags) add(c *cobra.Command) {
	f.Add(c)
	c.Flags().StringVar(&f.revision, "revision", "", "commit, tag or branch of the repository to look at instead of the files of a folder")
	outputFlag(c, &f.output, "text", "json")
}

// open opens what is looked at.
func (f *detectFlags) open(ctx context.Context, args []string) (source.Files, error) {
	if err := exit.OneOf("output", f.output, "text", "json"); err != nil {
		return source.Files{}, err
	}
	return source.Open(ctx, append(args, ".")[0], f.revision)
}

// buildDetectCommand says what a source is.
func buildDetectCommand(a *app) *cobra.Command {
	var flags detectFlags
	c := &cobra.Command{
		Use:   "detect [DIR|REPOSITORY]",
		Short: "Say what a source is and which port it listens on, with reasons",
		Long: `Say what a source is and which port it listens on, with reasons.

What its Dockerfile is written from is said too, when it has none, and what a build reads beside its path (scope): a push to that is
built. Files are read, nothing is run. A repository is named by its URL, or with --revision by a folder in it; git fetches it as it does
for you. When nothing says how to build it, the exit code is 1, and the folders are told that do hold an app. --output json prints
{"framework", "port", "dockerfile", "package", "scope", "app", "reasons", "missing", "paths"}; what is not known is left out.`,
		Example: `  plateform build detect
  plateform build detect ../shop --path services/orders --output json
  plateform build detect https://github.com/acme/shop`,
		Args: argumentCount(0, 1),
		RunE: func(c *cobra.Command, args []string) error { return buildDetect(c.Context(), a, flags, args) },
	}
	flags.add(c)
	return c
}

func buildDetect(ctx context.Context, a *app, flags detectFlags, args []string) (err error) {
	settings, err := flags.Build()
	if err != nil {
		return err
	}
	files, err := flags.open(ctx, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	found, err := source.Detect(files, flags.Path, settings)
	switch {
	case err != nil && found.Empty():
	case flags.output == "json":
		err = errors.Join(terminal.WriteJSON(a.stdout, found), err)
	default:
		found.Print(a.stdout)
	}
	return source.Error(err)
}

// buildDockerfileCommand prints the Dockerfile that a source is built with.
func buildDockerfileCommand(a *app) *cobra.Command {
	var flags detectFlags
	c := &cobra.Command{
		Use:   "dockerfile [DIR|REPOSITORY]",
		Short: "Print the Dockerfile that a source is built with",
		Long: `Print the Dockerfile that a source is built with.

One that is in the source is printed as it is. For a source without one it is written from what build detect finds: several stages, what
is installed in layers of its own, a user without rights, a port and a health check. It is the one that build image and the local builder
use, except for Go programs, which they build without one. Commit it when you want to change it.

The variables of build.env are its ARGs; their values are given to the tool that builds and never stand in the file.
--output json prints {"text", "generated", "dockerfile", "context", "bases", "ignore", "framework", "port", "reasons"}: context is the
folder of the repository to build it from, bases are the images it stands on, ignore is what a .dockerignore should have.`,
		Example: `  plateform build dockerfile > Dockerfile
  plateform build dockerfile ../shop --path web --env NEXT_PUBLIC_API`,
		Args: argumentCount(0, 1),
		RunE: func(c *cobra.Command, args []string) error { return buildDockerfile(c.Context(), a, flags, args) },
	}
	flags.add(c)
	c.Flags().StringArrayVar(&flags.Env, "env", nil, "NAME, or NAME=VALUE, of a variable of the build (build.env); may be repeated")
	return c
}

func buildDockerfile(ctx context.Context, a *app, flags detectFlags, args []string) (err error) {
	names := flags.Names()
	flags.Env = nil // only names count
	settings, err := flags.Build()
	if err != nil {
		return err
	}
	files, err := flags.open(ctx, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	out, err := source.DockerfileOf(files, flags.Path, settings, names)
	if err != nil {
		return source.Error(err)
	}
	if flags.output == "json" {
		return terminal.WriteJSON(a.stdout, out)
	}
	fmt.Fprint(a.stdout, out.Text)
	return nil
}
