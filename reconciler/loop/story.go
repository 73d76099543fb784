package loop

import (
	"context"
	"log/slog"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// hear adds an ask unless the same one is open. What begins here is a run; all lines of the log about it carry its id.
func (s *state) hear(p *project, a ask) *ask {
	a.since = s.Clock()
	before := len(p.asks)
	heard := p.addAsk(a)
	if len(p.asks) == before {
		return heard
	}
	s.asking[p.key] = true
	if !a.Silent {
		s.log(p, heard, levelOf(a), "asked", "cause", a.Kind, "commit", manifest.Short(a.Config), "source", manifest.Short(a.Source), "by", a.By)
	}
	return heard
}

// levelOf is the level for lines about an ask: those replayed from history are of interest to few.
func levelOf(a ask) slog.Level {
	if a.Old {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// logRuns says something about all open runs of a project, one line each.
func (s *state) logRuns(p *project, level slog.Level, message string, args ...any) {
	told := false
	for _, a := range p.asks {
		if !a.Silent {
			s.log(p, a, level, message, args...)
			told = true
		}
	}
	if release := p.output.release; !told && release != nil { // those who asked had their answer from an earlier process
		cause := release.Spec.Cause
		s.log(p, &ask{Cause: cause, Source: sourceOf(cause)}, level, message, args...)
	} else if !told {
		s.Log.Log(context.Background(), level, message, append([]any{"project", p.key.String()}, args...)...)
	}
}

// log says something about one run. Keys without a value are left out.
func (s *state) log(p *project, a *ask, level slog.Level, message string, args ...any) {
	if !s.Log.Enabled(context.Background(), level) {
		return
	}
	line := []any{"run", runID(p.key, a), "project", p.key.String()}
	for i := 0; i+1 < len(args); i += 2 {
		if args[i+1] != "" {
			line = append(line, args[i], args[i+1])
		}
	}
	s.Log.Log(context.Background(), level, message, line...)
}

// ended says how a run ended, and for how long somebody waited.
func (s *state) ended(p *project, a *ask, state reconciler.State, stage reconciler.Stage, words string) {
	if a.Silent || a.Old {
		return
	}
	took := s.Clock().Sub(a.since)
	s.Meter.Ended(RunEnd{Cause: a.Kind, State: state, Stage: stage, Took: took})
	why, _, _ := strings.Cut(words, "\n")
	s.log(p, a, slog.LevelInfo, "ended", "state", string(state), "stage", string(stage), "why", why, "seconds", took.Seconds())
}
