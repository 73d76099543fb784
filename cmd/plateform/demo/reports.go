package demo

import (
	"context"
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/reconciler"
)

// follow shows the stages of a run as they come, until it has ended well. source is the app's commit for a push to the app.
func (d *story) follow(ctx context.Context, commit, source string) error {
	verdict, err := d.verdict(ctx, commit, source)
	if err == nil && verdict.State == reconciler.StateFailure {
		err = exit.Finding("the story ends here: %s", verdict.Description)
	}
	return err
}

// verdict shows the stages of a run as they come, until it has ended, and returns how.
func (d *story) verdict(ctx context.Context, commit, source string) (verdict reconciler.Statement, err error) {
	shown := 0
	line := d.begin("     reports     ")
	defer line.end()
	err = d.await(ctx, "the run on "+terminal.Short(commit), func() (bool, error) {
		var reports []reconciler.Statement
		for _, r := range d.reports(ctx, commit) {
			if r.Source == source || source == "" {
				reports = append(reports, r)
			}
		}
		for _, r := range reports[min(shown, len(reports)):] {
			shown++
			line.report(r)
			if r.Terminal() {
				verdict = r
				return true, nil
			}
		}
		return false, nil
	})
	return verdict, err
}

// reportLine shows reports on one line as they come. Where the terminal is too narrow it goes on below its first report.
type reportLine struct {
	story   *story
	indent  int
	column  int
	stage   reconciler.Stage
	failure string // why it failed, for below
}

// begin begins a line with what stands in front of the reports.
func (d *story) begin(front string) *reportLine {
	fmt.Fprint(d.Out, front)
	return &reportLine{story: d, indent: len(front), column: len(front)}
}

// report shows one report: a stage that is a new one, or the verdict.
func (l *reportLine) report(r reconciler.Statement) {
	style := l.story.Style
	switch {
	case !r.Terminal() && r.Stage == l.stage:
	case !r.Terminal():
		l.word(string(r.Stage) + " →")
	case r.State == reconciler.StateFailure:
		l.word(style.Bad(string(r.Stage)))
		l.failure = r.Description
	default:
		l.word(style.Good(string(r.State)))
	}
	l.stage = r.Stage
}

// word adds a word to the line, or to one more where it does not fit.
func (l *reportLine) word(word string) {
	width := len(" ") + lipgloss.Width(word)
	if l.story.Width > 0 && l.column > l.indent && l.column+width > l.story.Width {
		fmt.Fprint(l.story.Out, "\n"+strings.Repeat(" ", l.indent))
		l.column = l.indent
	}
	fmt.Fprint(l.story.Out, " "+word)
	l.column += width
}

// end ends the line, and says below it why something failed.
func (l *reportLine) end() {
	fmt.Fprintln(l.story.Out)
	for line := range strings.Lines(l.failure) {
		l.story.say("%s%s", strings.Repeat(" ", len("       ")), strings.TrimRight(line, "\n"))
	}
}
