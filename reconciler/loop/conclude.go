package loop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// conclude answers those who ask, now that GitOps shows what it has to, and puts what is settled aside.
func (s *state) conclude() {
	for _, k := range s.dirtyKeys() {
		s.concludeOne(s.projects[k])
	}
	clear(s.dirty)
}

func (s *state) concludeOne(p *project) {
	view := s.viewOf(p.key)
	running := p.running(view)
	url := s.url(p, running)
	s.answer(p, func(a *ask) (reconciler.State, reconciler.Stage, string, bool) {
		state, stage, words, ended := s.verdict(p, view, running, a)
		if ended && a.Old && p.settled.rest != nil && p.settled.rest.Reason == decision.UpToDate {
			words = "" // nobody has been waiting
		}
		return state, stage, words, ended
	}, url)
	for _, a := range p.asks {
		if a.said == 0 && !a.Old {
			s.say(p, a, reconciler.StatePending, reconciler.StageQueued, "waiting for what is under way", "")
		}
	}
	if len(p.known) > 0 && p.settled.rest != nil && !p.guesses(view) {
		p.known = nil
	}
}

// guesses says that what is decided rests on sources that nobody has looked at since the start, and that somebody will
// soon.
func (p *project) guesses(v *config.View) bool {
	_, assumed := decision.HeadKeys(v, decision.BaseRelease(p.before(), v), p.run.Retry != "", p.tips)
	for part := range assumed {
		if p.lookErrors[part].failures < patience {
			return true
		}
	}
	return false
}

// verdict is what one who asks is told, if it is over for them.
func (s *state) verdict(p *project, v *config.View, running *manifest.Release, a *ask) (reconciler.State, reconciler.Stage, string, bool) {
	rest := p.settled.rest
	switch {
	case len(p.settled.refused) > 0 && a.Kind == manifest.CauseRollback:
		return reconciler.StateFailure, reconciler.StageFailed, "not deployed: " + p.settled.refused.Error(), true
	case len(v.Refused) > 0 && a.Kind == manifest.CauseRollback:
		return reconciler.StateFailure, reconciler.StageFailed, "not honoured: " + v.Refused.Error() + runsOn(running), true
	case running != nil && a.SourceKey != "" && slices.Contains(slices.Collect(maps.Values(running.Spec.Parts)), a.SourceKey):
		return reconciler.StateSuccess, reconciler.StageUpdatingGitOps, s.runs(p, running), true
	case rest == nil:
		return "", "", "", false
	case (rest.Reason == decision.UpToDate || rest.Reason == decision.Held) && a.Kind != manifest.CauseRollback && !a.Silent && p.guesses(v):
		return "", "", "", false // a build that an earlier process began may still be wanted
	}
	switch rest.Reason {
	case decision.UpToDate:
		if running == nil {
			return reconciler.StateSuccess, reconciler.StageUpdatingGitOps, "nothing to run", true
		}
		return reconciler.StateSuccess, reconciler.StageUpdatingGitOps, s.runs(p, running), true
	case decision.Held:
		return s.heldVerdict(p, running, a)
	case decision.Paused:
		return reconciler.StateSuccess, reconciler.StageHeld, "held: the project is paused (remove `paused: true` to go on)", true
	case decision.Frozen:
		return reconciler.StateFailure, reconciler.StageFailed, fmt.Sprintf(
			"the config history was rewritten and release %s vanished; what runs stays (run `plateform retry %s` to go on from what is there)",
			p.run.Frozen.Release, p.key), true
	case decision.Removed:
		return reconciler.StateSuccess, reconciler.StageUpdatingGitOps, removedWords(p), true
	}
	return reconciler.StateFailure, reconciler.StageFailed, blockedWords(v, rest.Problems), true
}

func removedWords(p *project) string {
	if p.run.Deleted != nil && p.run.Deleted.DataKept {
		return "removed; its data is kept"
	}
	return "removed"
}

func blockedWords(v *config.View, problems manifest.Problems) string {
	return "nothing new is released: " + problems.Error() + runsOn(v.Newest)
}

func runsOn(running *manifest.Release) string {
	if running == nil {
		return ""
	}
	return "\n" + running.Metadata.Name + " keeps running"
}

// heldVerdict tells a push that its code is held, and everybody else what runs.
func (s *state) heldVerdict(p *project, running *manifest.Release, a *ask) (reconciler.State, reconciler.Stage, string, bool) {
	if a.Kind == manifest.CauseRollback || running != nil && a.Source == "" && a.Kind != manifest.CauseRetry && !a.ForSource {
		words := "nothing runs"
		if running != nil {
			words = s.runs(p, running)
		}
		return reconciler.StateSuccess, reconciler.StageUpdatingGitOps, words + "; " + p.heldWords(), true
	}
	return reconciler.StateSuccess, reconciler.StageHeld, "held: " + p.heldWords(), true
}

// heldWords say what is held and how to go on.
func (p *project) heldWords() string {
	var held []string
	why := map[string][]string{}
	for _, hold := range p.run.Holds {
		what := hold.Part
		if hold.Source != "" {
			what += " " + manifest.Short(hold.Source)
		}
		if why[what] == nil {
			held = append(held, what)
		}
		if hold.Reason == manifest.HeldRollback {
			why[what] = append(why[what], hold.Release+" was rolled back")
		} else {
			why[what] = append(why[what], "its build failed")
		}
	}
	var words []string
	for _, what := range held {
		words = append(words, fmt.Sprintf("%s is held because %s", what, strings.Join(why[what], " and ")))
	}
	return strings.Join(words, ", ") + fmt.Sprintf(" (change it, or run `plateform retry %s`)", p.key)
}

// runs says what runs now.
func (s *state) runs(p *project, running *manifest.Release) string {
	return fmt.Sprintf("%s is in plateform-gitops at %s", running.Metadata.Name, manifest.Short(s.gitops.head))
}

// url is where the project answers; empty when it has no host.
func (s *state) url(p *project, running *manifest.Release) string {
	if running == nil || s.catalog.Platform == nil {
		return ""
	}
	hosts := manifest.HostsOf(p.key, running.Spec.Project, s.catalog.Platform.Spec.Domain)
	if len(hosts) == 0 {
		return ""
	}
	return config.URL(hosts[0], running.Spec.Platform)
}

// report sends what is to be told. What could not be sent is kept for the next time; its projects stay dirty, so that
// those who ask are not forgotten when GitOps is written meanwhile.
func (s *state) report(ctx context.Context) error {
	if len(s.outbox) == 0 {
		return nil
	}
	if err := s.Forge.Report(ctx, s.outbox); err != nil {
		for _, r := range s.outbox {
			if k, ok := reconciler.KeyOfContext(r.Context); ok && s.projects[k] != nil {
				s.dirty[k] = true
			}
		}
		return fmt.Errorf("telling %d things: %w", len(s.outbox), err)
	}
	s.reported += len(s.outbox)
	s.outbox = nil
	s.sent++
	return nil
}
