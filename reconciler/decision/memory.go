package decision

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Change is one config commit as one project sees it.
type Change struct {
	config.Transition
	// Commit of the config repository, and the one before it.
	Commit string
	Parent string
	// Running is the release that ran before the step; nil when none did.
	Running *manifest.Release
	// Withdrawn are the releases that the step took away together with the one that ran, besides it; see Withdrawn.
	Withdrawn []*manifest.Release
	// Retry says that the commit asks for a retry of this project.
	Retry bool
	// Keys of the parts after the step, as far as they are known: a source that nobody has looked at is left out.
	Keys manifest.Parts
	// Tips says where each source part is; a part nobody has looked at is missing.
	Tips map[string]reconciler.Tip
}

// Remember folds one config commit into what is remembered of a project. It is pure: folding the same commits again, in
// this process or the next, comes to the same.
func Remember(run manifest.RunSpec, s Change) manifest.RunSpec {
	released := highestOf(run).Compare(s.After.NewestVersion()) < 0
	run.Highest = higher(run.Highest, s.After.NewestVersion())
	if newest := s.After.Newest; newest != nil && newest.Spec.Credentials != "" {
		run.Credentials = newest.Spec.Credentials
	}
	if s.Retry {
		run.Holds, run.Frozen, run.Retry = nil, nil, s.Commit
	}
	if run = thaw(run, s); run.Frozen != nil {
		return run
	}
	if !s.After.Present {
		return bury(run, s)
	}
	run.Deleted = nil
	if s.After.Owner != 0 && run.Owner == 0 {
		run.Owner = s.After.Owner
	}
	if released {
		run = outrun(run, s)
	}
	run = rebuildEdited(run, s)
	run = withdraw(run, s)
	run = bringBack(run, s)
	if released { // going back to an older release that has it releases nothing
		run = wentOut(run, s.After.Newest)
	}
	return EndHolds(run, s.After, s.Keys, s.Tips)
}

// highestOf is the highest version that is remembered; zero when there is none.
func highestOf(run manifest.RunSpec) manifest.Version {
	version, err := manifest.ParseVersion(run.Highest)
	if err != nil {
		return manifest.Version{}
	}
	return version
}

func higher(highest string, v manifest.Version) string {
	before, err := manifest.ParseVersion(highest)
	if err == nil && before.Compare(v) >= 0 {
		return highest
	}
	return v.String()
}

// thaw ends a freeze when the release that vanished is there again. Otherwise only a retry does.
func thaw(run manifest.RunSpec, s Change) manifest.RunSpec {
	if run.Frozen == nil {
		return run
	}
	version, err := manifest.ParseVersion(run.Frozen.Release)
	if err == nil && s.After.NewestVersion() == version {
		run.Frozen = nil
	}
	return run
}

// bury reduces what is remembered of a deleted project to what outlives it: its versions, its owner, and whether data is kept.
func bury(run manifest.RunSpec, s Change) manifest.RunSpec {
	if run.Deleted != nil || s.Before == nil && run.Highest == "" {
		return run
	}
	run.Deleted = &manifest.Deleted{Commit: s.Commit, DataKept: run.Kept != nil || KeepsData(s.Before)}
	run.Holds, run.Rebuilt, run.Kept, run.Retry = nil, nil, nil, ""
	return run
}

// KeepsData says that volumes stay when a project goes: those of a database, unless its newest release says delete.
func KeepsData(v *config.View) bool {
	return v != nil && v.Newest != nil && v.Newest.Spec.Project.Type == manifest.Database &&
		v.Newest.Spec.Project.DeletionPolicy != "delete"
}

// outrun ends the holds that a new release proves to be over. When the release has another key for a part than the one that
// is held, and than the release before, then HEAD had moved on from what is held. A process that reads the history later
// learns in this way where the sources were at that time.
func outrun(run manifest.RunSpec, s Change) manifest.RunSpec {
	var ran manifest.Parts
	if s.Running != nil {
		ran = s.Running.Spec.Parts
	}
	run.Holds = without(run.Holds, func(h manifest.Hold) bool {
		key, has := s.After.Newest.Spec.Parts[h.Part]
		return has && key != h.Key && key != ran[h.Part]
	})
	return run
}

// rebuildEdited ends the holds of rolled back sources whose repository, path or build the step changes: that asks for another image,
// whatever their branches have come to, and whether anybody has looked there.
func rebuildEdited(run manifest.RunSpec, s Change) manifest.RunSpec {
	if s.Before == nil || !s.Before.Parsed || !s.After.Parsed {
		return run
	}
	before := map[string]string{}
	for _, input := range manifest.SourceInputs(s.Before.Spec) {
		before[input.Part] = settings(input)
	}
	edited := map[string]bool{}
	for _, input := range manifest.SourceInputs(s.After.Spec) {
		edited[input.Part] = before[input.Part] != "" && before[input.Part] != settings(input)
	}
	run.Holds = without(run.Holds, func(h manifest.Hold) bool { return h.Reason == manifest.HeldRollback && edited[h.Part] })
	return run
}

// withdraw notices that the release that runs is gone, and holds what would make it again.
func withdraw(run manifest.RunSpec, s Change) manifest.RunSpec {
	gone := s.Running.Version()
	if s.Before == nil || gone.IsZero() {
		if s.After.Newest != nil { // what was kept is signed by a key that counts no more: this one runs in its place
			run.Kept = nil
		}
		return run
	}
	kept := run.Kept
	if kept == nil {
		kept = &manifest.Kept{Release: gone.String(), Commit: s.Parent}
	}
	there, was := s.After.Has(gone), s.Before.Has(gone)
	switch {
	case s.After.NewestVersion().Compare(gone) >= 0:
		run.Kept = nil
	case there && was: // the file was edited, not removed: what it said before the edit keeps running
		run.Kept = kept
	case s.After.Newest != nil:
		run.Kept = nil
	default:
		run.Kept = kept
	}
	if was && !there {
		return holdParts(run, s)
	}
	return run
}

// holdParts holds every part that the step takes back. A part can have several holds, each with a reason of its own and an
// end of its own: what two rollbacks took back is back when the releases of both are.
func holdParts(run manifest.RunSpec, s Change) manifest.RunSpec {
	keys := possibleKeys(run, s)
	run.Holds = without(run.Holds, func(h manifest.Hold) bool { return !slices.Contains(keys[h.Part], h.Key) })
	for _, part := range slices.Sorted(maps.Keys(keys)) {
		for _, key := range keys[part] {
			if !s.takesBack(part, key) {
				continue
			}
			run.Holds = append(slices.Clip(run.Holds), s.withImage(manifest.Hold{
				Part: part, Key: key, Reason: manifest.HeldRollback,
				Release: s.Running.Metadata.Name, Commit: s.Commit, Source: s.heldCommit(run.Holds, part, key),
			}))
		}
	}
	return run
}

// possibleKeys are the keys that the parts may have at HEAD. Where a source was not looked at yet, these are the keys it was
// released with and those it is held at; the first look at it ends the holds on keys that it does not have.
func possibleKeys(run manifest.RunSpec, s Change) map[string][]string {
	keys := map[string][]string{}
	add := func(part, key string) {
		if !slices.Contains(keys[part], key) {
			keys[part] = append(keys[part], key)
		}
	}
	for part, key := range s.Keys {
		add(part, key)
	}
	for _, withdrawn := range append(slices.Clip(s.Withdrawn), s.Running) {
		for part, key := range withdrawn.Spec.Parts {
			if _, known := s.Keys[part]; !known {
				add(part, key)
			}
		}
	}
	for _, h := range run.Holds {
		if _, known := s.Keys[h.Part]; !known {
			add(h.Part, h.Key)
		}
	}
	for _, r := range run.Rebuilt { // it came to an image of the release
		if image, _ := s.Running.Image(config.ImageName(r.Part)); image.Digest == r.Digest && s.Keys[r.Part] == "" {
			add(r.Part, r.Key)
		}
	}
	return keys
}

// heldCommit is the app's commit of a source that is held at a key, as the holds before, the release that was withdrawn or
// who looked know it.
func (s Change) heldCommit(holds []manifest.Hold, part, key string) string {
	held := func(h manifest.Hold) bool { return h.Part == part && h.Key == key && h.Source != "" }
	if i := slices.IndexFunc(holds, held); i >= 0 {
		return holds[i].Source
	}
	for _, withdrawn := range append(slices.Clip(s.Withdrawn), s.Running) {
		if commit := releasedCommit(withdrawn, part, key); commit != "" {
			return commit
		}
	}
	if s.Keys[part] == key {
		return s.Tips[part].Commit
	}
	return ""
}

// releasedCommit is the app's commit of a source that was released at a key.
func releasedCommit(r *manifest.Release, part, key string) string {
	if r.Spec.Parts[part] != key || authored(part) {
		return ""
	}
	image, _ := r.Image(config.ImageName(part))
	return image.Commit
}

// without returns the holds without some of them. The list may be shared, so it is not changed in place.
func without(holds []manifest.Hold, gone func(manifest.Hold) bool) []manifest.Hold {
	if !slices.ContainsFunc(holds, gone) {
		return holds
	}
	return slices.DeleteFunc(slices.Clone(holds), gone)
}

// bringBack ends the holds of a release whose file is there again, and those that another rollback has put on what it has: who brings it
// back to run wants that.
func bringBack(run manifest.RunSpec, s Change) manifest.RunSpec {
	newest := s.After.Newest
	back := newest != nil && slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool { return h.Release == newest.Metadata.Name })
	run.Holds = without(run.Holds, func(h manifest.Hold) bool {
		version, err := manifest.ParseVersion(h.Release)
		return err == nil && s.After.Has(version) || back && h.Reason == manifest.HeldRollback && newest.Spec.Parts[h.Part] == h.Key
	})
	return run
}

// EndHolds drops the holds, and what is known of rebuilt images, whose part has another key now, or does not exist any more.
// When one commit changed a source and the project together and the build failed, the project waits; its hold ends with the
// one of the source.
//
// A part that was rolled back may have another key for what is beside its own folder. Its hold stays until a build has told whether
// that makes another image.
func EndHolds(run manifest.RunSpec, v *config.View, keys manifest.Parts, tips map[string]reconciler.Tip) manifest.RunSpec {
	gone := func(part string) bool {
		return v.Parsed && !authored(part) &&
			!slices.ContainsFunc(manifest.SourceInputs(v.Spec), func(input manifest.SourceInput) bool { return input.Part == part })
	}
	over := func(part, held string) bool {
		key, known := keys[part]
		return known && key != held || gone(part)
	}
	run.Holds = without(run.Holds, func(h manifest.Hold) bool {
		return over(h.Part, h.Key) && (gone(h.Part) || !besideFolder(h, tips[h.Part]))
	})
	run.Rebuilt = withoutRebuilt(run.Rebuilt, func(r manifest.Rebuilt) bool { return over(r.Part, r.Key) })
	failing := run.Holds
	run.Holds = without(run.Holds, func(h manifest.Hold) bool {
		return authored(h.Part) && h.Reason != manifest.HeldRollback && !slices.ContainsFunc(failing, func(o manifest.Hold) bool {
			return o.Reason == manifest.HeldFailed && !authored(o.Part) && (o.Key == h.WaitsFor || h.Reason == manifest.HeldFailed)
		})
	})
	return run
}

// authored says that a part is written in the config repository, and is not a source.
func authored(part string) bool { return part == manifest.PartProject || part == manifest.PartPlatform }
