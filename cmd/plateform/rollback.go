package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/change"
)

// rollbackCommand withdraws the newest releases of a project.
func (a *app) rollbackCommand() *cobra.Command {
	var flags repositoryFlags
	var dryRun bool
	c := &cobra.Command{
		Use:     "rollback WORKSPACE/PROJECT [VERSION]",
		GroupID: groupAct,
		Short:   "Run an earlier release again, without a build",
		Long: `Run an earlier release again, without a build.

The newest release file of a project is what runs. rollback deletes all release files that are newer than VERSION (by
default: only the newest) in one commit, and pushes it. git revert of that commit rolls forward again. The checkout you
stand in is not touched.`,
		Example: `  plateform rollback ws-1/shop                 # back to the release before
  plateform rollback ws-1/shop v1.0.2          # back to v1.0.2
  plateform rollback ws-1/shop --dry-run       # only say what would run
  plateform rollback ws-1/shop --config-repo git@github.com:acme/config.git`,
		Args:              argumentCount(1, 2),
		ValidArgsFunction: completeRollback,
		RunE: func(c *cobra.Command, args []string) error {
			key, err := parseKey(args[0])
			if err != nil {
				return err
			}
			var to manifest.Version
			if len(args) == 2 {
				if to, err = manifest.ParseVersion(args[1]); err != nil {
					return exit.Usage("%w", err)
				}
			}
			return a.rollback(c.Context(), flags, key, to, dryRun)
		},
	}
	flags.add(c)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would run, and change nothing")
	return c
}

func (a *app) rollback(ctx context.Context, flags repositoryFlags, key manifest.Key, to manifest.Version, dryRun bool) (err error) {
	a.locate(ctx, &flags)
	repository, err := checkout.Open(ctx, flags.Place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repository.Close()) }()

	var plan *change.Rollback
	decide := func(head string) (manifest.Edit, error) {
		plan, err = change.PlanRollback(repository.Objects, head, key, to)
		if err != nil {
			return manifest.Edit{}, exit.WhereConfigIs(err)
		}
		to = plan.To // decided once: what others release meanwhile is withdrawn too
		return plan.Edit(), nil
	}
	if dryRun {
		head, err := repository.Fetch(ctx)
		if err != nil {
			return err
		}
		if _, err := decide(head); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "Would roll back %s\n", rollbackText(plan))
		return nil
	}
	commit, err := repository.Change(ctx, decide)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Rolled back %s\n", rollbackText(plan))
	fmt.Fprintf(a.stdout, "  commit   %s on %s of %s\n", terminal.Short(commit), repository.Branch, repository.Remote)
	fmt.Fprintf(a.stdout, "\nNo build is needed. Follow it with: plateform status %s\n", key)
	fmt.Fprintf(a.stdout, "To run %s again:  git pull && git revert %s && git push\n", plan.From(), terminal.Short(commit))
	return nil
}

// rollbackText says in a few lines what will run.
func rollbackText(r *change.Rollback) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s from %s to %s\n", r.Key, r.From(), r.To)
	if len(r.Withdrawn) > 1 {
		fmt.Fprintf(&b, "  withdraws %d releases, %s to %s\n", len(r.Withdrawn), r.Withdrawn[len(r.Withdrawn)-1], r.From())
	}
	fmt.Fprintf(&b, "  runs     %s, released %s", r.To, r.Release.Spec.CreatedAt.UTC().Format(terminal.TimeFormat))
	for _, image := range r.Release.Spec.Images {
		fmt.Fprintf(&b, "\n  image    %s@%s", image.Repository, terminal.Short(image.Digest))
		if image.Commit != "" {
			fmt.Fprintf(&b, " from commit %s", terminal.Short(image.Commit))
		}
	}
	if r.Doubt != "" {
		fmt.Fprintf(&b, "\n  note     %s", r.Doubt)
	}
	return b.String()
}
