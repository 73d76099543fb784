package loop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// simEngine is where releases run. What becomes of a rollout is scripted: it is drawn from the values of the release.
type simEngine struct {
	on      bool
	targets map[manifest.Key]*simTarget
	// healthy are the releases that were healthy once.
	healthy map[string]bool
	// said is the release and the phase that observers were told last, by project.
	said map[manifest.Key]string
}

type simTarget struct {
	reconciler.Target
	commit  string
	rollout reconciler.Rollout
	steps   int
}

func newSimEngine() *simEngine {
	return &simEngine{targets: map[manifest.Key]*simTarget{}, healthy: map[string]bool{}, said: map[manifest.Key]string{}}
}

// port is the Engine of one process; nil in a history without one.
func (e *simEngine) port(p *simProcess) reconciler.Engine {
	if !e.on {
		return nil
	}
	return simEnginePort{e, p}
}

type simEnginePort struct {
	engine  *simEngine
	process *simProcess
}

func (e simEnginePort) Want(_ context.Context, commit string, targets []reconciler.Target) error {
	return e.process.port("want rollouts", func() error {
		for _, t := range targets {
			if now := e.engine.targets[t.Key]; now != nil && now.Release == t.Release && string(now.Values) == string(t.Values) {
				continue
			}
			e.engine.targets[t.Key] = &simTarget{Target: t, commit: commit, rollout: reconciler.Rollout{
				Release: t.Release, Commit: commit, Phase: reconciler.PhaseProgressing,
			}}
		}
		return nil
	})
}

func (e simEnginePort) Rollouts(_ context.Context, keys []manifest.Key) (rollouts map[manifest.Key]reconciler.Rollout, err error) {
	err = e.process.port("rollouts", func() error {
		rollouts = map[manifest.Key]reconciler.Rollout{}
		for _, k := range keys {
			if t := e.engine.targets[k]; t != nil {
				rollouts[k] = t.rollout
			}
		}
		return nil
	})
	return rollouts, err
}

// advance takes every rollout a step further.
func (e *simEngine) advance(s *sim) {
	for _, k := range slices.SortedFunc(maps.Keys(e.targets), manifest.Key.Compare) {
		t := e.targets[k]
		t.steps++
		if t.rollout.Phase != reconciler.PhaseProgressing || t.steps < 2 {
			continue
		}
		switch fate := simFate(string(t.Values)); {
		case t.Remove || fate == "healthy":
			t.rollout.Phase = reconciler.PhaseHealthy
			e.healthy[k.String()+" "+t.Release] = true
		case fate == "fails":
			t.rollout.Phase, t.rollout.Cause = reconciler.PhaseFailed, "it crashes"
		default: // it never gets healthy
			continue
		}
		s.tell("rollout of %s %s is %s", k, t.Release, t.rollout.Phase)
	}
}

// simFate says what becomes of values.
func simFate(values string) string {
	switch strings.Compare(simHash(values), "2") + strings.Compare(simHash(values), "4") {
	case -2:
		return "fails"
	case 0:
		return "hangs"
	}
	return "healthy"
}

// simWitness is the observer that checks what is said of rollouts.
type simWitness struct{ *sim }

// Observe implements reconciler.Observer.
func (w simWitness) Observe(e reconciler.Event) {
	if e.Kind != reconciler.EventRollout || !w.engine.on {
		return
	}
	engine := w.engine
	if e.Rollout.Phase == reconciler.PhaseHealthy && !engine.healthy[e.Project.String()+" "+e.Release] && w.audit.fault == nil {
		w.audit.fault = fmt.Errorf("%s %s is said to be healthy, and never was", e.Project, e.Release)
	}
	engine.said[e.Project] = e.Release + " " + string(e.Rollout.Phase)
}

// checkSaid checks at rest that observers know how every rollout came out that has come out.
func (e *simEngine) checkSaid() error {
	for k, t := range e.targets {
		is := t.Release + " " + string(t.rollout.Phase)
		if !t.Remove && t.rollout.Phase != reconciler.PhaseProgressing && e.said[k] != is {
			return fmt.Errorf("the rollout of %s is %q, and said to be %q", k, is, e.said[k])
		}
	}
	return nil
}
