package card

import (
	"fmt"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/plan"
)

// maxRows is how many lines of one kind are listed.
const maxRows = 50

// progress says how far each project is, failures first.
func (c Card) progress(b *budget) {
	if len(c.Progress) == 0 {
		return
	}
	b.add("\n| | project | now |\n|---|---|---|\n")
	for _, failures := range []bool{true, false} {
		for _, p := range c.Progress {
			if (p.State == reconciler.StateFailure) == failures {
				b.row("project", fmt.Sprintf("| %s | `%s` | %s |\n", sign(p), code(p.Project.String()), now(p)))
			}
		}
	}
}

// sign is what people see first.
func sign(p Progress) string {
	switch {
	case p.RolledBackBy != "":
		return "↩️"
	case p.State == reconciler.StateFailure:
		return "❌"
	case p.State == reconciler.StatePending:
		return "⏳"
	case p.Stage == reconciler.StageHeld || p.Stage == reconciler.StageSuperseded:
		return "⏸️"
	}
	return "✅"
}

// now says where a project is, and where to go from there.
func now(p Progress) string {
	if p.RolledBackBy != "" {
		return fmt.Sprintf("%s was rolled back by %s", text(p.Release), p.RolledBackBy)
	}
	words := []string{text(string(p.Stage))}
	if p.Description != "" {
		words = []string{text(p.Description)}
	}
	for _, l := range []struct{ name, url string }{{"open it", p.LiveURL}, {"build log", p.LogURL}, {"roll it back", p.RollbackURL}} {
		if to := link(l.name, l.url); to != "" {
			words = append(words, to)
		}
	}
	return strings.Join(words, " · ")
}

// problems lists problems of one kind.
func (c Card) problems(b *budget, kind string, problems manifest.Problems) {
	if len(problems) == 0 {
		return
	}
	b.add(fmt.Sprintf("\n| %s | where |\n|---|---|\n", kind))
	for i, p := range problems {
		if i == maxRows {
			b.omit("problem", len(problems)-i)
			return
		}
		what := p.What
		if p.Fix != "" {
			what += " (" + p.Fix + ")"
		}
		place := p.File
		if p.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
		}
		b.row("problem", fmt.Sprintf("| %s | `%s` |\n", text(what), code(place)))
	}
}

// projects says what happens to each project in words, and then, folded, what that means for its Helm values: the words of all
// come before the values of any.
func (c Card) projects(b *budget) {
	shown := map[manifest.Key]bool{}
	for i := range c.Plan.Projects {
		p := &c.Plan.Projects[i]
		shown[p.Key] = b.tryAdd(c.project(p))
		if !shown[p.Key] {
			b.omit("project", 1)
		}
	}
	for i := range c.Plan.Projects {
		p := &c.Plan.Projects[i]
		if p.ValuesDiff != "" && shown[p.Key] {
			c.diff(b, p)
		}
	}
}

// project is one project in words.
func (c Card) project(p *plan.Project) string {
	var s strings.Builder
	if len(c.Plan.Projects) > 1 {
		fmt.Fprintf(&s, "\n#### `%s`: %s\n", code(p.Key.String()), text(c.headline(p)))
	}
	s.WriteString("\n| | |\n|---|---|\n")
	for i, row := range p.Rows() {
		if i == maxRows {
			fmt.Fprintf(&s, "| | and %s |\n", manifest.Count(len(p.Rows())-i, "more line"))
			break
		}
		fmt.Fprintf(&s, "| %s | %s |\n", row.Label, c.cell(p, row))
	}
	return s.String()
}

// cell is what stands behind a label.
func (c Card) cell(p *plan.Project, row plan.Row) string {
	switch presence := c.Registry[p.Key]; {
	case row.Label == "url" && link(row.Text, row.Text) != "":
		return link(row.Text, row.Text)
	case row.Label == "image" && presence == There:
		return "still in the registry (checked)"
	case row.Label == "image" && presence == Gone:
		return "not in the registry any more: merging this is refused, and what runs stays"
	}
	return text(row.Text)
}

// diff is the folded difference of the Helm values of a project, as much of it as fits.
func (c Card) diff(b *budget, p *plan.Project) {
	masked := strings.TrimSuffix(mask(p.ValuesDiff), "\n")
	fence := fenceFor(masked)
	head := fmt.Sprintf("\n<details><summary>Helm values of %s</summary>\n\n%sdiff\n", text(p.Key.String()), fence)
	tail := "\n" + fence + "\n\n</details>\n"
	kept := b.lines(masked, len(head)+len(tail))
	if kept == "" {
		b.omit("diff", 1)
		return
	}
	b.add(head + kept + tail)
	if n := strings.Count(masked, "\n") - strings.Count(kept, "\n"); n > 0 {
		b.omit("line of diffs", n)
	}
}

// quota says what the change leaves of the quotas.
func (c Card) quota(b *budget) {
	for _, q := range c.Plan.QuotaRows() {
		row := fmt.Sprintf("| %s | %s |\n", text(q.What), text(q.Text))
		if q.First {
			row = fmt.Sprintf("\n#### `%s`: quota after this change\n\n| | |\n|---|---|\n", code(q.Workspace)) + row
		}
		b.row("limit", row)
	}
}
