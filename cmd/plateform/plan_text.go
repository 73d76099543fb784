package main

import (
	"fmt"
	"strings"

	"github.com/plateform/plateform/reconciler/plan"
)

// printPlanText prints a plan in words.
func (a *app) printPlanText(p *plan.Plan, diff bool) {
	style := a.palette()
	fmt.Fprintf(a.stdout, "%s %s..%s\n%s\n", style.bold("Plan"), short(p.Base), short(p.Head), style.dim(p.Hash))
	if len(p.Projects) == 0 {
		fmt.Fprintf(a.stdout, "\nNothing to do: no project is touched.\n")
	}
	sheet := a.sheet()
	for _, p := range p.Projects {
		fmt.Fprintf(a.stdout, "\n%s  %s\n", style.bold(p.Key.String()), style.action(p.Action, planHeadline(p)))
		for _, row := range planRows(p) {
			sheet.line(row.label, row.text)
		}
		if diff && p.ValuesDiff != "" {
			a.printDiff(p.ValuesDiff)
		}
	}
	for _, q := range quotaRows(p) {
		if q.first {
			fmt.Fprintf(a.stdout, "\n%s  quota after this change\n", style.bold(q.workspace))
		}
		if q.over {
			q.text = style.bad(q.text)
		}
		sheet.line(q.what, q.text)
	}
	if len(p.Problems) > 0 {
		fmt.Fprintf(a.stdout, "\n%s\n", style.bad(count(len(p.Problems), "problem")))
		for _, p := range p.Problems {
			sheet.wrap("  ", sheet.indent, p.String())
		}
	}
	if len(p.Projects) > 0 {
		fmt.Fprintf(a.stdout, "\n%s\n", planSummary(p))
	}
	for _, unknown := range p.Unknown {
		fmt.Fprintln(a.stdout, style.dim(unknown))
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

// planRow is one thing to say about a project.
type planRow struct{ label, text string }

// planRows are what a plan says of a project, in the order people ask.
func planRows(p plan.Project) []planRow {
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
	for i, why := range p.Why {
		rows = append(rows, planRow{map[bool]string{true: "why"}[i == 0], why})
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
func builds(action plan.Action) bool {
	switch action {
	case plan.Create, plan.Release, plan.Rollback, plan.RollForward:
		return true
	}
	return false
}

// planHeadline says what happens to a project in one line.
func planHeadline(p plan.Project) string {
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
func planSummary(p *plan.Plan) string {
	builds := 0
	for _, p := range p.Projects {
		builds += p.Builds
	}
	return fmt.Sprintf("%s, %s, %s, %s.", count(len(p.Projects), "project"), count(builds, "build"), dataSummary(p), count(len(p.Problems), "problem"))
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
func (p palette) action(action plan.Action, s string) string {
	switch action {
	case plan.Blocked, plan.Remove:
		return p.bad(s)
	case plan.Create, plan.Release:
		return p.good(s)
	}
	return p.warn(s)
}

// printDiff prints a unified diff.
func (a *app) printDiff(diff string) {
	style := a.palette()
	for line := range strings.Lines(diff) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "+"):
			line = style.good(line)
		case strings.HasPrefix(line, "-"):
			line = style.bad(line)
		case strings.HasPrefix(line, "@@"):
			line = style.dim(line)
		}
		fmt.Fprintf(a.stdout, "    %s\n", line)
	}
}
