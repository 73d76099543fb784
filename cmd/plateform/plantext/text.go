// Package plantext shows a plan to people in a terminal.
package plantext

import (
	"fmt"
	"io"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/plan"
)

// Print prints a plan in words; with diff, that of the Helm values too. It goes where the sheet goes.
func Print(sheet terminal.Sheet, p *plan.Plan, diff bool) {
	style, out := sheet.Style, sheet.Out
	fmt.Fprintf(out, "%s %s..%s\n%s\n", style.Bold("Plan"), terminal.Short(p.Base), terminal.Short(p.Head), style.Dim(p.Hash))
	if len(p.Projects) == 0 {
		fmt.Fprintf(out, "\nNothing to do: no project is touched.\n")
	}
	for _, p := range p.Projects {
		fmt.Fprintf(out, "\n%s  %s\n", style.Bold(p.Key.String()), paintAction(style, p.Action, p.Headline()))
		for _, row := range p.Rows() {
			sheet.Line(row.Label, row.Text)
		}
		if diff && p.ValuesDiff != "" {
			printDiff(out, style, p.ValuesDiff)
		}
	}
	for _, q := range p.QuotaRows() {
		if q.First {
			fmt.Fprintf(out, "\n%s  quota after this change\n", style.Bold(q.Workspace))
		}
		if q.Over {
			q.Text = style.Bad(q.Text)
		}
		sheet.Line(q.What, q.Text)
	}
	if len(p.Problems) > 0 {
		fmt.Fprintf(out, "\n%s\n", style.Bad(terminal.Count(len(p.Problems), "problem")))
		for _, p := range p.Problems {
			sheet.Wrap("  ", sheet.Indent, p.String())
		}
	}
	if len(p.Projects) > 0 {
		fmt.Fprintf(out, "\n%s\n", p.Summary())
	}
	for _, unknown := range p.Unknown {
		fmt.Fprintln(out, style.Dim(unknown))
	}
}

// PrintRights prints what in a change the person with an account may not do.
func PrintRights(sheet terminal.Sheet, id int64, problems manifest.Problems) {
	if len(problems) == 0 {
		fmt.Fprintf(sheet.Out, "\nThe account %d may do this.\n", id)
		return
	}
	fmt.Fprintf(sheet.Out, "\n%s\n", sheet.Style.Bad(fmt.Sprintf("The account %d may not do this", id)))
	for _, p := range problems {
		sheet.Wrap("  ", sheet.Indent, p.String())
	}
}

// action colours by what an action does.
func paintAction(p terminal.Palette, action plan.Action, s string) string {
	switch action {
	case plan.Blocked, plan.Remove:
		return p.Bad(s)
	case plan.Create, plan.Release:
		return p.Good(s)
	}
	return p.Warn(s)
}

// printDiff prints a unified diff.
func printDiff(out io.Writer, style terminal.Palette, diff string) {
	for line := range strings.Lines(diff) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "+"):
			line = style.Good(line)
		case strings.HasPrefix(line, "-"):
			line = style.Bad(line)
		case strings.HasPrefix(line, "@@"):
			line = style.Dim(line)
		}
		fmt.Fprintf(out, "    %s\n", line)
	}
}
