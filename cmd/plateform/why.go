package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/running"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/api"
	"github.com/plateform/plateform/reconciler/ledger"
)

// whyFlags are the flags of why.
type whyFlags struct {
	lookFlags
	pods   running.Flags
	output string
}

// whyCommand traces what runs to the commits that caused it, and back.
func (a *app) whyCommand() *cobra.Command {
	var flags whyFlags
	c := &cobra.Command{
		Use:     "why URL|COMMIT|IMAGE|WORKSPACE/PROJECT[@VERSION]",
		GroupID: groupLook,
		Short:   "Say why something runs: its release, commits, cause, and fate",
		Long: `Say why something runs: the release, its commits, who caused it, and what became of it.

Ask with what you have at hand:
  URL or host                       what runs there
  WORKSPACE/PROJECT                 what runs of it
  WORKSPACE/PROJECT@VERSION         that release
  commit of the config repository   the releases it caused, made or took back
  commit of the GitOps repository   the release it wrote
  commit of an app                  what was built from it, or why nothing was
  digest of an image                the releases that run it

Commits and digests may be cut short. All of it is read from Git, and the pods from serve where one is named, as status does; see there for how both repositories
are found. In each, the newest 10,000 commits are looked at; what is older is said not to be found. docs/output.md
describes the fields of --output json.`,
		Example: `  plateform why https://shop.example.com/cart
  plateform why 9fceb02d0a
  plateform why registry.example.com/ws-1/shop@sha256:4f5e...
  plateform why ws-1/shop@v1.0.3
  plateform why ws-1/shop -o json | jq -r '.answers[].release.commit.hash'`,
		Args:              argumentCount(1, 1),
		ValidArgsFunction: completeReleases,
		RunE: func(c *cobra.Command, args []string) error {
			if err := exit.OneOf("output", flags.output, "text", "json"); err != nil {
				return err
			}
			q, err := ledger.ParseQuestion(args[0])
			if err != nil {
				return exit.Usage("%w", err)
			}
			return a.why(c.Context(), flags, q)
		},
	}
	flags.add(c)
	flags.pods.Add(c)
	outputFlag(c, &flags.output, "text", "json")
	return c
}

func (a *app) why(ctx context.Context, flags whyFlags, q ledger.Question) (err error) {
	look, err := a.openLook(ctx, flags.lookFlags, a.now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, look.close()) }()
	found, err := look.Why(ctx, q)
	var unknown *ledger.UnknownCommitError
	if errors.As(err, &unknown) {
		if here := look.config.NotPushed(ctx, unknown.Prefix, look.head); here != nil {
			return here
		}
	}
	if err != nil {
		return err
	}
	var keys []manifest.Key
	for _, answer := range found.Answers {
		if answer.State == ledger.FateRunning && len(found.Answers) <= fullAnswers {
			keys = append(keys, answer.Key)
		}
	}
	pods := flags.pods.Ask(ctx, keys)
	if flags.output == "json" {
		return terminal.WriteJSON(a.stdout, struct {
			*ledger.Why
			Running map[string]api.State `json:"running,omitempty"`
		}{found, pods.ByName()})
	}
	a.printWhy(found, pods)
	pods.PrintTrouble(a.stdout)
	return nil
}
