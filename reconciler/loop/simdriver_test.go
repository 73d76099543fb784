package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// simProcess is one Plateform from its start to its end.
type simProcess struct {
	sim *sim
	r   *Reconciler
	// pending is the hint that the loop begins with, and goes on with after a pass that failed.
	pending *Hint
	dead    bool
	// mute: the registry does not answer in this pass.
	mute bool
	// looks are under way: what was found, before anybody has noted it.
	looks []simLook
}

type simLook struct {
	watch watch
	tip   reconciler.Tip
	err   error
}

const simPoll = 30 * time.Second

// boot starts a process.
func (s *sim) boot() error {
	p := &simProcess{sim: s}
	r, err := New(Options{
		Config: p.store(s.config), GitOps: p.store(s.gitops), Sources: simSources{p}, Builder: simBuilder{p},
		Registry: simRegistry{p}, Forge: simForge{p}, Charts: simCharts{}, Clock: func() time.Time { return s.now },
		Log: s.log(), Poll: simPoll,
	})
	if err != nil {
		return err
	}
	s.tell("%s a process starts", s.now.Format("15:04:05"))
	p.r, p.pending, s.process = r, &Hint{Config: true, GitOps: true}, p
	return nil
}

// log is what the reconciler says, as part of the story.
func (s *sim) log() *slog.Logger {
	if !s.story.told {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(simLog{s}, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}}))
}

type simLog struct{ sim *sim }

var _ io.Writer = simLog{}

func (l simLog) Write(line []byte) (int, error) {
	l.sim.tell("      log: %s", strings.TrimPrefix(strings.TrimSpace(string(line)), "msg="))
	return len(line), nil
}

// guard runs a piece of the process, which may die in it.
func (s *sim) guard(f func(p *simProcess)) (err error) {
	defer func() {
		switch cause := recover(); cause.(type) {
		case nil:
		case simCrash:
			s.bury()
		default:
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	f(s.process)
	return nil
}

// bury clears away what a process leaves behind. Builds of its own die with it.
func (s *sim) bury() {
	s.process.dead = true
	s.process = nil
	if !s.weather.remote {
		clear(s.builds.builds)
	}
}

// turn is one turn of the loop.
func (p *simProcess) turn() {
	s := p.sim
	var hint Hint
	switch {
	case p.pending != nil:
		hint, p.pending = *p.pending, nil
	case len(p.r.woken) > 0:
		<-p.r.woken
		hint = p.r.takeHint()
	default:
		return
	}
	p.mute = s.strikes(s.weather.fail)
	s.tell("%s pass with %+v", s.now.Format("15:04:05"), hint)
	err := p.r.pass(context.Background(), hint)
	if err == nil {
		return
	}
	p.pending = &Hint{Config: true, GitOps: true}
	s.tell("   the pass failed: %s", simErrorWords(err))
	if !expectedSimError(err) {
		panic(fmt.Sprintf("a pass failed with %v", err))
	}
}

func expectedSimError(err error) bool {
	for _, expected := range []error{errSimFault, errSimLost, manifest.ErrMoved, config.ErrUnusable} {
		if errors.Is(err, expected) {
			return true
		}
	}
	return false
}

// simErrorWords are those of an error that are the same in every run: which of several calls at once fails first is not.
func simErrorWords(err error) string {
	if errors.Is(err, errSimFault) {
		return errSimFault.Error()
	}
	return err.Error()
}

// startLook begins the look at a source that is due, if there is one.
func (p *simProcess) startLook() bool {
	w, wait := p.r.lookout.next()
	if wait > 0 {
		return false
	}
	tip, err := p.r.lookout.sources.Tip(context.Background(), w.source())
	p.looks = append(p.looks, simLook{w, tip, err})
	return true
}

// endLook notes what the look that began first has found.
func (p *simProcess) endLook() {
	if len(p.looks) == 0 {
		return
	}
	l := p.looks[0]
	p.looks = p.looks[1:]
	if p.r.lookout.note(l.watch, l.tip, l.err) {
		p.r.lookout.notify()
	}
}

// bustle lets the machinery do some steps, in any order.
func (s *sim) bustle(steps int) error {
	for range steps {
		s.now = s.now.Add(time.Duration(s.rng.IntN(5000)) * time.Millisecond)
		if err := s.step(); err != nil {
			return err
		}
		if err := s.look(); err != nil {
			return err
		}
	}
	return nil
}

func (s *sim) step() error {
	if s.process == nil {
		if s.chance(3) {
			return nil
		}
		return s.boot()
	}
	switch n := s.rng.IntN(20); {
	case n < 9:
		return s.guard((*simProcess).turn)
	case n < 12:
		return s.guard(func(p *simProcess) { p.startLook() })
	case n < 14:
		s.process.endLook()
	case n < 18:
		s.work()
	case n == 18:
		s.now = s.now.Add(simPoll)
		s.process.r.Hint(Hint{Config: true, GitOps: true})
	default:
		s.mishap()
	}
	return nil
}

// work takes some build a stage further.
func (s *sim) work() {
	running := s.builds.running()
	if len(running) == 0 {
		return
	}
	id := pick(s, running...)
	if s.strikes(s.weather.forget) {
		s.tell("build %.6s is forgotten", id)
		delete(s.builds.builds, id)
		return
	}
	s.advance(id)
	if s.process != nil && !s.strikes(s.weather.hints) {
		s.process.r.Hint(Hint{})
	}
}

// mishap kills the process, or lets a late hint come.
func (s *sim) mishap() {
	switch {
	case len(s.lateHints) > 0:
		s.process.r.Hint(s.lateHints[0])
		s.lateHints = s.lateHints[1:]
	case s.strikes(s.weather.crash):
		s.tell("KILLED between two steps")
		s.bury()
	default:
		s.process.r.Hint(Hint{Everything: true})
	}
}

// simRounds is how many rounds the world gets to come to rest.
const simRounds = 60

// settle ends all faults, hints everything, and waits until nothing moves any more.
func (s *sim) settle() error {
	calm := s.calm
	s.calm = true
	defer func() { s.calm = calm }()
	quiet := 0
	for range simRounds {
		before := fmt.Sprint(s.config.head, s.gitops.head, s.reported, len(s.builds.digests), s.builds.running())
		if err := s.round(); err != nil {
			return err
		}
		if quiet++; len(s.builds.running()) > 0 || before != fmt.Sprint(s.config.head, s.gitops.head, s.reported, len(s.builds.digests), s.builds.running()) {
			quiet = 0
		}
		if quiet == 3 {
			return nil
		}
	}
	return fmt.Errorf("it does not come to rest within %d rounds", simRounds)
}

// round lets everything happen once.
func (s *sim) round() error {
	s.now = s.now.Add(2 * simPoll)
	if s.process == nil {
		if err := s.boot(); err != nil {
			return err
		}
	}
	s.process.r.Hint(Hint{Config: true, GitOps: true})
	for _, url := range slices.Sorted(maps.Keys(s.repos)) {
		s.process.r.Hint(Hint{Source: url})
	}
	for _, id := range s.builds.running() {
		s.advance(id)
	}
	for _, f := range []func(*simProcess){
		(*simProcess).turn,
		func(p *simProcess) {
			for p.startLook() {
				p.endLook()
			}
			for len(p.looks) > 0 {
				p.endLook()
			}
		},
		(*simProcess).turn,
	} {
		if err := s.guard(f); err != nil {
			return err
		}
		if err := s.look(); err != nil {
			return err
		}
	}
	return nil
}
