package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plateform/plateform/cmd/plateform/checkout"
	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/plantext"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/card"
	"github.com/plateform/plateform/reconciler/charts"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/plan"
	"github.com/plateform/plateform/reconciler/rights"
)

// planFlags are the flags of plan.
type planFlags struct {
	base   string
	head   string
	output string
	diff   bool
	// gitops is the GitOps repository; empty for the one that the checkout names.
	gitops       string
	gitopsBranch string
	// config is the serve.yaml of the installation; empty for the one beside the checkout.
	config string
	// as is the account whose rights are looked at; 0 for nobody's.
	as int64
}

// planOutput is what plan prints as JSON.
type planOutput struct {
	plan.Plan
	// Rights of the person that --as names; nil without.
	Rights *rights.Verdict `json:"rights,omitempty"`
}

// planCommand says what merging would do.
func (a *app) planCommand() *cobra.Command {
	var flags planFlags
	c := &cobra.Command{
		Use:     "plan",
		GroupID: groupLook,
		Short:   "Say what merging would do: releases, builds, URLs, data",
		Long: `Say what merging would do: releases, builds, URLs, data, with the plan's hash.

Two commits of the checkout you stand in are compared, by default where your branch left the remote's default branch and
HEAD. However it is merged, the change counts as one step. The hash is the same that a release made of this change carries.

What is held, rolled back or frozen is remembered in the GitOps repository: --gitops-repo, or what "git config ` + checkout.GitOpsSetting + `"
says in the checkout. Without it nothing is asked of a network, and the plan says what it does not know; its hash is the same.

With --as the plan also says what in the change the person with that numeric GitHub id may not do, by what platform.yaml and
workspace.yaml say in the commit that is compared with. Whether somebody can read a source only its host knows.

The exit code is 0 also when there are changes, and 1 when problems keep something from being released, or somebody may not do
it. docs/output.md describes the fields of --output json, which holds all values; markdown never shows the value of a variable.`,
		Example: `  plateform plan
  plateform plan --diff                       # with the diff of the Helm values
  plateform plan --base v1 --head my-branch
  plateform plan --as 159990218               # what may that person not do?
  plateform plan --output markdown >> "$GITHUB_STEP_SUMMARY"`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := exit.OneOf("output", flags.output, "text", "json", "markdown"); err != nil {
				return err
			}
			if c.Flags().Changed("as") && flags.as <= 0 {
				return exit.Usage("--as %d is the id of nobody (https://api.github.com/users/LOGIN shows the numeric id of an account)", flags.as)
			}
			return a.plan(c.Context(), flags)
		},
	}
	c.Flags().StringVar(&flags.base, "base", "", "commit to compare with (default: the merge base of HEAD and the remote's default branch)")
	c.Flags().StringVar(&flags.head, "head", "HEAD", "commit to plan")
	outputFlag(c, &flags.output, "text", "json", "markdown")
	c.Flags().BoolVar(&flags.diff, "diff", false, "show the diff of the Helm values, too (text)")
	c.Flags().Int64Var(&flags.as, "as", 0, "numeric GitHub id of a person: say what that person may not do")
	engineFlag(c, &flags.config)
	c.Flags().StringVar(&flags.gitops, "gitops-repo", "", "URL or path of the GitOps repository (default: git config "+checkout.GitOpsSetting+" of the checkout)")
	c.Flags().StringVar(&flags.gitopsBranch, "gitops-branch", "", "branch of the GitOps repository (default: its default branch)")
	return c
}

func (a *app) plan(ctx context.Context, flags planFlags) (err error) {
	local, err := gitstore.OpenLocal(ctx, ".")
	if err != nil {
		return exit.Usage("this folder is not in a checkout of the config repository (go there): %w", err)
	}
	defer func() { err = errors.Join(err, local.Close()) }()
	g := git.Command{Dir: "."}
	head, err := local.Resolve(flags.head)
	if err != nil {
		return exit.Usage("--head: there is no commit %q here: %w", flags.head, err)
	}
	base, err := planBase(ctx, g, local, flags, head)
	if err != nil {
		return err
	}
	if err := config.MustBeConfig(local, head); err != nil {
		return exit.WhereConfigIs(err)
	}
	embedded, err := charts.New()
	if err != nil {
		return err
	}
	options := plan.Options{Config: local, Charts: embedded}
	if options.Unrun, err = unrun(flags.config, cmp.Or(local.Root, ".")); err != nil {
		return err
	}
	gitops, err := a.openRemembered(ctx, local, flags)
	if err != nil {
		return err
	}
	if gitops != nil {
		defer func() { err = errors.Join(err, gitops.close()) }()
		options.GitOps = gitops.GitOps
	}
	p, err := options.Make(base, head)
	if err != nil {
		return err
	}
	out := planOutput{Plan: *p}
	if flags.as != 0 {
		if out.Rights, err = judge(ctx, g, local, &out.Plan, flags); err != nil {
			return err
		}
	}
	if err := a.printPlan(out, flags); err != nil {
		return err
	}
	if flags.head == "HEAD" {
		a.warnUncommitted(ctx, g)
	}
	if len(p.Problems) > 0 || out.Rights != nil && len(out.Rights.Problems) > 0 {
		return exit.AlreadySaid()
	}
	return nil
}

// planBase is the commit to compare with.
func planBase(ctx context.Context, g git.Command, local *gitstore.Local, flags planFlags, head string) (string, error) {
	if flags.base != "" {
		base, err := local.Resolve(flags.base)
		if err != nil {
			return "", exit.Usage("--base: there is no commit %q here (fetch it first): %w", flags.base, err)
		}
		return base, nil
	}
	for _, candidate := range remoteBranches() {
		if _, err := g.Run(ctx, "rev-parse", "--verify", "--quiet", candidate); err != nil {
			continue
		}
		base, err := g.Run(ctx, "merge-base", candidate, head)
		if err != nil {
			return "", exit.Usage("HEAD and %s have no commit in common (name what to compare with: --base)", candidate)
		}
		return base, nil
	}
	return "", exit.Usage("there is no branch of a remote to compare with (git fetch, or name a commit with --base)")
}

// remoteBranches are where a remote's default branch may be found; the first that is there counts.
func remoteBranches() []string {
	return []string{"origin/HEAD", "@{upstream}", "origin/main", "origin/master"}
}

// warnUncommitted tells of changes that are not in the plan because they are in no commit.
func (o *output) warnUncommitted(ctx context.Context, g git.Command) {
	changed, err := g.Run(ctx, "status", "--porcelain", "--", ":/"+manifest.PlatformFile, ":/"+manifest.WorkspacesDir)
	if err != nil || changed == "" {
		return // a bare repository has no such thing
	}
	fmt.Fprintf(o.stderr, "Not in this plan: %s that you have not committed\n", terminal.Count(strings.Count(changed, "\n")+1, "change"))
}

// printPlan prints a plan in one of the formats.
func (o *output) printPlan(p planOutput, flags planFlags) error {
	switch flags.output {
	case "json":
		return terminal.WriteJSON(o.stdout, p.filled())
	case "markdown":
		c := card.Card{Plan: &p.Plan, Command: fmt.Sprintf("plateform plan --base %s --head %s --diff", terminal.Short(p.Base), terminal.Short(p.Head))}
		if p.Rights != nil {
			c.Rights = p.Rights.Problems
			c.Command += fmt.Sprintf(" --as %d", flags.as)
		}
		_, err := fmt.Fprint(o.stdout, c.Markdown())
		return err
	}
	plantext.Print(o.sheet(), &p.Plan, flags.diff)
	if p.Rights != nil {
		plantext.PrintRights(o.sheet(), flags.as, p.Rights.Problems)
	}
	return nil
}

// filled has lists, and never null.
func (p planOutput) filled() planOutput {
	if p.Problems == nil {
		p.Problems = manifest.Problems{}
	}
	if p.Projects == nil {
		p.Projects = []plan.Project{}
	}
	if p.Quota == nil {
		p.Quota = []plan.Quota{}
	}
	if p.Unknown == nil {
		p.Unknown = []string{}
	}
	return p
}
