package loop

import (
	"fmt"
	"slices"
	"testing"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
)

// changedParts are the parts of a project that the newest commit itself changed, beside the release files.
func (s *sim) changedParts(before string, k manifest.Key) map[string]bool {
	changed := map[string]bool{}
	old, now := s.specAt(before, k), s.specAt(s.config.head, k)
	if old == nil || now == nil || string(encoded(*old)) == string(encoded(*now)) {
		return changed
	}
	changed[manifest.PartPlatform] = true // what a project uses of the platform may follow from what it says
	changed[manifest.PartProject] = manifest.ProjectKey(*old) != manifest.ProjectKey(*now)
	inputs := map[string]manifest.SourceInput{}
	for _, input := range manifest.SourceInputs(*old) {
		inputs[input.Part] = input
	}
	for _, input := range manifest.SourceInputs(*now) {
		was, found := inputs[input.Part]
		if !found || was.Reference != input.Reference || was.Key("") != input.Key("") || was.Source.Branch != input.Source.Branch || was.Source.Revision != input.Source.Revision {
			changed[input.Part] = true
		}
	}
	return changed
}

// noteMayBeHeld notes which parts the newest commit may hold: those that what it withdraws has otherwise than what is left,
// and that it does not change itself.
func (s *sim) noteMayBeHeld(before string, k manifest.Key, left *manifest.Release) {
	may := map[string]bool{}
	for v, r := range s.audit.released[k] {
		_, was := s.config.read(before, manifest.ReleaseFile(k, v))
		_, is := s.config.read(s.config.head, manifest.ReleaseFile(k, v))
		for part, key := range r.Spec.Parts {
			if was && !is && (left == nil || left.Spec.Parts[part] != key) {
				may[part] = true
			}
		}
	}
	old, now := s.specAt(before, k), s.specAt(s.config.head, k)
	if old != nil && now != nil && manifest.ProjectKey(*old) != manifest.ProjectKey(*now) {
		may[manifest.PartProject] = false
	}
	s.audit.mayBeHeld[s.config.head+k.String()] = may
}

// checkReason checks that what is held is held for what is so: a rollback that took it back, or a build that failed, and
// what waits only for what failed.
func (r *simRest) checkReason(k manifest.Key, run manifest.RunSpec, h manifest.Hold) error {
	switch h.Reason {
	case manifest.HeldRollback:
		if may, known := r.audit.mayBeHeld[h.Commit+k.String()]; known && !may[h.Part] {
			return fmt.Errorf("%s is held for %s, which %s did not take back", h.Part, h.Release, r.name(h.Commit))
		}
	case manifest.HeldFailed:
		id := decision.BuildID(k, h.Part, h.Key)
		if h.Source != "" && !r.builds.failed[id] { // an authored image is not built
			return fmt.Errorf("%s is held as failed, and its build %.6s did not fail", h.Part, id)
		}
	case manifest.HeldWaiting:
		r.audit.waited++
		spec, _ := r.spec(k)
		tips := map[string]reconciler.Tip{}
		for _, input := range manifest.SourceInputs(spec) {
			if tip, err := r.tip(input.Source); err == nil {
				tips[input.Part] = tip
			}
		}
		newest := r.newest(r.sim.config.head, k)
		alone := newest == nil || slices.ContainsFunc(run.Holds, func(o manifest.Hold) bool { return newest.Spec.Parts[o.Part] == "" })
		if !alone && !decision.Keeps(run, h, tips) { // with no image for what is held, nothing can go out
			return fmt.Errorf("%s waits for nothing", h.Part)
		}
	}
	return nil
}

// Histories in which something waits for a build of something else come up in the simulation.
func TestSimulateHasWhatWaits(t *testing.T) {
	waited := 0
	for seed := uint64(1); seed <= 300; seed++ {
		s, err := simulate(seed, false)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		waited += s.audit.waited
	}
	if waited == 0 {
		t.Error("nothing was found waiting in 300 histories")
	}
	t.Log(waited)
}
