package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// judge finds the word for how a project is, the reasons, and what to do. run is nil when GitOps says nothing.
func (s *projectStatus) judge(run *manifest.Run, refused []string, gitopsKnown bool) {
	var spec manifest.RunSpec
	if run != nil {
		spec = run.Spec
	}
	s.State = s.settled(gitopsKnown)
	s.judgeHolds(spec)
	for _, why := range refused {
		s.set(stateRefused, why, "bring the file back as it was, or delete it")
	}
	if spec.Last != nil && spec.Last.Result == manifest.ResultFailed && spec.Retry == "" {
		s.set(stateFailed, "the last run failed: "+spec.Last.Error,
			fmt.Sprintf("push a fix, or run: plateform retry %s", s.Key))
	}
	if spec.Frozen != nil {
		s.set(stateFrozen, fmt.Sprintf("the history of the config repository was rewritten and %s vanished with it (commit %s)",
			spec.Frozen.Release, short(spec.Frozen.Commit)),
			fmt.Sprintf("look at the newest release file, then run: plateform retry %s", s.Key))
	}
	if spec.Kept != nil {
		s.Why = append(s.Why, fmt.Sprintf("%s keeps running although its release file is gone or edited (commit %s still has it)",
			spec.Kept.Release, short(spec.Kept.Commit)))
	}
	if s.Paused {
		s.Why = append(s.Why, "paused: true in project.yaml keeps new releases back")
	}
}

// settled is the state as far as the two repositories agree or not.
func (s *projectStatus) settled(gitopsKnown bool) projectState {
	switch {
	case s.Stage != "":
		return statePending
	case s.Release == nil:
		return stateNew
	case !gitopsKnown:
		return stateReleased
	case s.Release.Version != s.Runs:
		return statePending
	}
	return stateRunning
}

// judgeHolds explains what is kept from being released. One event can hold several parts.
func (s *projectStatus) judgeHolds(spec manifest.RunSpec) {
	type event struct {
		reason          manifest.HoldReason
		release, commit string
	}
	var events []event
	parts := map[event][]string{}
	nouns := map[event][]string{}
	for _, h := range spec.Holds {
		e := event{h.Reason, h.Release, h.Commit}
		if !slices.Contains(events, e) {
			events = append(events, e)
		}
		part := h.Part
		if h.Source != "" && strings.HasPrefix(h.Part, manifest.PartSource) {
			part += " at commit " + short(h.Source)
		}
		parts[e] = append(parts[e], part)
		nouns[e] = append(nouns[e], partNoun(h.Part))
	}
	for _, e := range events {
		what := strings.Join(parts[e], ", ")
		if e.reason == manifest.HeldFailed {
			s.set(stateFailed, what+": this did not build, and is not tried again by itself",
				"push a fix, or run: plateform retry "+s.Key.String())
			continue
		}
		by := ""
		if e.commit != "" {
			by = " by commit " + short(e.commit)
		}
		s.set(stateHeld, fmt.Sprintf("%s kept back, because %s was rolled back%s", what, e.release, by),
			fmt.Sprintf("nothing, if that is meant; what ends it: %s, or: plateform retry %s",
				strings.Join(slices.Compact(nouns[e]), ", "), s.Key))
	}
}

// partNoun is what people change when they change a part.
func partNoun(part string) string {
	switch {
	case strings.HasPrefix(part, manifest.PartSource):
		return "a push to the app"
	case part == manifest.PartProject:
		return "a change of project.yaml"
	}
	return "a change of platform.yaml or workspace.yaml"
}

// set gives the project a state with its reason. A later state is the graver one.
func (s *projectStatus) set(state projectState, why, next string) {
	s.State = state
	s.Why = append(s.Why, why)
	for _, known := range s.Next {
		if known == next {
			return
		}
	}
	s.Next = append(s.Next, next)
}
