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
	c.Flags().StringVar(&options.Domain, "domain", "apps.example.com", "domain that projects get their hosts under")
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
  1. Start Plateform, in a terminal of its own; doctor tells what it lacks.
       cd %[1]s
       plateform doctor --config serve.yaml
       plateform serve --config serve.yaml

  2. Deploy the sample app: copy the sample workspace, check it, push it.
       cd %[1]s/platform-config
       mkdir -p workspaces && cp -r samples/ws-1 workspaces/
       plateform validate
       git add workspaces && git commit -m "Add ws-1 with hello" && git push

  3. Watch it arrive: hello gets a release v1.0.0, and its values in
     plateform-gitops.
       plateform status ws-1/hello

  4. Change hello/main.go, commit and push it, and there is v1.0.1. Take it
     back, without a build:
       plateform rollback ws-1/hello

  5. When you mean it: set your domain and registry in platform.yaml, push both
     repositories to your Git host, and write their URLs into serve.yaml.
       git remote set-url origin URL && git push -u origin main
`
	_, err := fmt.Fprintf(o.stdout, text, dir, terminal.Short(s.FirstCommit(scaffold.ConfigDir)), terminal.Short(s.FirstCommit(scaffold.GitOpsDir)), registryWords(s))
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
