package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/cluster"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/scaffold"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler/github/auth"
)

// initCommand scaffolds an installation.
func (a *app) initCommand() *cobra.Command {
	var options scaffold.Options
	var onGitHub initGitHub
	var onCluster cluster.Flags
	c := &cobra.Command{
		Use:     "init DIR",
		GroupID: groupStart,
		Short:   "Scaffold the two repositories, two keys and serve.yaml",
		Long: `Scaffold the two repositories, two keys and serve.yaml.

DIR gets checkouts of both repositories with a first commit, bare repositories they push to (to be replaced by yours), a
sample app, the keys that sign releases and open secrets, and a serve.yaml that ties them together. Nothing that is there is overwritten.`,
		Example: `  plateform init acme
  plateform init acme --domain apps.acme.com --registry harbor.acme.com
  plateform init acme --github acme/platform-config --domain apps.acme.com
  plateform init acme --engine direct --registry harbor.acme.com`,
		Args: argumentCount(1, 1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if options.GitHub, err = onGitHub.options(); err != nil {
				return err
			}
			if options.Cluster, err = onCluster.Cluster(options.Registry); err != nil {
				return err
			}
			return a.init(c.Context(), args[0], options)
		},
	}
	c.Flags().StringVar(&options.Name, "name", "", "name of the platform (default: the name of DIR)")
	c.Flags().StringVar(&options.Domain, "domain", scaffold.DefaultDomain, "domain that projects get their hosts under")
	c.Flags().StringVar(&options.Registry, "registry", "", "image registry, as host[:port][/path] (default: one inside serve, for this machine)")
	onCluster.AddEngine(c)
	c.Flags().StringVar(&onGitHub.config, "github", "", "OWNER/REPO that platform-config is to be on GitHub (default: on this machine)")
	c.Flags().StringVar(&onGitHub.gitops, "github-gitops", "", "OWNER/REPO that plateform-gitops is to be (default: plateform-gitops of the same owner)")
	c.Flags().StringVar(&onGitHub.web, "github-url", "", "a GitHub of your own, as https://github.example.com")
	c.Flags().Int64Var(&onGitHub.app, "github-app", 0, "App ID of the GitHub App, once there is one")
	return c
}

// initGitHub are the flags about GitHub.
type initGitHub struct {
	config, gitops, web string
	app                 int64
}

// options checks the flags.
func (f initGitHub) options() (scaffold.GitHub, error) {
	if f.config == "" {
		if f.gitops != "" || f.web != "" || f.app != 0 {
			return scaffold.GitHub{}, exit.Usage("--github-gitops, --github-url and --github-app are for an installation on GitHub (name its repository: --github OWNER/REPO)")
		}
		return scaffold.GitHub{}, nil
	}
	site, err := auth.SiteAt(f.web)
	if err != nil {
		return scaffold.GitHub{}, exit.Usage("--github-url: %w", err)
	}
	owner, _, _ := strings.Cut(f.config, "/")
	g := scaffold.GitHub{Web: strings.TrimSuffix(site.Web.String(), "/"), Config: f.config, GitOps: cmp.Or(f.gitops, owner+"/"+scaffold.GitOpsDir), App: f.app}
	for flag, name := range map[string]string{"--github": g.Config, "--github-gitops": g.GitOps} {
		if found, ok := site.Repository(g.Web + "/" + name); !ok || found.String() != name {
			return scaffold.GitHub{}, exit.Usage("%s %q is no OWNER/REPO", flag, name)
		}
	}
	if g.Config == g.GitOps {
		return scaffold.GitHub{}, exit.Usage("both repositories are %s (name another one: --github-gitops OWNER/REPO)", g.Config)
	}
	return g, nil
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
	if s.GitHub.Config != "" {
		return a.printOnGitHub(dir, s)
	}
	return a.printScaffold(dir, s)
}

// printOnGitHub says what is there, and what to click.
func (o *output) printOnGitHub(dir string, s *scaffold.Scaffold) error {
	const text = `Made %[1]s:
  platform-config/     what people write; first commit %[2]s
  plateform-gitops/    what Plateform writes; first commit %[3]s
  keys/release.key     signs releases: keep it secret and out of Git;
                       platform.yaml holds its public half
  keys/age.key         opens secrets: likewise, and keep a copy elsewhere
  keys/webhook.secret  what GitHub signs its webhooks with
  serve.yaml           how Plateform reaches all of it

Images go to %[4]s.

Next, on GitHub:
  1. Make two empty repositories, without a README, and push the first commits:
       %[5]s
       %[6]s
       git -C %[1]s/platform-config push -u origin main
       git -C %[1]s/plateform-gitops push -u origin main

  2. Make a GitHub App, at %[7]s
     with these repository permissions, each "Read and write":
       %[8]s
     with "Read-only" for issues, as GitHub tells of comments only whoever has it, and
     with these events:
       %[9]s
     and its webhook at https://ADDRESS/webhooks/github, an address of yours that leads to
     "listen" of serve.yaml, with the secret in keys/webhook.secret.

  3. Generate a private key of the App, save it as %[1]s/%[10]s, and%[11]s
     install the App on both repositories, and on the apps whose commits are to have statuses.

  4. See that all of it is right, and start:
       plateform doctor --config %[1]s/serve.yaml
       plateform serve --config %[1]s/serve.yaml

Then open a pull request on platform-config, with a workspace and a project as in samples/.
`
	settings := fmt.Sprintf("%s/organizations/%s/settings/apps/new", s.GitHub.Web, s.GitHub.Owner())
	id := ""
	if s.GitHub.App == 0 {
		id = "\n     write its App ID into serve.yaml, where it says REPLACE;"
	}
	var permissions []string
	for name, access := range auth.ConfigRepository() {
		if access != "write" {
			continue
		}
		permissions = append(permissions, strings.ReplaceAll(name, "_", " "))
	}
	slices.Sort(permissions)
	_, err := fmt.Fprintf(o.stdout, text, dir, terminal.Short(s.FirstCommit(scaffold.ConfigDir)), terminal.Short(s.FirstCommit(scaffold.GitOpsDir)), registryWords(s),
		s.ConfigURL, s.GitOpsURL, settings, strings.Join(permissions, ", "), strings.ReplaceAll(strings.Join(auth.Events(), ", "), "_", " "), scaffold.AppKeyFile, id)
	if err != nil {
		return fmt.Errorf("writing the next steps: %w", err)
	}
	return nil
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
  keys/age.key         opens secrets: likewise, and keep a copy elsewhere
  serve.yaml           how Plateform reaches all of it

Images go to %[4]s.

Next:
  1. Start Plateform, in a terminal of its own:
       plateform serve --config %[1]s/serve.yaml

  2. Deploy the sample app:
       cd %[1]s/platform-config
       git mv samples workspaces && git commit -m "Add hello" && git push

  It answers at %[5]s

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
	_, err := fmt.Fprintf(o.stdout, text, dir, terminal.Short(s.FirstCommit(scaffold.ConfigDir)), terminal.Short(s.FirstCommit(scaffold.GitOpsDir)), registryWords(s), s.Origin("hello"))
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
