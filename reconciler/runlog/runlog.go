// Package runlog writes what happens to runs to the log: one line for each thing that happens to each run, under the run's
// ID. docs/logs.md lists them.
package runlog

import (
	"context"
	"log/slog"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Logger is a reconciler.Observer that writes to a log. It is for use by one goroutine, as observers are.
type Logger struct {
	log *slog.Logger
	// waits is what the runs that go on were last said to wait for, by their ID: it is logged when it changes.
	waits map[string]string
}

// New returns a Logger that writes to a log.
func New(log *slog.Logger) *Logger { return &Logger{log: log, waits: map[string]string{}} }

// Observe implements reconciler.Observer.
func (l *Logger) Observe(e reconciler.Event) {
	switch e.Kind {
	case reconciler.EventStarted:
		l.started(e)
	case reconciler.EventBuildStarted:
		l.buildStarted(e)
	case reconciler.EventBuildEnded:
		l.buildEnded(e)
	case reconciler.EventReleased:
		l.each(e, slog.LevelInfo, "released", "release", e.Release, "commit", manifest.Short(e.Commit))
	case reconciler.EventReleaseRefused:
		l.each(e, slog.LevelError, "a release cannot be made", "release", e.Release, "error", e.Error)
	case reconciler.EventWritten:
		l.each(e, slog.LevelInfo, "written", "release", e.Release, "commit", manifest.Short(e.Commit))
	case reconciler.EventRollout:
		l.rollout(e)
	case reconciler.EventReported:
		l.reported(e)
	}
}

// rollout logs what becomes of a release that nobody waits for any more. Those who wait are answered by a report.
func (l *Logger) rollout(e reconciler.Event) {
	switch {
	case len(e.Runs) > 0:
	case e.Rollout.Phase == reconciler.PhaseHealthy:
		l.each(e, slog.LevelDebug, "it is healthy", "release", e.Release)
	case e.Rollout.Phase == reconciler.PhaseFailed:
		l.each(e, slog.LevelError, "it does not run any more", "release", e.Release, "error", e.Rollout.Cause)
	}
}

// started logs a run; those read again out of the history are of interest to few.
func (l *Logger) started(e reconciler.Event) {
	level := slog.LevelInfo
	if e.Replayed {
		level = slog.LevelDebug
	}
	cause := e.Runs[0].Cause
	l.each(e, level, "asked", "cause", string(cause.Kind), "commit", manifest.Short(cause.Config), "source", manifest.Short(e.Runs[0].Source), "by", cause.By)
}

// buildStarted logs a build. For an authored image nothing is built: the registry is asked for its digest.
func (l *Logger) buildStarted(e reconciler.Event) {
	if e.Build.Reference != "" {
		l.each(e, slog.LevelInfo, "image asked for", "build", e.Build.ID, "what", e.Build.What())
		return
	}
	l.each(e, slog.LevelInfo, "build asked for", "build", e.Build.ID, "what", e.Build.What())
}

func (l *Logger) buildEnded(e reconciler.Event) {
	switch failure := e.Status.Failure; {
	case failure == nil && e.Build.Reference != "":
		l.each(e, slog.LevelInfo, "image found", "build", e.Build.ID, "digest", e.Status.Image.Digest)
	case failure == nil:
		l.each(e, slog.LevelInfo, "build done", "build", e.Build.ID, "digest", e.Status.Image.Digest, "seconds", e.Status.Seconds, "reused", e.Status.Reused)
	case failure.Canceled:
		l.each(e, slog.LevelInfo, "build stopped", "build", e.Build.ID, "superseded", e.Superseded)
	case e.Build.Reference != "":
		l.each(e, slog.LevelWarn, "image cannot be used", "build", e.Build.ID, "error", failure.Summary)
	default:
		l.each(e, slog.LevelWarn, "build failed", "build", e.Build.ID, "error", failure.Summary)
	}
}

// reported logs the end of a run, and for how long somebody waited; before that, what went wrong and is tried again.
func (l *Logger) reported(e reconciler.Event) {
	if len(e.Runs) == 0 {
		return
	}
	if !e.Report.Terminal() {
		l.goesOn(e)
		return
	}
	delete(l.waits, e.Runs[0].ID)
	l.each(e, slog.LevelInfo, "ended", "state", string(e.Report.State), "stage", string(e.Report.Stage), "why", e.Report.Why(),
		"seconds", e.At.Sub(e.Runs[0].StartedAt).Seconds())
}

func (l *Logger) goesOn(e reconciler.Event) {
	id, stage := e.Runs[0].ID, string(e.Report.Stage)
	switch {
	case e.Report.Outcome != reconciler.OutcomeRetrying && e.Report.Outcome != reconciler.OutcomePushUnanswered:
		delete(l.waits, id)
		l.each(e, slog.LevelDebug, "under way", "stage", stage, "why", e.Report.Why())
	case l.waits[id] != e.Report.Detail:
		l.waits[id] = e.Report.Detail
		l.each(e, slog.LevelWarn, "it is tried again", "stage", stage, "error", e.Report.Detail)
	}
}

// each writes a line for each run. Keys without a value are left out.
func (l *Logger) each(e reconciler.Event, level slog.Level, message string, args ...any) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	if len(e.Runs) == 0 {
		l.log.Log(context.Background(), level, message, append([]any{"project", e.Project.String()}, args...)...)
	}
	for _, r := range e.Runs {
		line := []any{"run", r.ID, "project", e.Project.String()}
		for i := 0; i+1 < len(args); i += 2 {
			if args[i+1] != "" {
				line = append(line, args[i], args[i+1])
			}
		}
		l.log.Log(context.Background(), level, message, line...)
	}
}
