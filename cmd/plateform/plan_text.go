package main

import (
	"fmt"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler"
)

// printPlanText prints a plan in words.
func (a *app) printPlanText(plan *reconciler.Plan, diff bool) {
	style := a.palette()
	fmt.Fprintf(a.stdout, "%s %s..%s\n%s\n", style.Bold("Plan"), terminal.Short(plan.Base), terminal.Short(plan.Head), style.Dim(plan.Hash))
	if len(plan.Projects) == 0 {
		fmt.Fprintf(a.stdout, "\nNothing to do: no project is touched.\n")
	}
	sheet := a.sheet()
	for _, p := range plan.Projects {
		fmt.Fprintf(a.stdout, "\n%s  %s\n", style.Bold(p.Key.String()), paintAction(style, p.Action, planHeadline(p)))
		for _, row := range planRows(p) {
			sheet.Line(row.label, row.text)
		}
		if diff && p.ValuesDiff != "" {
			a.printDiff(p.ValuesDiff)
		}
	}
	for _, q := range quotaRows(plan) {
		if q.first {
			fmt.Fprintf(a.stdout, "\n%s  quota after this change\n", style.Bold(q.workspace))
		}
		if q.over {
			q.text = style.Bad(q.text)
		}
		sheet.Line(q.what, q.text)
	}
	if len(plan.Problems) > 0 {
		fmt.Fprintf(a.stdout, "\n%s\n", style.Bad(terminal.Count(len(plan.Problems), "problem")))
		for _, p := range plan.Problems {
			sheet.Wrap("  ", sheet.Indent, p.String())
		}
	}
	if len(plan.Projects) > 0 {
		fmt.Fprintf(a.stdout, "\n%s\n", planSummary(plan))
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
func quotaRows(plan *reconciler.Plan) []quotaRow {
	var rows []quotaRow
	for i, q := range plan.Quota {
		text := fmt.Sprintf("%s of %s", q.Used, q.Limit)
		if q.Before != "" && q.Before != q.Used {
			text = q.Before + " → " + text
		}
		if q.Over {
			text += ": more than the quota"
		}
		first := i == 0 || plan.Quota[i-1].Workspace != q.Workspace
		rows = append(rows, quotaRow{q.Workspace, first, q.What, text, q.Over})
	}
	return rows
}

// planRow is one thing to say about a project.
type planRow struct{ label, text string }

// planRows are what a plan says of a project, in the order people ask.
func planRows(p reconciler.ProjectPlan) []planRow {
	var rows []planRow
	add := func(label, text string) {
		if text != "" {
			rows = append(rows, planRow{label, text})
		}
	}
	add("type", string(p.Type))
	add("url", p.URL)
	if builds(p.Action) {
		add("builds", buildsText(p))
		add("restarts", map[bool]string{true: "yes, pods are replaced", false: "no"}[p.Restarts])
	}
	add("data", p.Data)
	add("changes", strings.Join(p.Changes, ", "))
	for i, inferred := range p.Inferred {
		label := "inferred"
		if i > 0 {
			label = ""
		}
		rows = append(rows, planRow{label, fmt.Sprintf("%s: %s (%s)", inferred.Field, inferred.Value, inferred.Reason)})
	}
	return rows
}

// builds says that an action brings a release, for which images and restarts matter.
func builds(action reconciler.PlanAction) bool {
	switch action {
	case reconciler.PlanCreate, reconciler.PlanRelease, reconciler.PlanRollback, reconciler.PlanRollForward:
		return true
	}
	return false
}

// planHeadline says what happens to a project in one line.
func planHeadline(p reconciler.ProjectPlan) string {
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

// planSummary counts.
func planSummary(plan *reconciler.Plan) string {
	builds := 0
	for _, p := range plan.Projects {
		builds += p.Builds
	}
	return fmt.Sprintf("%s, %s, %s, %s.", terminal.Count(len(plan.Projects), "project"), terminal.Count(builds, "build"), dataSummary(plan), terminal.Count(len(plan.Problems), "problem"))
}

// dataSummary says what becomes of all data.
func dataSummary(plan *reconciler.Plan) string {
	var deleted []string
	for _, p := range plan.Projects {
		if p.Data == reconciler.DataDeleted {
			deleted = append(deleted, p.Key.String())
		}
	}
	if len(deleted) > 0 {
		return "data of " + few(deleted) + " deleted"
	}
	return "no data touched"
}

// buildsText says how many images are built, and why, or why none.
func buildsText(p reconciler.ProjectPlan) string {
	if p.Builds == 0 {
		return p.BuildReason
	}
	return fmt.Sprintf("%d: %s", p.Builds, p.BuildReason)
}

// paintAction colours by what an action does.
func paintAction(p terminal.Palette, action reconciler.PlanAction, s string) string {
	switch action {
	case reconciler.PlanBlocked, reconciler.PlanRemove:
		return p.Bad(s)
	case reconciler.PlanCreate, reconciler.PlanRelease:
		return p.Good(s)
	}
	return p.Warn(s)
}

// printDiff prints a unified diff.
func (a *app) printDiff(diff string) {
	style := a.palette()
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
		fmt.Fprintf(a.stdout, "    %s\n", line)
	}
}
