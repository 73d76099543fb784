package api

import (
	"context"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// sender takes the frames of a stream to whoever reads it. It does not return before there is room for the next.
type sender func(Frame) error

const (
	// patienceAtEnd is how long the end of a log is waited for when its run has ended.
	patienceAtEnd = 20 * time.Second
	// holdsBack is how long what comes after the builds waits for the end of their logs, so that things are told in their order.
	holdsBack = 3 * time.Second
)

// stream is a run as one reader follows it.
type stream struct {
	*API
	key    manifest.Key
	id     string
	offset offset
	send   sender
	// news is told when something may be new.
	news chan struct{}
	// tails are the logs of the run's builds that are being read, by the builds' IDs; of those without one nil.
	tails map[string]*tail
	done  []func()
	// version of the run that was last sent; told says that it was.
	version uint64
	told    bool
	// hurry has what comes after the builds be told although their logs go on.
	hurry bool
	// troubled are the builds whose log was said to be unreadable.
	troubled map[string]bool
}

// close leaves the logs.
func (s *stream) close() {
	for _, done := range s.done {
		done()
	}
}

// progress says of the logs of a run what there was when nothing more could be sent.
type progress struct {
	// asked says that each was asked for, and drained that nothing more is to come of any, as far as is known.
	asked, drained bool
	// held says that stages wait for logs.
	held bool
}

// step sends all that is new.
func (s *stream) step(run Run, version uint64) (progress, error) {
	p := progress{asked: true, drained: true}
	if err := s.sendRun(run, version); err != nil {
		return p, err
	}
	if _, err := s.sendStages(run, rank(reconciler.StagePushing)); err != nil {
		return p, err
	}
	for _, b := range run.Builds {
		state, err := s.sendLog(b)
		if err != nil {
			return p, err
		}
		p.asked = p.asked && state != tailAsking
		p.drained = p.drained && (state == tailEnded || state == tailMissing)
	}
	last := rank(reconciler.StagePushing)
	if p.drained || s.hurry {
		last = rank("")
	}
	held, err := s.sendStages(run, last)
	p.held = held
	return p, err
}

// sendRun sends how the run is, when something of it is new.
func (s *stream) sendRun(run Run, version uint64) error {
	if s.told && s.version == version {
		return nil
	}
	s.told, s.version = true, version
	return s.frame(Frame{Type: FrameRun, Run: &run})
}

// sendStages sends the stages that the reader does not have, up to one. held says that there are more.
func (s *stream) sendStages(run Run, last int) (held bool, err error) {
	for _, stage := range run.Stages {
		switch r := rank(stage.Stage); {
		case r <= s.offset.stage:
		case r > last:
			return true, nil
		default:
			s.offset.stage = r
			if err := s.frame(Frame{Type: FrameStage, Stage: &stage}); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// sendLog sends what is new of the log of a build, and returns how the log was when there was nothing more.
func (s *stream) sendLog(b Build) (tailState, error) {
	if b.NoLog || s.Logs == nil {
		return tailEnded, nil
	}
	t, err := s.tail(b)
	if err != nil || t == nil {
		return tailEnded, err
	}
	at := s.offset.of(b.ID)
	for {
		got, err := t.read(at)
		if err != nil {
			return got.state, err
		}
		if len(got.lines) == 0 {
			return got.state, s.trouble(b, got)
		}
		delete(s.troubled, b.ID)
		if got.anew {
			if err := s.frame(Frame{Type: FrameAnew, Build: b.ID, Image: b.Image}); err != nil {
				return got.state, err
			}
		}
		if err := s.frame(Frame{Type: FrameLog, Build: b.ID, Image: b.Image, Lines: got.lines}); err != nil {
			return got.state, err
		}
	}
}

// trouble says once that a log cannot be read now.
func (s *stream) trouble(b Build, got piece) error {
	if got.state != tailTrouble || s.troubled[b.ID] {
		return nil
	}
	s.troubled[b.ID] = true
	return s.frame(Frame{Type: FrameNote, Build: b.ID, Image: b.Image, Text: "the log cannot be read at the moment; it is tried again: " + manifest.WithoutCredentials(got.trouble)})
}

// tail is the log of a build; nil when there is no room for it, which the reader is told.
func (s *stream) tail(b Build) (*tail, error) {
	if t, known := s.tails[b.ID]; known {
		return t, nil
	}
	t, done, err := s.API.tails.read(s.key, b.ID, s.news)
	s.tails[b.ID] = t
	if err != nil {
		return nil, s.frame(Frame{Type: FrameNote, Build: b.ID, Image: b.Image, Text: err.Error()})
	}
	s.done = append(s.done, done)
	return t, nil
}

// frame sends a frame with the offset behind it.
func (s *stream) frame(f Frame) error {
	f.Offset = s.offset.String()
	return s.send(f)
}

// follow sends the run until it has ended, or with once what there is of it now.
func (s *stream) follow(ctx context.Context, once bool, g *guest) error {
	defer s.close()
	defer s.Runs.watch(s.key, s.news)()
	var late <-chan time.Time
	for patient := true; ; {
		run, version, found, err := s.find(ctx, s.key, s.id)
		if err != nil || !found {
			return s.bye(err)
		}
		p, err := s.step(run, version)
		switch {
		case err != nil:
			return err
		case run.Ended() && (p.drained || !patient):
			return s.end(run, p)
		case once && p.asked:
			return nil
		case late == nil && p.held:
			late = s.Times.After(holdsBack)
		case late == nil && run.Ended():
			late = s.Times.After(patienceAtEnd)
		}
		waited, err := g.wait(ctx, s.news, late, s.frame)
		if err != nil {
			return err
		}
		if !waited {
			patient, s.hurry, late = !s.hurry, true, nil
		}
	}
}

// end sends the end of the run.
func (s *stream) end(run Run, p progress) error {
	if !p.drained {
		if err := s.frame(Frame{Type: FrameNote, Text: "the end of the log did not come in time"}); err != nil {
			return err
		}
	}
	return s.frame(Frame{Type: FrameEnd, Run: &run, Text: run.Text})
}

// bye ends a stream whose run is not known any more.
func (s *stream) bye(err error) error {
	if err != nil {
		return err
	}
	return &endError{reason: "the run is not known any more", code: codeGone}
}
