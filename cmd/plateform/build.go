package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/installation"
	"github.com/plateform/plateform/cmd/plateform/job"
	"github.com/plateform/plateform/cmd/plateform/source"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/localbuild"
	"github.com/plateform/plateform/reconciler/registry"
)

// buildCommand holds the steps that a build server runs.
func (a *app) buildCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "build",
		GroupID: groupRun,
		Short:   "The steps of a build, for build servers",
		Long: `The steps of a build, for build servers: what is it, its Dockerfile, make its image.

They are the same that serve runs with builder.kind local. They work on a checkout of the app, and need neither of
Plateform's repositories.`,
		Example: `  plateform build detect
  plateform build dockerfile
  plateform build image --destination harbor.example.com/ws-1/shop --id 4f2a`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(buildDetectCommand(a), buildDockerfileCommand(a), a.buildImageCommand())
	c.AddCommand(job.Commands(a.stdout)...)
	return c
}

// imageFlags say what to make.
type imageFlags struct {
	source.Flags
	output       string
	request      reconciler.BuildRequest
	usernameFile string
	passwordFile string
	insecure     bool
	goCommand    string
}

// buildImageCommand makes an image and pushes it.
func (a *app) buildImageCommand() *cobra.Command {
	var flags imageFlags
	c := &cobra.Command{
		Use:   "image [DIR]",
		Short: "Make the image of a source and push it",
		Long: `Make the image of a source and push it.

A Go program is compiled and put into an image without any container tool; for everything else the source needs a
Dockerfile, and the machine one of buildctl, docker buildx, buildah, docker and podman. The image is pushed as build-<ID>, with labels
that say where it comes from. When an image of that build is there already, nothing is built.

What the tools say goes to standard error. The exit code is 1 when the source is at fault, and 3 when the registry or this
machine is. --output json prints the image as a release file has it.`,
		Example: `  plateform build image --destination harbor.example.com/ws-1/shop --id 4f2a \
      --repository https://github.com/acme/shop \
      --commit 9fceb02d0ae598e95dc970b74767f19372d61af8
  plateform build image ../shop --path web --env NEXT_PUBLIC_API=https://api \
      --username-file user --password-file token ...`,
		Args: argumentCount(0, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.buildImage(c.Context(), flags, args) },
	}
	flags.Add(c)
	outputFlag(c, &flags.output, "text", "json")
	f := c.Flags()
	f.StringArrayVar(&flags.Env, "env", nil, "NAME=VALUE of the build's environment (build.env); may be repeated")
	f.StringVar(&flags.request.ID, "id", "", "ID of the build; required")
	f.StringVar(&flags.request.Destination, "destination", "", "repository to push to, without a tag; required")
	f.StringVar(&flags.request.Commit, "commit", "", "commit of the checkout, for the labels; required")
	f.StringVar(&flags.request.Repository, "repository", "", "URL of the checkout, for the labels")
	f.StringVar(&flags.request.Tree, "tree", "", "hash of what is read of the checkout, for the labels")
	f.StringVar(&flags.request.Runs, "runs", "", "digest of the image that runs: if this build comes to it, it is tagged and printed")
	f.StringVar(&flags.request.Image, "name", "app", "name of the image in the release: app, or the service")
	f.StringVar(&flags.usernameFile, "username-file", "", "file with the username for the registry")
	f.StringVar(&flags.passwordFile, "password-file", "", "file with the password for the registry")
	f.BoolVar(&flags.insecure, "insecure", false, "allow plain http to the registry; to this machine it always is")
	f.StringVar(&flags.goCommand, "go", "go", "go command that compiles")
	return c
}

func (a *app) buildImage(ctx context.Context, flags imageFlags, args []string) (err error) {
	if err := exit.OneOf("output", flags.output, "text", "json"); err != nil {
		return err
	}
	root, err := source.Folder(args)
	if err != nil {
		return err
	}
	r := flags.request
	r.Path = flags.Path
	if r.Build, err = flags.Build(); err != nil {
		return err
	}
	for _, needed := range []struct{ flag, value string }{
		{"id", r.ID}, {"destination", r.Destination}, {"commit", r.Commit},
	} {
		if needed.value == "" {
			return exit.Usage("--%s is needed (see plateform build image -h)", needed.flag)
		}
	}
	if err := localbuild.CheckNames(r); err != nil {
		return exit.Usage("%w", err)
	}
	client, err := flags.registry()
	if err != nil {
		return err
	}
	defer client.Close()
	made, err := localbuild.Find(ctx, client, r)
	if err == nil && made == nil {
		made, err = a.makeImage(ctx, flags, r, localbuild.Source{Root: root, Path: flags.Path}, client)
	}
	if err != nil {
		return source.Error(err)
	}
	image := made.Image
	if flags.output == "json" {
		return terminal.WriteJSON(a.stdout, image)
	}
	fmt.Fprintf(a.stdout, "%s:%s\n  digest     %s\n  framework  %s\n  port       %d\n",
		image.Repository, image.Tag, image.Digest, image.Framework, image.Port)
	return nil
}

// makeImage runs the build in a folder of its own.
func (a *app) makeImage(ctx context.Context, flags imageFlags, r reconciler.BuildRequest, src localbuild.Source, to localbuild.Registry) (made *localbuild.Made, err error) {
	work, err := os.MkdirTemp("", "plateform-build-")
	if err != nil {
		return nil, fmt.Errorf("preparing the build: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = work // a machine without a home keeps nothing
	}
	steps := localbuild.Steps{
		Name: r.ID, Work: work, Cache: filepath.Join(cache, "plateform"), GoCommand: flags.goCommand, Log: a.stderr,
	}
	return steps.Run(ctx, r, src, to, func(reconciler.Stage) {})
}

// registry opens the registry to push to.
func (f *imageFlags) registry() (*registry.Client, error) {
	options := registry.Options{Insecure: f.insecure}
	if f.usernameFile != "" && f.passwordFile != "" {
		username, err := installation.ReadSecret(f.usernameFile)
		if err != nil {
			return nil, err
		}
		password, err := installation.ReadSecret(f.passwordFile)
		if err != nil {
			return nil, err
		}
		options.Username, options.Password = username, registry.Password(password)
	} else if f.usernameFile != f.passwordFile {
		return nil, exit.Usage("set both --username-file and --password-file, or neither")
	}
	return registry.New(options)
}
