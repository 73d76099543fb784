package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/running"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/api"
	"github.com/plateform/plateform/reconciler/ledger"
)

// statusFlags are the flags of status.
type statusFlags struct {
	lookFlags
	pods   running.Flags
	output string
}

// statusCommand says what runs, and what to do about what does not.
func (a *app) statusCommand() *cobra.Command {
	var flags statusFlags
	c := &cobra.Command{
		Use:     "status [WORKSPACE/PROJECT]",
		GroupID: groupLook,
		Short:   "Say what runs, what failed or is held, why, and what to do",
		Long: `Say what runs, since when, what failed or is held, why, and what to do.

All of it is read from Git; how the pods in a cluster do says serve, where one is named. The config repository is the remote of the checkout you stand in, or --config-repo. The
GitOps repository is --gitops-repo, or what "git config ` + checkout.GitOpsSetting + `" says in the checkout; without it only the
config repository is looked at. docs/output.md describes the fields of --output json.`,
		Example: `  plateform status                        # all projects
  plateform status ws-1/shop              # one project in full
  plateform status --output json | jq '.projects[] | select(.state == "failed")'

  # once in each checkout:
  git config ` + checkout.GitOpsSetting + ` https://github.com/acme/plateform-gitops`,
		Args:              argumentCount(0, 1),
		ValidArgsFunction: completeProject,
		RunE: func(c *cobra.Command, args []string) error {
			if err := exit.OneOf("output", flags.output, "text", "json"); err != nil {
				return err
			}
			var key *manifest.Key
			if len(args) == 1 {
				k, err := parseKey(args[0])
				if err != nil {
					return err
				}
				key = &k
			}
			return a.status(c.Context(), flags, key)
		},
	}
	flags.add(c)
	flags.pods.Add(c)
	outputFlag(c, &flags.output, "text", "json")
	return c
}

func (a *app) status(ctx context.Context, flags statusFlags, key *manifest.Key) (err error) {
	look, err := a.openLook(ctx, flags.lookFlags, a.now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, look.close()) }()

	var keys []manifest.Key
	if key != nil {
		keys = append(keys, *key)
	}
	found, err := look.Status(ctx, keys...)
	if err != nil {
		return err
	}
	keys = nil
	for _, p := range found.Projects {
		keys = append(keys, p.Key)
	}
	pods := flags.pods.Ask(ctx, keys)
	switch {
	case flags.output == "json":
		return terminal.WriteJSON(a.stdout, struct {
			*ledger.Status
			Running map[string]api.State `json:"running,omitempty"`
		}{found, pods.ByName()})
	case key != nil:
		a.printProject(found.Projects[0], look.gitops != nil, pods)
	default:
		a.printProjects(found, look.gitops != nil, pods)
	}
	pods.PrintTrouble(a.stdout)
	return nil
}
