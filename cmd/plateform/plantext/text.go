// Package plantext shows a plan to people: as text in a terminal, and as Markdown on a pull request.
package plantext

import (
	"fmt"
	"io"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/terminal"
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
		fmt.Fprintf(out, "\n%s  %s\n", style.Bold(p.Key.String()), paintAction(style, p.Action, headline(p)))
		for _, row := range rowsOf(p) {
			sheet.Line(row.label, row.text)
		}
		if diff && p.ValuesDiff != "" {
			printDiff(out, style, p.ValuesDiff)
		}
	}
	for _, q := range quotaRows(p) {
		if q.first {
			fmt.Fprintf(out, "\n%s  quota after this change\n", style.Bold(q.workspace))
		}
		if q.over {
			q.text = style.Bad(q.text)
		}
		sheet.Line(q.what, q.text)
	}
	if len(p.Problems) > 0 {
		fmt.Fprintf(out, "\n%s\n", style.Bad(terminal.Count(len(p.Problems), "problem")))
		for _, p := range p.Problems {
			sheet.Wrap("  ", sheet.Indent, p.String())
		}
	}
	if len(p.Projects) > 0 {
		fmt.Fprintf(out, "\n%s\n", summary(p))
	}
	for _, unknown := range p.Unknown {
		fmt.Fprintln(out, style.Dim(unknown))
	}
}

// quotaRow is what a plan says of one limit of a workspace.
type quotaRow struct {
	workspace string
	first     bool // of its workspace
	what      string
	text      string
	over      bool
}

// quotaRows say what a change leaves of the quotas.
func quotaRows(p *plan.Plan) []quotaRow {
	var rows []quotaRow
	for i, q := range p.Quota {
		text := fmt.Sprintf("%s of %s", q.Used, q.Limit)
		if q.Before != "" && q.Before != q.Used {
			text = q.Before + " → " + text
		}
		if q.Over {
			text += ": more than the quota"
		}
		first := i == 0 || p.Quota[i-1].Workspace != q.Workspace
		rows = append(rows, quotaRow{q.Workspace, first, q.What, text, q.Over})
	}
	return rows
}

// row is one thing to say about a project.
type row struct{ label, text string }

// rowsOf are what a plan says of a project, in the order people ask.
func rowsOf(p plan.Project) []row {
	var rows []row
	add := func(label, text string) {
		if text != "" {
			rows = append(rows, row{label, text})
		}
	}
	add("type", string(p.Type))
	add("url", p.URL)
	if builds(p.Action) {
		add("builds", buildsText(p))
		if p.Action == plan.Rollback || p.Action == plan.RollForward {
			add("image", "not asked for: if the registry does not have it any more, this is refused and what runs stays")
		}
		add("restarts", map[bool]string{true: "yes, pods are replaced", false: "no"}[p.Restarts])
	}
	for i, why := range p.Why {
		rows = append(rows, row{map[bool]string{true: "why"}[i == 0], why})
	}
	add("data", p.Data)
	add("changes", strings.Join(p.Changes, ", "))
	for i, inferred := range p.Inferred {
		label := "inferred"
		if i > 0 {
			label = ""
		}
		rows = append(rows, row{label, fmt.Sprintf("%s: %s (%s)", inferred.Field, inferred.Value, inferred.Reason)})
	}
	return rows
}

// builds says that an action brings a release, for which images and restarts matter.
func builds(action plan.Action) bool {
	switch action {
	case plan.Create, plan.Release, plan.Rollback, plan.RollForward:
		return true
	}
	return false
}

// headline says what happens to a project in one line.
func headline(p plan.Project) string {
	line := string(p.Action)
	switch {
	case p.Current != "" && p.Next != "" && p.Current != p.Next:
		line += " " + p.Current + " → " + p.Next
	case p.Next != "":
		line += " " + p.Next
	case p.Current != "":
		line += ", " + p.Current + " runs"
	}
	return line
}

// summary counts.
func summary(p *plan.Plan) string {
	builds := 0
	for _, p := range p.Projects {
		builds += p.Builds
	}
	return fmt.Sprintf("%s, %s, %s, %s.", terminal.Count(len(p.Projects), "project"), terminal.Count(builds, "build"), dataSummary(p), terminal.Count(len(p.Problems), "problem"))
}

// dataSummary says what becomes of all data.
func dataSummary(p *plan.Plan) string {
	var deleted []string
	for _, p := range p.Projects {
		if p.Data == plan.DataDeleted {
			deleted = append(deleted, p.Key.String())
		}
	}
	if len(deleted) > 0 {
		return "data of " + few(deleted) + " deleted"
	}
	return "no data touched"
}

// buildsText says how many images are built, and why, or why none.
func buildsText(p plan.Project) string {
	if p.Builds == 0 {
		return p.BuildReason
	}
	return fmt.Sprintf("%d: %s", p.Builds, p.BuildReason)
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

// few lists some words, and says how many more there are.
func few(words []string) string {
	const most = 5
	switch n := len(words); {
	case n > most:
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), n-most)
	case n > 1:
		return fmt.Sprintf("%s and %s", strings.Join(words[:n-1], ", "), words[n-1])
	}
	return strings.Join(words, "")
}
