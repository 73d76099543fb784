package main

import (
	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/cluster"
	"github.com/plateform/plateform/cmd/plateform/demo"
)

// demoCommand plays the whole story on this machine.
func (a *app) demoCommand() *cobra.Command {
	var keep, onGitHub bool
	var onCluster cluster.Flags
	c := &cobra.Command{
		Use:     "demo",
		GroupID: groupStart,
		Short:   "Play the whole story on this machine in about a minute",
		Long: `Play the whole story on this machine in about a minute, with nothing to set up.

Real Git repositories, a real registry in this process, the reconciler, a sample app in Go: a project is added, built,
released, changed, broken, and rolled back with git revert, and after each step its URL is asked. Needs git and go, and no
network. Everything happens in a temporary folder that is removed at the end. Apps run on Linux; elsewhere the story
ends at the GitOps repository.

With --engine direct the app runs in the Kubernetes cluster that $KUBECONFIG names, in a namespace of its own that is deleted at
the end. That cluster pulls the app's images from --registry, where this machine pushes them.

With --github the story is told by pull requests, on the GitHub server that Plateform is tested with: an App, webhooks, checks, and
the comment on each pull request as it stands after each step.`,
		Example: `  plateform demo
  plateform demo --github   # by pull requests
  plateform demo --keep     # go on serving until Ctrl-C, and keep all of it
  plateform demo --engine direct --registry registry.example.com:5000`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			where, err := onCluster.Cluster(onCluster.Registry)
			if err != nil {
				return err
			}
			return demo.Play(c.Context(), demo.Options{
				Out: a.stdout, Style: a.palette(), Width: a.width, Now: a.now, Keep: keep, GitHub: onGitHub,
				Cluster: where, Registry: onCluster.Registry, Domain: onCluster.Domain,
			})
		},
	}
	c.Flags().BoolVar(&keep, "keep", false, "go on serving until Ctrl-C, and keep the temporary folder")
	c.Flags().BoolVar(&onGitHub, "github", false, "tell it by pull requests, on a GitHub of its own on this machine")
	onCluster.Add(c)
	return c
}
