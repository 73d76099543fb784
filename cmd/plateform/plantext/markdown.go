package plantext

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler/plan"
)

// Markdown writes a plan for a pull request. Everybody who reads the repository may read it: values of variables are
// masked, and nothing that people wrote can break out of its place.
func Markdown(p *plan.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Plan `%s`\n\n%s\n", terminal.Short(p.Hash), summary(p))
	if len(p.Problems) > 0 {
		b.WriteString("\n| problem | where |\n|---|---|\n")
		for _, p := range p.Problems {
			what := p.What
			if p.Fix != "" {
				what += " (" + p.Fix + ")"
			}
			place := p.File
			if p.Line > 0 {
				place = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
			}
			fmt.Fprintf(&b, "| %s | `%s` |\n", markdownText(what), markdownCode(place))
		}
	}
	for _, p := range p.Projects {
		fmt.Fprintf(&b, "\n#### `%s`: %s\n\n| | |\n|---|---|\n", markdownCode(p.Key.String()), markdownText(headline(p)))
		for _, row := range rowsOf(p) {
			fmt.Fprintf(&b, "| %s | %s |\n", row.label, markdownText(row.text))
		}
		if p.ValuesDiff != "" {
			diff := maskValues(p.ValuesDiff)
			fence := fenceFor(diff)
			fmt.Fprintf(&b, "\n<details><summary>Helm values</summary>\n\n%sdiff\n%s\n%s\n\n</details>\n", fence, strings.TrimSuffix(diff, "\n"), fence)
		}
	}
	for _, q := range quotaRows(p) {
		if q.first {
			fmt.Fprintf(&b, "\n#### `%s`: quota after this change\n\n| | |\n|---|---|\n", markdownCode(q.workspace))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", q.what, markdownText(q.text))
	}
	for _, unknown := range p.Unknown {
		fmt.Fprintf(&b, "\n%s\n", markdownText(unknown))
	}
	fmt.Fprintf(&b, "\n`%s..%s`, plan `%s`\n", terminal.Short(p.Base), terminal.Short(p.Head), p.Hash)
	return b.String()
}

// maskValues hides the values of variables in a diff of Helm values.
func maskValues(diff string) string {
	return regexp.MustCompile(`(?m)^([-+ ]\s*(?:- )?(?:value|secret): ).*$`).ReplaceAllString(diff, `$1"***"`)
}

// markdownText makes text fit for a cell of a table.
func markdownText(s string) string {
	return strings.NewReplacer("\r", " ", "\n", " ", `\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "`", "\\`", "*", `\*`, "_", `\_`,
		"[", `\[`, "]", `\]`, "@", "@<!-- -->").Replace(s)
}

// markdownCode makes text fit for a code span in a cell of a table.
func markdownCode(s string) string {
	return strings.NewReplacer("\r", " ", "\n", " ", "`", "'", "|", `\|`).Replace(s)
}

// fenceFor is a fence that the text cannot close.
func fenceFor(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence
}
