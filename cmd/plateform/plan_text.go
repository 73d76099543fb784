package main

import (
	"fmt"
	"strings"

	"github.com/plateform/plateform/reconciler"
)

// printPlanText prints a plan in words.
func (a *app) printPlanText(plan *reconciler.Plan, diff bool) {
	style := a.palette()
	fmt.Fprintf(a.stdout, "%s %s..%s  %s\n", style.bold("Plan"), short(plan.Base), short(plan.Head), style.dim(plan.Hash))
	if len(plan.Projects) == 0 {
		fmt.Fprintf(a.stdout, "\nNothing to do: no project is touched.\n")
	}
	for _, p := range plan.Projects {
		fmt.Fprintf(a.stdout, "\n%s  %s\n", style.bold(p.Key.String()), style.action(p.Action, planHeadline(p)))
		for _, row := range planRows(p) {
			fmt.Fprintf(a.stdout, "  %s %s\n", style.dim(fmt.Sprintf("%-9s", row.label)), row.text)
		}
		if diff && p.ValuesDiff != "" {
			a.printDiff(p.ValuesDiff)
		}
	}
	if len(plan.Problems) > 0 {
		fmt.Fprintf(a.stdout, "\n%s\n", style.bad(count(len(plan.Problems), "problem")))
		for _, p := range plan.Problems {
			fmt.Fprintf(a.stdout, "  %s\n", p)
		}
	}
	if len(plan.Projects) > 0 {
		fmt.Fprintf(a.stdout, "\n%s\n", planSummary(plan))
	}
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
		add("builds", fmt.Sprintf("%d: %s", p.Builds, p.BuildReason))
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
	return fmt.Sprintf("%s, %s, %s.", count(len(plan.Projects), "project"), count(builds, "build"), count(len(plan.Problems), "problem"))
}

// action colours by what an action does.
func (p palette) action(action reconciler.PlanAction, s string) string {
	switch action {
	case reconciler.PlanBlocked, reconciler.PlanRemove:
		return p.bad(s)
	case reconciler.PlanCreate, reconciler.PlanRelease:
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
