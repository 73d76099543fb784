package demo

import (
	"strings"
	"testing"

	"charm.land/lipgloss/v2"

	"github.com/plateform/plateform/reconciler"
)

// No line of the story is longer than the terminal is wide, so that the terminal breaks no word.
func TestReportsFitTheTerminal(t *testing.T) {
	const width = 60
	told := "service orders: main.go:24:20: undefined: everybody, which nobody has written anywhere in this program yet\n" +
		"  v1.0.2 goes on; mend the code and push, or take the commit back with git revert"
	var out strings.Builder
	line := (&story{Options: Options{Out: &out, Width: width}}).begin("     reports     ")
	for _, stage := range []reconciler.Stage{reconciler.StageQueued, reconciler.StageBuilding, reconciler.StageBuilding, reconciler.StageUpdatingGitOps, reconciler.StageSynced} {
		line.report(reconciler.Statement{State: reconciler.StatePending, Stage: stage})
	}
	line.report(reconciler.Statement{State: reconciler.StateFailure, Stage: reconciler.StageDeployed, Description: told})
	line.end()
	for text := range strings.Lines(out.String()) {
		if got := lipgloss.Width(strings.TrimSuffix(text, "\n")); got > width {
			t.Errorf("%d columns: %s", got, text)
		}
	}
	if got, want := strings.Join(strings.Fields(out.String()), " "), "reports queued → building → updating GitOps → synced → deployed "+strings.Join(strings.Fields(told), " "); got != want {
		t.Errorf("the words are\n%s\nwant\n%s", got, want)
	}
}
