// Package feed tells people who watch a terminal what happens: a line for each step of each project, in words. For programs
// there is the log, which reconciler/runlog writes.
package feed

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/words"
)

// Options say where a Feed prints, and how.
type Options struct {
	Out   io.Writer
	Style terminal.Palette
	// Width of the terminal in columns; 0 when it is none.
	Width int
	// Now is the clock, for what is logged.
	Now func() time.Time
}

// Feed prints events as lines. It is a reconciler.Observer, and its Handler takes in what is logged beside them. Several
// goroutines may use it.
type Feed struct {
	options Options

	mu sync.Mutex
	// width of the column with the names of projects.
	column int
	// last is what was printed last about each project: several runs of it come to the same steps.
	last map[manifest.Key]string
	// moved projects have had something done since the start, and ran is the release of each that was said to run.
	moved map[manifest.Key]bool
	ran   map[manifest.Key]string
}

// New returns a Feed that has printed nothing yet.
func New(o Options) *Feed {
	return &Feed{options: o, last: map[manifest.Key]string{}, moved: map[manifest.Key]bool{}, ran: map[manifest.Key]string{}}
}

// mark is the sign in front of a line, which says at a glance how things are.
type mark int

const (
	goesOn mark = iota
	isWell
	isHeld
	isTrouble
	isFailure
)

func (f *Feed) sign(m mark) string {
	style := f.options.Style
	switch m {
	case isWell:
		return style.Good("✓")
	case isHeld:
		return style.Warn("-")
	case isTrouble:
		return style.Warn("!")
	case isFailure:
		return style.Bad("✗")
	}
	return style.Dim("·")
}

// Observe implements reconciler.Observer.
func (f *Feed) Observe(e reconciler.Event) {
	if e.Replayed {
		return
	}
	name := e.Project.String()
	if e.Project == (manifest.Key{}) {
		name = "platform-config"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m, text := f.news(e)
	if text == "" || f.last[e.Project] == text {
		return
	}
	f.last[e.Project] = text
	if m == isWell && !f.isOld(e) {
		text += took(e)
	}
	f.print(e.At, m, name, text)
}

// Say prints a line of somebody else's: a name, and what is to be said of it.
func (f *Feed) Say(name, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.print(f.options.Now(), goesOn, name, text)
}

// print writes one line, which goes on under itself where the terminal is too narrow.
func (f *Feed) print(when time.Time, m mark, name, text string) {
	const widest = 28 // what is longer pushes its own line out
	name, text = terminal.Plain(name), terminal.Plain(text)
	f.column = max(f.column, min(lipgloss.Width(name), widest))
	clock := when.Local().Format("15:04:05")
	pad := strings.Repeat(" ", max(0, f.column-lipgloss.Width(name)))
	front := f.options.Style.Dim(clock) + " " + f.sign(m) + " " + f.options.Style.Bold(name) + pad + "  "
	columns := len(clock) + len(" . ") + lipgloss.Width(name) + len(pad) + len("  ")
	sheet := terminal.Sheet{Out: f.options.Out, Width: f.options.Width}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		words := strings.TrimLeft(line, " ")
		indent := len(line) - len(words)
		sheet.Wrap(front+strings.Repeat(" ", indent), columns+indent, words)
		front = strings.Repeat(" ", columns)
	}
}

// news puts an event into words; none for what people need not see. After a start one line says how things are: what was
// told before is not told as news.
func (f *Feed) news(e reconciler.Event) (mark, string) {
	switch e.Kind {
	case reconciler.EventBuildStarted, reconciler.EventReleased, reconciler.EventWritten:
		f.moved[e.Project] = true
	case reconciler.EventStarted, reconciler.EventReported:
		if f.isOld(e) || e.Recalled && e.Kind == reconciler.EventReported && e.Report.Outcome == reconciler.OutcomeSuperseded {
			return stillSo(e)
		}
		f.moved[e.Project] = true
	case reconciler.EventRollout:
		if release := e.Release; e.Rollout.Phase == reconciler.PhaseHealthy {
			f.ran[e.Project] = release
		} else if e.Rollout.Phase == reconciler.PhaseFailed && len(e.Runs) == 0 && f.ran[e.Project] != release {
			return isFailure, release + " does not run: " + e.Rollout.Cause
		}
	}
	return lineOf(e)
}

// isOld says that an event is of a run that an earlier process began, and for which nothing was done since the start.
func (f *Feed) isOld(e reconciler.Event) bool { return e.Recalled && !f.moved[e.Project] }

// stillSo says in a line what came of a run earlier, if it still matters, and what is in its way now.
func stillSo(e reconciler.Event) (mark, string) {
	if e.Kind != reconciler.EventReported || e.Report.Outcome == reconciler.OutcomeSuperseded {
		return goesOn, ""
	}
	r := *e.Report
	if r.Outcome == reconciler.OutcomeRolloutFailed {
		return isFailure, r.Release.Version + " does not run: " + r.Detail
	}
	m, text := reported(r, e)
	if m == goesOn {
		return m, ""
	}
	text, _, _ = strings.Cut(text, "\n")
	if m == isFailure { // it is no news, and not of now
		return isTrouble, "still so: " + text
	}
	return m, text
}

// lineOf puts an event into words; none for what people need not see.
func lineOf(e reconciler.Event) (mark, string) {
	switch e.Kind {
	case reconciler.EventStarted:
		return goesOn, asked(e.Runs)
	case reconciler.EventBuildStarted:
		if e.Build.Reference != "" {
			return goesOn, "looks for the image " + e.Build.What()
		}
		return goesOn, "builds " + e.Build.What()
	case reconciler.EventBuildEnded:
		return built(e)
	case reconciler.EventReleased:
		return goesOn, fmt.Sprintf("released %s, commit %s of platform-config", e.Release, terminal.Short(e.Commit))
	case reconciler.EventReleaseRefused:
		return isFailure, fmt.Sprintf("%s cannot be released: %s", e.Release, e.Error)
	case reconciler.EventWritten:
		return goesOn, fmt.Sprintf("%s is in plateform-gitops, commit %s", e.Release, terminal.Short(e.Commit))
	case reconciler.EventRollout:
		return rollout(e)
	case reconciler.EventReported:
		return reported(*e.Report, e)
	}
	return goesOn, ""
}

// rollout says what becomes of a release that nobody waits for: after a start, or when it fails later.
func rollout(e reconciler.Event) (mark, string) {
	switch {
	case len(e.Runs) > 0: // a report follows
	case e.Rollout.Phase == reconciler.PhaseHealthy:
		return isWell, e.Release + " runs" + where(e.LiveURL)
	case e.Rollout.Phase == reconciler.PhaseFailed:
		return isFailure, e.Release + " does not run any more: " + e.Rollout.Cause + tailOf(e.Rollout.Log)
	}
	return goesOn, ""
}

// where names the URL that something answers at, if it has one.
func where(url string) string {
	if url == "" {
		return ""
	}
	return " at " + url
}

// asked says who wants what.
func asked(runs []*reconciler.Run) string {
	if len(runs) == 0 {
		return ""
	}
	cause := runs[0].Cause
	by := ""
	if cause.By != "" {
		by = " by " + cause.By
	}
	what := "commit " + terminal.Short(cause.Config)
	switch cause.Kind {
	case manifest.CauseSource:
		return fmt.Sprintf("push %s%s", terminal.Short(cause.Commit), by)
	case manifest.CauseRetry:
		return fmt.Sprintf("retry%s, %s", by, what)
	case manifest.CauseRollback:
		return fmt.Sprintf("rollback%s, %s", by, what)
	case manifest.CausePlatform:
		return fmt.Sprintf("the platform changed%s, %s", by, what)
	}
	return fmt.Sprintf("%s%s", what, by)
}

// built says what came out of a build. What failed is said when it is reported, with what follows from it; what is tried
// again is no end, and is reported, too.
func built(e reconciler.Event) (mark, string) {
	failure := e.Status.Failure
	switch {
	case failure == nil && e.Build.Reference != "":
		return goesOn, "found the image " + e.Build.What()
	case failure == nil && e.Status.Reused == e.Project.String():
		return goesOn, "used the image of before again for " + e.Build.What() + ": the same source was built for it"
	case failure == nil && e.Status.Reused != "":
		return goesOn, fmt.Sprintf("reused the image of %s for %s: the same source was built for it", terminal.Plain(e.Status.Reused), e.Build.What())
	case failure == nil && e.Status.Seconds > 0:
		return goesOn, fmt.Sprintf("built %s in %s", e.Build.What(), time.Duration(e.Status.Seconds)*time.Second)
	case failure == nil:
		return goesOn, "built " + e.Build.What()
	case failure.Canceled && e.Superseded:
		return goesOn, fmt.Sprintf("the build of %s makes way for a newer one", e.Build.What())
	}
	return goesOn, ""
}

// reported says how far a run is, or how it ended.
func reported(r reconciler.Report, e reconciler.Event) (mark, string) {
	said := words.Of(r)
	switch {
	case r.State == reconciler.StateFailure:
		return isFailure, said + tailOf(r.Build.LogTail)
	case r.State == reconciler.StatePending:
		return underWay(r, said)
	}
	switch r.Outcome {
	case reconciler.OutcomeHeld, reconciler.OutcomePaused, reconciler.OutcomeSuperseded, reconciler.OutcomeRolloutFailed, reconciler.OutcomeImageGone:
		return isHeld, said
	case reconciler.OutcomeRuns, reconciler.OutcomeUnchanged:
		if runs := r.Release.Version + " runs"; r.Stage == reconciler.StageDeployed {
			said = strings.Replace(said, runs, runs+where(r.LiveURL), 1)
		}
		return isWell, said
	}
	return isWell, said
}

// underWay leaves out what an event of its own tells better.
func underWay(r reconciler.Report, words string) (mark, string) {
	switch r.Outcome {
	case reconciler.OutcomeRetrying, reconciler.OutcomePushRefused, reconciler.OutcomePushUnanswered:
		return isTrouble, words
	case reconciler.OutcomeWaiting:
		if r.Detail == "" {
			return goesOn, ""
		}
	case reconciler.OutcomeReleasing:
		return goesOn, ""
	case reconciler.OutcomeBuilding:
		if r.Stage == reconciler.StageBuilding || r.Stage == reconciler.StageQueued {
			return goesOn, ""
		}
	}
	return goesOn, words
}

// tailOf is the end of a log, for those who run the installation.
func tailOf(log string) string {
	const most = 12
	if log == "" {
		return ""
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(log), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "failed: ") // what is said already
	})
	return "\n  " + strings.Join(lines[max(0, len(lines)-most):], "\n  ")
}

// took says how long somebody waited for it.
func took(e reconciler.Event) string {
	if len(e.Runs) == 0 || e.Runs[0].StartedAt.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (%s)", e.At.Sub(e.Runs[0].StartedAt).Round(100*time.Millisecond))
}
