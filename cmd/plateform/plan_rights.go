package main

import (
	"context"
	"fmt"

	"github.com/plateform/plateform/cmd/plateform/git"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/gitstore"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/plan"
	"github.com/plateform/plateform/reconciler/rights"
)

// judge says what a person may not do, and what of that cannot be known here.
func judge(ctx context.Context, g git.Command, reader reconciler.Reader, p *plan.Plan, flags planFlags) (*rights.Verdict, error) {
	verdict, err := rights.Check(reader, p.Base, p.Head, rights.Person{ID: flags.as})
	if err != nil {
		return nil, err
	}
	for _, q := range verdict.Sources {
		p.Unknown = append(p.Unknown, fmt.Sprintf("whether the account %d can read %q, which is new in %s:%d, is not known here: only its host can say",
			flags.as, gitstore.Redact(q.Repository), q.File, q.Line))
	}
	if flags.base == "" && movedOn(ctx, g, p.Base) {
		p.Unknown = append(p.Unknown, fmt.Sprintf("the branch has moved on since %s: what counts is who may do this when it is merged (rebase to see it)", terminal.Short(p.Base)))
	}
	return &verdict, nil
}

// movedOn says that the branch of the remote is not where it was left.
func movedOn(ctx context.Context, g git.Command, base string) bool {
	for _, candidate := range remoteBranches() {
		if tip, err := g.Run(ctx, "rev-parse", "--verify", "--quiet", candidate+"^{commit}"); err == nil {
			return tip != base
		}
	}
	return false
}
