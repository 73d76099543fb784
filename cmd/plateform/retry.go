package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/change"
)

// retryCommand asks for another try of a project that failed, is held or frozen.
func (a *app) retryCommand() *cobra.Command {
	var flags repositoryFlags
	c := &cobra.Command{
		Use:     "retry WORKSPACE/PROJECT",
		GroupID: groupAct,
		Short:   "Try again what failed, is held or frozen",
		Long: `Try again what failed, is held or frozen.

A retry is a fact in Git: an empty commit with the trailer Plateform-Retry, pushed to the config repository. It starts a
failed build or rollout again, releases what a rollback has held back, and ends a freeze. The checkout you stand in is
not touched.`,
		Example: `  plateform retry ws-1/shop
  plateform retry ws-1/shop --config-repo git@github.com:acme/config.git`,
		Args:              argumentCount(1, 1),
		ValidArgsFunction: completeProject,
		RunE: func(c *cobra.Command, args []string) error {
			key, err := parseKey(args[0])
			if err != nil {
				return err
			}
			return a.retry(c.Context(), flags, key)
		},
	}
	flags.add(c)
	return c
}

func (a *app) retry(ctx context.Context, flags repositoryFlags, key manifest.Key) (err error) {
	a.locate(ctx, &flags)
	repository, err := checkout.Open(ctx, flags.Place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repository.Close()) }()

	commit, err := repository.Change(ctx, func(head string) (manifest.Edit, error) {
		edit, err := change.Retry(repository.Objects, head, key)
		return edit, exit.WhereConfigIs(err)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Retrying %s\n", key)
	fmt.Fprintf(a.stdout, "  commit   %s on %s of %s\n", terminal.Short(commit), repository.Branch, repository.Remote)
	fmt.Fprintf(a.stdout, "\nFollow it with: plateform status %s\n", key)
	return nil
}
