package watch

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
	"github.com/plateform/plateform/reconciler/logline"
)

var began = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// story are the frames of a run that is deployed.
func story() []api.Frame {
	run := api.Run{ID: "2d8cdf6326bd", Cause: manifest.Cause{Kind: manifest.CauseSource, Commit: strings.Repeat("c", 40), By: "bob\x1b[2J"}, StartedAt: began, State: reconciler.StatePending}
	end := run
	ended := began.Add(4 * time.Second)
	end.EndedAt, end.State, end.Text, end.LiveURL = &ended, reconciler.StateSuccess, "v1.0.0 runs", "https://shop.example.com"
	stages := []api.Stage{{Stage: reconciler.StageQueued, At: began}, {Stage: reconciler.StageBuilding, At: began.Add(time.Second)}}
	end.Stages = append(stages, api.Stage{Stage: reconciler.StageDeployed, At: ended})
	return []api.Frame{
		{Type: api.FrameRun, Run: &run}, {Type: api.FrameStage, Stage: &stages[0]}, {Type: api.FrameStage, Stage: &stages[1]},
		{Type: api.FrameLog, Image: "app", Lines: []string{"\x1b[31mred\x1b[0m\x1b[2J", "<two>"}}, {Type: api.FrameEnd, Run: &end},
	}
}

// shown is what the screen shows of frames, and the line at its bottom behind each.
func shown(o Options, frames []api.Frame) (text string, lines []string) {
	var out bytes.Buffer
	o.Out, o.Key, o.Now = &out, manifest.Key{Workspace: "ws-1", Project: "shop"}, func() time.Time { return began.Add(3 * time.Second) }
	s := newScreen(o)
	for _, f := range frames {
		s.take(f)
		lines = append(lines, s.line())
	}
	return out.String(), lines
}

func TestScreenWithoutATerminal(t *testing.T) {
	got, _ := shown(Options{}, story())
	clock := func(s int) string { return began.Add(time.Duration(s) * time.Second).Local().Format("15:04:05") }
	want := "ws-1/shop  run 2d8cdf6326bd, push cccccccccc by bob[2J\n" + clock(0) + " queued\n" + clock(1) + " building\nred\n<two>\n" +
		"✓ v1.0.0 runs at https://shop.example.com (4.0s)\n"
	if got != want {
		t.Errorf("it shows\n%q\nwant\n%q", got, want)
	}
}

// What is said beside it does not come between what runs and where.
func TestTheURLIsSaidOfWhatRuns(t *testing.T) {
	for said, want := range map[string]string{
		"v1.0.0 runs; project is held because v1.0.1 was rolled back":           "✓ v1.0.0 runs at https://shop.example.com; project is held",
		"v1.0.0 runs (its image is reused: this source was built before); hold": "✓ v1.0.0 runs at https://shop.example.com (its image is reused: this source was built before); hold",
	} {
		frames := story()
		frames[4].Run.Text = said
		if got, _ := shown(Options{}, frames); !strings.Contains(got, want) {
			t.Errorf("it shows\n%s", got)
		}
	}
}

// On a terminal stages are in the line at the bottom, and colours of the log stay; nothing else of it moves anything.
func TestScreenOnATerminal(t *testing.T) {
	got, lines := shown(Options{Width: 100, Style: terminal.Palette{On: true}}, story())
	if !strings.Contains(got, "\x1b[31mred\x1b[0m\n") || strings.Contains(got, "\x1b[2J") {
		t.Errorf("it shows %q", got)
	}
	building := logline.Bare(lines[2])
	if want := "✓ queued 1.0s  ⠋ building 2.0s  · pushing  · updating GitOps  · synced  · deployed"; building != want {
		t.Errorf("the line is %q, want %q", building, want)
	}
}

// What a server says is no is the end, but for what passes.
func TestFinal(t *testing.T) {
	now := began
	c := &connection{options: Options{Now: func() time.Time { return now }}, offset: "1", last: began}
	for status, want := range map[int]bool{400: true, 401: true, 403: true, 404: false, 429: false, 500: false, 503: false} {
		if got := c.final(&answerError{status: status, text: "no"}); (got != nil) != want {
			t.Errorf("after %d it is %v", status, got)
		}
	}
	now = began.Add(time.Hour)
	if c.final(&answerError{status: 404}) == nil {
		t.Error("a run that is gone for an hour is waited for")
	}
}

// Another run begins anew: its stages are its own, and what an app prints between the two is shown as it is.
func TestRunsAfterEachOther(t *testing.T) {
	first, second := story(), story()
	for _, f := range second {
		if f.Run != nil {
			f.Run.ID = "b97e7659f980"
		}
	}
	second[4].Run.State, second[4].Run.Text = reconciler.StateFailure, "build failed: no\nits log: here"
	frames := append(append(first, api.Frame{Type: api.FrameLog, Lines: []string{"v1.0.0/app-1 GET /"}}), second...)
	got, lines := shown(Options{Width: 80}, frames)
	for _, want := range []string{"run 2d8cdf6326bd", "\nv1.0.0/app-1 GET /\n", "run b97e7659f980", "✗ build failed: no (4.0s)\n  its log: here"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is not shown once in\n%s", want, got)
		}
	}
	if begun := lines[len(first)+2]; strings.Contains(begun, "building") && !strings.Contains(begun, "· building") {
		t.Errorf("a stage of the run before is in %q", begun)
	}
}
