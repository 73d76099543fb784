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
	"github.com/plateform/plateform/reconciler/runlog"
)

// simProcess is one Plateform from its start to its end.
type simProcess struct {
	sim *sim
	r   *Reconciler
	// pending is the hint that the loop begins with, and goes on with after a pass that failed.
	pending *Hint
	dead    bool
	// queues of its workers, the turns under way, and the one that is being taken.
	queues  []*simQueue
	turns   []*simTurn
	current *simTurn
}

const simPoll = 30 * time.Second

// boot starts a process.
func (s *sim) boot() error {
	p := &simProcess{sim: s}
	r, err := New(Options{
		Ports: Ports{
			Config: p.store(s.config), GitOps: p.store(s.gitops), Sources: simSources{p}, Builder: simBuilder{p},
			Registry: simRegistry{p}, Forge: simForge{p}, Charts: simCharts{}, Engine: s.engine.port(p),
			Images: s.images,
		},
		Clock: func() time.Time { return s.now }, Log: s.log(), Observers: []reconciler.Observer{runlog.New(s.log()), simWitness{s}}, Poll: simPoll, Signer: s.signer,
		Queue: p.newQueue, Jitter: func(most time.Duration) time.Duration { return most / 2 },
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
	s.process.abandon()
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
		if s.strikes(s.weather.hints) { // nobody hears of it
			return
		}
		hint = p.r.takeHint()
	case !p.r.wake.IsZero() && !p.r.wake.After(s.now):
	default:
		return
	}
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
	if s.weather.two && s.chance(2) {
		s.process, s.rival = s.rival, s.process
	}
	if s.process == nil {
		if s.chance(3) {
			return nil
		}
		return s.boot()
	}
	switch n := s.rng.IntN(20); {
	case n < 6:
		return s.guard((*simProcess).turn)
	case n < 10:
		return s.guard(func(p *simProcess) { p.beginTurn() })
	case n < 14:
		return s.guard(func(p *simProcess) { p.endTurn() })
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
		s.process.r.Hint(Hint{Builds: true})
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

// work takes all turns that there are.
func (p *simProcess) work() {
	for p.beginTurn() || p.endTurn() {
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
		if quiet++; s.awaits() || len(s.builds.running()) > 0 || before != fmt.Sprint(s.config.head, s.gitops.head, s.reported, len(s.builds.digests), s.builds.running()) {
			quiet = 0
		}
		if quiet == 3 {
			return nil
		}
	}
	return fmt.Errorf("it does not come to rest within %d rounds", simRounds)
}

// awaits says that a process waits for a time to come.
func (s *sim) awaits() bool {
	return !s.process.r.wake.IsZero() || s.rival != nil && !s.rival.r.wake.IsZero()
}

// round lets everything happen once.
func (s *sim) round() error {
	s.now = s.now.Add(2 * simPoll)
	for _, id := range s.builds.running() {
		s.advance(id)
	}
	s.engine.advance(s)
	if s.weather.two {
		s.process, s.rival = s.rival, s.process
		if err := s.roundOf(); err != nil {
			return err
		}
		s.process, s.rival = s.rival, s.process
	}
	return s.roundOf()
}

// roundOf lets everything happen once to one process.
func (s *sim) roundOf() error {
	if s.process == nil {
		if err := s.boot(); err != nil {
			return err
		}
	}
	s.process.r.Hint(Hint{Config: true, GitOps: true})
	for _, url := range slices.Sorted(maps.Keys(s.repos)) {
		s.process.r.Hint(Hint{Source: url})
	}
	s.process.r.Hint(Hint{Builds: true, Rollouts: true})
	for _, f := range []func(*simProcess){
		(*simProcess).turn,
		(*simProcess).work,
		(*simProcess).turn,
		(*simProcess).work,
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
