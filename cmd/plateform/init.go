package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/scaffold"
	"github.com/plateform/plateform/cmd/plateform/terminal"
)

// initCommand scaffolds an installation.
func (a *app) initCommand() *cobra.Command {
	var options scaffold.Options
	c := &cobra.Command{
		Use:     "init DIR",
		GroupID: groupStart,
		Short:   "Scaffold the two repositories, a signing key and serve.yaml",
		Long: `Scaffold the two repositories, a signing key and serve.yaml.

DIR gets checkouts of both repositories with a first commit, bare repositories they push to (to be replaced by yours), a
sample app, the key that signs releases, and a serve.yaml that ties them together. Nothing that is there is overwritten.`,
		Example: `  plateform init acme
  plateform init acme --domain apps.acme.com --registry harbor.acme.com`,
		Args: argumentCount(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.init(c.Context(), args[0], options) },
	}
	c.Flags().StringVar(&options.Name, "name", "", "name of the platform (default: the name of DIR)")
	c.Flags().StringVar(&options.Domain, "domain", scaffold.DefaultDomain, "domain that projects get their hosts under")
	c.Flags().StringVar(&options.Registry, "registry", "", "image registry, as host[:port][/path] (default: one inside serve, for this machine)")
	return c
}

func (a *app) init(ctx context.Context, dir string, options scaffold.Options) error {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding %s: %w", dir, err)
	}
	made, err := scaffold.Claim(absolute)
	if err != nil {
		return err
	}
	s := scaffold.New(absolute, options)
	if err := s.Write(ctx); err != nil {
		return errors.Join(err, scaffold.Unclaim(absolute, made))
	}
	return a.printScaffold(dir, s)
}

// printScaffold says what is there and what to do with it.
func (o *output) printScaffold(dir string, s *scaffold.Scaffold) error {
	const text = `Made %[1]s:
  platform-config/     what people write; first commit %[2]s
  plateform-gitops/    what Plateform writes; first commit %[3]s
  hello/               a sample app to deploy
  remotes/             bare repositories for the three to push to, until you
                       have better ones
  keys/release.key     signs releases: keep it secret and out of Git;
                       platform.yaml holds its public half
  serve.yaml           how Plateform reaches all of it

Images go to %[4]s.

Next:
  1. Start Plateform, in a terminal of its own:
       plateform serve --config %[1]s/serve.yaml

  2. Deploy the sample app:
       cd %[1]s/platform-config
       git mv samples workspaces && git commit -m "Add hello" && git push

  It answers at http://hello-ws-1.%[5]s:%[6]s

Then:
  Change hello/main.go, commit and push it, and there is a new release. Take it
  back, without a build:
       plateform rollback ws-1/hello
  What runs, and what failed and why:
       plateform status
  An app of your own, in its folder, without any of this:
       plateform up
  When you mean it: set your domain and registry in platform.yaml, push both
  repositories to your Git host, and write their URLs into serve.yaml.
       git remote set-url origin URL && git push -u origin main
`
	_, err := fmt.Fprintf(o.stdout, text, dir, terminal.Short(s.FirstCommit(scaffold.ConfigDir)), terminal.Short(s.FirstCommit(scaffold.GitOpsDir)), registryWords(s), s.Domain, s.Port())
	if err != nil {
		return fmt.Errorf("writing the next steps: %w", err)
	}
	return nil
}

// registryWords says where images go.
func registryWords(s *scaffold.Scaffold) string {
	if s.Images != "" {
		return s.Images + ", where serve keeps them itself, for this machine alone"
	}
	return s.Registry + "; serve has to be able to push there"
}
