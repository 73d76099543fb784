package watch

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/api"
	"github.com/plateform/plateform/reconciler/logline"
)

// glance is how often the line at the bottom is drawn anew.
const glance = 100 * time.Millisecond

// turning is what moves while a stage goes on.
var turning = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// screen shows a run. On a terminal the last line says how far it is, and everything else goes by above it.
type screen struct {
	Options
	notes chan string
	// run as it was last told; nil before that.
	run *api.Run
	// stages that were told.
	stages []api.Stage
	// image whose log was shown last.
	image string
	// waits is why nothing comes, while it does not; said is what was last said of the run.
	waits, said string
	// idle has no line at the bottom before a run begins.
	idle  bool
	drawn bool
	turn  int
}

func newScreen(o Options) *screen { return &screen{Options: o, notes: make(chan string)} }

// show shows frames until there are no more, and returns the run at its end; nil when it goes on.
func (s *screen) show(ctx context.Context, frames <-chan api.Frame) (end *api.Run, err error) {
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	defer s.clear()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case f, more := <-frames:
			if !more {
				return end, nil
			}
			if f.Type == api.FrameEnd {
				end = f.Run
			}
			if f.Type != api.FrameLog || f.Build != "" { // else an app prints, and whom one waits for has still not answered
				s.waits = ""
			}
			s.clear()
			s.take(f)
		case text := <-s.notes:
			s.clear()
			s.note(text)
		case <-ticker.C:
			s.turn++
		}
		s.draw()
	}
}

// take shows what a frame tells.
func (s *screen) take(f api.Frame) {
	switch f.Type {
	case api.FrameRun:
		s.runNow(f.Run)
	case api.FrameStage:
		s.stages = append(s.stages, *f.Stage)
		if s.Width == 0 {
			s.print(s.clock(f.Stage.At) + " " + string(f.Stage.Stage))
		}
	case api.FrameLog:
		s.log(f)
	case api.FrameAnew:
		s.print(s.Style.Dim("the log of " + terminal.Plain(f.Image) + " begins anew"))
	case api.FrameNote:
		s.print(s.Style.Warn("! ") + terminal.Plain(f.Text))
	case api.FrameEnd:
		s.ended(f.Run)
	}
}

func (s *screen) runNow(run *api.Run) {
	if s.run == nil || s.run.ID != run.ID {
		s.stages, s.image, s.said = nil, "", ""
		s.print(s.Style.Bold(s.Key.String()) + "  run " + terminal.Plain(run.ID) + ", " + asked(run.Cause))
	}
	if s.run = run; s.Width == 0 && run.Text != s.said && !run.Ended() && strings.Contains(run.Text, "\n") { // what keeps it from going on
		s.print(s.clock(s.Now()) + " " + strings.ReplaceAll(terminal.Plain(run.Text), "\n", "\n         "))
	}
	s.said = run.Text
}

// log shows lines of a build; with several builds they are told apart.
func (s *screen) log(f api.Frame) {
	if f.Image != "" && s.image != f.Image && s.run != nil && len(s.run.Builds) > 1 {
		s.print(s.Style.Dim("── " + terminal.Plain(f.Image) + " ──"))
	}
	s.image = cmp.Or(f.Image, s.image)
	for _, line := range f.Lines {
		if !s.Style.On {
			s.print(logline.Bare(line))
			continue
		}
		s.print(logline.Harmless(line))
	}
}

// ended shows how the run ended, as the last line that stays.
func (s *screen) ended(run *api.Run) {
	sign := s.Style.Good("✓")
	switch {
	case run.State == reconciler.StateFailure:
		sign = s.Style.Bad("✗")
	case run.Stage() == reconciler.StageHeld || run.Stage() == reconciler.StageSuperseded:
		sign = s.Style.Warn("-")
	}
	text := terminal.Plain(run.Text)
	if run.State == reconciler.StateSuccess && run.LiveURL != "" && run.Stage() == reconciler.StageDeployed {
		aside := len(text) // what is said beside it comes behind the URL
		for _, begins := range []string{"; ", " ("} {
			if at := strings.Index(text, begins); at >= 0 {
				aside = min(aside, at)
			}
		}
		text = text[:aside] + " at " + terminal.Plain(run.LiveURL) + text[aside:]
	}
	if took := run.EndedAt.Sub(run.StartedAt); !run.StartedAt.IsZero() && took > 0 {
		said, hint, more := strings.Cut(text, "\n")
		if text = said + s.Style.Dim(" ("+round(took)+")"); more {
			text += "\n" + hint
		}
	}
	front := sign + " "
	sheet := terminal.Sheet{Out: s.Out, Width: s.Width}
	sheet.Wrap(front, 2, text)
}

func (s *screen) note(text string) {
	if s.waits = text; s.Width == 0 && text != "" {
		s.print(s.clock(s.Now()) + " " + text)
	}
}

func (s *screen) print(line string) { fmt.Fprintln(s.Out, line) }

func (s *screen) clock(at time.Time) string { return at.Local().Format("15:04:05") }

// clear removes the line at the bottom.
func (s *screen) clear() {
	if s.drawn {
		fmt.Fprint(s.Out, "\r\x1b[K")
		s.drawn = false
	}
}

// draw draws the line at the bottom.
func (s *screen) draw() {
	if s.Width == 0 || s.waits == "" && (s.run != nil && s.run.Ended() || s.idle && s.run == nil) {
		return
	}
	line := s.line()
	if line == "" {
		return
	}
	s.drawn = true
	fmt.Fprint(s.Out, "\r\x1b[K"+lipgloss.NewStyle().MaxWidth(s.Width-1).Inline(true).Render(line))
}

// line says how far the run is: the stages that are behind it with the time they took, the one it is in, and those to come.
func (s *screen) line() string {
	spin := turning[s.turn%len(turning)]
	if s.waits != "" || len(s.stages) == 0 {
		text := s.waits
		if text == "" {
			text = "asking"
		}
		return s.Style.Warn(spin) + " " + strings.ReplaceAll(text, "\n", " ")
	}
	var parts []string
	for i, stage := range s.stages {
		if i+1 < len(s.stages) {
			parts = append(parts, s.Style.Good("✓")+" "+string(stage.Stage)+s.Style.Dim(" "+round(s.stages[i+1].At.Sub(stage.At))))
			continue
		}
		parts = append(parts, s.Style.Warn(spin)+" "+s.Style.Bold(string(stage.Stage))+" "+round(s.Now().Sub(stage.At)))
	}
	for _, stage := range toCome(s.stages[len(s.stages)-1].Stage) {
		parts = append(parts, s.Style.Dim("· "+string(stage)))
	}
	return strings.Join(parts, "  ")
}

// toCome are the stages behind one, without the scan that most installations do not have.
func toCome(now reconciler.Stage) []reconciler.Stage {
	all := []reconciler.Stage{
		reconciler.StageQueued, reconciler.StageBuilding, reconciler.StagePushing, reconciler.StageUpdatingGitOps, reconciler.StageSynced, reconciler.StageDeployed,
	}
	if now == reconciler.StageScanning {
		return all[2:]
	}
	for i, stage := range all {
		if stage == now {
			return all[i+1:]
		}
	}
	return nil
}

func round(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// asked says who wants what.
func asked(cause manifest.Cause) string {
	what := "commit " + terminal.Short(cause.Config)
	switch cause.Kind {
	case manifest.CauseSource:
		what = "push " + terminal.Short(cause.Commit)
	case manifest.CauseRetry, manifest.CauseRollback:
		what = string(cause.Kind) + ", " + what
	}
	if cause.By != "" {
		what += " by " + cause.By
	}
	return terminal.Plain(what)
}
