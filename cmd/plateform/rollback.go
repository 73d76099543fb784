package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
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
	repository, err := openCheckout(ctx, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repository.close()) }()

	var plan *withdrawal
	decide := func(head string) (edit, error) {
		plan, err = planWithdrawal(repository.objects, head, key, to)
		if err != nil {
			return edit{}, err
		}
		to = plan.to // decided once: what others release meanwhile is withdrawn too
		return edit{message: plan.message(), removed: plan.files()}, nil
	}
	if dryRun {
		head, err := repository.fetch(ctx)
		if err != nil {
			return err
		}
		if _, err := decide(head); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "Would roll back %s\n", plan)
		return nil
	}
	commit, err := repository.change(ctx, decide)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Rolled back %s\n", plan)
	fmt.Fprintf(a.stdout, "  commit   %s on %s of %s\n", terminal.Short(commit), repository.branch, repository.remote)
	fmt.Fprintf(a.stdout, "\nNo build is needed. Follow it with: plateform status %s\n", key)
	fmt.Fprintf(a.stdout, "To run %s again:  git pull && git revert %s && git push\n", plan.from(), terminal.Short(commit))
	return nil
}

// withdrawal is a rollback: which releases go, and which one runs then.
type withdrawal struct {
	key       manifest.Key
	to        manifest.Version
	withdrawn []manifest.Version // newest first
	release   *manifest.Release  // that runs then
	doubt     string             // why its signature was not checked
}

// planWithdrawal works out a rollback at one commit of the config repository. The zero version stands for the release
// before the newest.
func planWithdrawal(reader reconciler.Reader, head string, key manifest.Key, to manifest.Version) (*withdrawal, error) {
	trust, err := readTrust(reader, head)
	if err != nil {
		return nil, err
	}
	history, err := trust.history(key)
	if err != nil {
		return nil, err
	}
	if to.IsZero() {
		if len(history.versions) == 0 {
			return nil, exit.Finding("%s has no release yet: there is nothing to roll back (see plateform status %s)", key, key)
		}
		if len(history.versions) == 1 {
			return nil, exit.Finding("%s is the only release of %s: there is nothing to go back to (to stop the project, delete %s)",
				history.versions[0], key, manifest.ProjectFile(key))
		}
		to = history.versions[1]
	}
	w := &withdrawal{key: key, to: to}
	for _, v := range history.versions {
		if v.Compare(to) > 0 {
			w.withdrawn = append(w.withdrawn, v)
		}
	}
	if w.release, err = history.read(to); err != nil {
		return nil, err
	}
	owner, err := trust.owner(key.Workspace)
	if err != nil {
		return nil, err
	}
	w.doubt = owner.doubt
	if len(w.withdrawn) == 0 {
		return nil, exit.Finding("%s is the newest release of %s already: nothing to roll back (see plateform status %s)", to, key, key)
	}
	return w, nil
}

// from is the version that runs until then.
func (w *withdrawal) from() manifest.Version { return w.withdrawn[0] }

func (w *withdrawal) files() []string {
	files := make([]string, len(w.withdrawn))
	for i, v := range w.withdrawn {
		files[i] = manifest.ReleaseFile(w.key, v)
	}
	return files
}

func (w *withdrawal) message() string {
	names := make([]string, len(w.withdrawn))
	for i, v := range w.withdrawn {
		names[i] = v.String()
	}
	return fmt.Sprintf("Roll back %s to %s\n\nWithdraws %s.\n", w.key, w.to, strings.Join(names, ", "))
}

// String says in a few lines what will run.
func (w *withdrawal) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s from %s to %s\n", w.key, w.from(), w.to)
	if len(w.withdrawn) > 1 {
		fmt.Fprintf(&b, "  withdraws %d releases, %s to %s\n", len(w.withdrawn), w.withdrawn[len(w.withdrawn)-1], w.from())
	}
	fmt.Fprintf(&b, "  runs     %s, released %s", w.to, w.release.Spec.CreatedAt.UTC().Format(terminal.TimeFormat))
	for _, image := range w.release.Spec.Images {
		fmt.Fprintf(&b, "\n  image    %s@%s", image.Repository, terminal.Short(image.Digest))
		if image.Commit != "" {
			fmt.Fprintf(&b, " from commit %s", terminal.Short(image.Commit))
		}
	}
	if w.doubt != "" {
		fmt.Fprintf(&b, "\n  note     %s", w.doubt)
	}
	return b.String()
}
