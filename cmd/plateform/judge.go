package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plateform/plateform/cmd/plateform/terminal"
	"github.com/plateform/plateform/manifest"
)

// judgement is what a project is judged by, besides what its status says already.
type judgement struct {
	run         *manifest.Run // nil when GitOps says nothing
	refused     []string      // why newer releases are not honoured
	gitopsKnown bool
	// silent is how long there was no news of what is under way.
	silent time.Duration
	// failure says in a line why a commit of the app did not build; empty when that is not known.
	failure func(key manifest.Key, source string) string
}

// patience is how long what is under way may give no news before somebody should look.
const patience = 5 * time.Minute

// judge finds the word for how a project is, the reasons, and what to do.
func (s *projectStatus) judge(j judgement) {
	var spec manifest.RunSpec
	if j.run != nil {
		spec = j.run.Spec
	}
	s.State = s.settled(j.gitopsKnown)
	if s.State == statePending && j.silent > patience {
		s.Why = append(s.Why, "there was no news of it for "+age(j.silent))
		s.Next = append(s.Next, "wait, or look at the log of serve; plateform doctor tells what serve lacks")
	}
	s.judgeRollbacks(spec)
	for _, why := range j.refused {
		s.set(stateRefused, why, "bring the file back as it was, or delete it")
	}
	s.judgeFailures(spec, j.failure)
	if spec.Frozen != nil {
		s.set(stateFrozen, fmt.Sprintf("the history of the config repository was rewritten and %s vanished with it (commit %s)",
			spec.Frozen.Release, terminal.Short(spec.Frozen.Commit)),
			fmt.Sprintf("look at the newest release file, then run: plateform retry %s", s.Key))
	}
	if spec.Kept != nil {
		s.Why = append(s.Why, fmt.Sprintf("%s keeps running although its release file is gone or edited (commit %s still has it)",
			spec.Kept.Release, terminal.Short(spec.Kept.Commit)))
	}
	if s.Paused {
		s.Why = append(s.Why, "paused: true in project.yaml keeps new releases back")
		s.Next = append(s.Next, "nothing, if that is meant; else remove paused from "+manifest.ProjectFile(s.Key))
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

// judgeRollbacks explains what a rollback keeps from being released. One rollback can hold several parts.
func (s *projectStatus) judgeRollbacks(spec manifest.RunSpec) {
	type rollback struct{ release, commit string }
	var rollbacks []rollback
	parts, ends := map[rollback][]string{}, map[rollback][]string{}
	for _, h := range spec.Holds {
		if h.Reason != manifest.HeldRollback {
			continue
		}
		r := rollback{h.Release, h.Commit}
		if !slices.Contains(rollbacks, r) {
			rollbacks = append(rollbacks, r)
		}
		parts[r] = append(parts[r], heldPart(h))
		ends[r] = append(ends[r], partNoun(h.Part))
	}
	for _, r := range rollbacks {
		by := ""
		if r.commit != "" {
			by = " by commit " + terminal.Short(r.commit)
		}
		s.set(stateHeld, fmt.Sprintf("%s kept back, because %s was rolled back%s", strings.Join(parts[r], ", "), r.release, by),
			fmt.Sprintf("nothing, if that is meant; what ends it: %s, or: plateform retry %s", strings.Join(slices.Compact(ends[r]), ", "), s.Key))
	}
}

// judgeFailures explains what did not build, and how the last run failed when that was something else.
func (s *projectStatus) judgeFailures(spec manifest.RunSpec, failure func(manifest.Key, string) string) {
	next := "push a fix, or run: plateform retry " + s.Key.String()
	last := spec.Last
	if last != nil && (last.Result != manifest.ResultFailed || spec.Retry != "") {
		last = nil
	}
	for _, h := range spec.Holds {
		if h.Reason != manifest.HeldFailed {
			continue
		}
		why := failure(s.Key, h.Source)
		if last != nil && last.Source == h.Source {
			why, last = last.Error, nil
		}
		if why != "" {
			why = ": " + why
		}
		s.set(stateFailed, heldPart(h)+" did not build, and is not tried again by itself"+why, next)
	}
	if last != nil {
		s.set(stateFailed, "the last run failed: "+last.Error, next)
	}
}

// heldPart names a part that is held, with the commit of the app when it is a source.
func heldPart(h manifest.Hold) string {
	if h.Source != "" && strings.HasPrefix(h.Part, manifest.PartSource) {
		return h.Part + " at commit " + terminal.Short(h.Source)
	}
	return h.Part
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
	if !slices.Contains(s.Next, next) {
		s.Next = append(s.Next, next)
	}
}
