package plan

import (
	"fmt"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// QuotaRow is what a plan says of one limit of a workspace.
type QuotaRow struct {
	Workspace string
	// First says that it is the first row of its workspace.
	First bool
	// What is limited, and how much of it is used, in words.
	What, Text string
	// Over says that more is used than there is.
	Over bool
}

// QuotaRows say what a change leaves of the quotas.
func (p *Plan) QuotaRows() []QuotaRow {
	var rows []QuotaRow
	for i, q := range p.Quota {
		text := fmt.Sprintf("%s of %s", q.Used, q.Limit)
		if q.Before != "" && q.Before != q.Used {
			text = q.Before + " → " + text
		}
		if q.Over {
			text += ": more than the quota"
		}
		first := i == 0 || p.Quota[i-1].Workspace != q.Workspace
		rows = append(rows, QuotaRow{q.Workspace, first, q.What, manifest.WithoutCredentials(text), q.Over})
	}
	return rows
}

// Row is one thing that a plan says of a project. Rows without a label belong to the one before.
type Row struct{ Label, Text string }

// Rows are what a plan says of a project, in the order people ask.
func (p *Project) Rows() []Row {
	var rows []Row
	add := func(label, text string) {
		if text != "" {
			rows = append(rows, Row{label, text})
		}
	}
	add("type", string(p.Type))
	add("url", p.URL)
	if builds(p.Action) {
		add("builds", buildsText(p))
		if p.Action == Rollback || p.Action == RollForward {
			add("image", "not asked for: if the registry does not have it any more, this is refused and what runs stays")
		}
		add("restarts", map[bool]string{true: "yes, what runs is replaced", false: "no"}[p.Restarts])
	}
	for i, why := range p.Why {
		rows = append(rows, Row{map[bool]string{true: "why"}[i == 0], why})
	}
	for i, what := range p.Secrets {
		rows = append(rows, Row{map[bool]string{true: "secrets"}[i == 0], what})
	}
	for i, what := range p.Also {
		rows = append(rows, Row{map[bool]string{true: "also"}[i == 0], what})
	}
	add("data", p.Data)
	add("changes", strings.Join(p.Changes, ", "))
	for i, inferred := range p.Inferred {
		label := "inferred"
		if i > 0 {
			label = ""
		}
		rows = append(rows, Row{label, fmt.Sprintf("%s: %s (%s)", inferred.Field, inferred.Value, inferred.Reason)})
	}
	for i := range rows {
		rows[i].Text = manifest.WithoutCredentials(rows[i].Text)
	}
	return rows
}

// builds says that an action brings a release, for which images and restarts matter.
func builds(action Action) bool {
	switch action {
	case Create, Release, Rollback, RollForward:
		return true
	}
	return false
}

// Headline says what happens to a project in one line.
func (p *Project) Headline() string {
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

// Summary counts.
func (p *Plan) Summary() string {
	builds := 0
	for _, p := range p.Projects {
		builds += p.Builds
	}
	return fmt.Sprintf("%s, %s, %s, %s.", manifest.Count(len(p.Projects), "project"), manifest.Count(builds, "build"), dataSummary(p), manifest.Count(len(p.Problems), "problem"))
}

// dataSummary says what becomes of all data.
func dataSummary(p *Plan) string {
	var deleted []string
	for _, p := range p.Projects {
		if p.Data == DataDeleted {
			deleted = append(deleted, p.Key.String())
		}
	}
	if len(deleted) > 0 {
		return "data of " + few(deleted) + " deleted"
	}
	return "no data touched"
}

// buildsText says how many images are built, and why, or why none.
func buildsText(p *Project) string {
	if p.Builds == 0 {
		return p.BuildReason
	}
	return fmt.Sprintf("%d: %s", p.Builds, p.BuildReason)
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
