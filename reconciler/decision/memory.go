package decision

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// step is one config commit as one project sees it.
type Change struct {
	config.Transition
	// Commit of the config repository, and the one before it.
	Commit string
	Parent string
	// Running is the release that ran before the step; nil when none did.
	Running *manifest.Release
	// Retry says that the commit asks for a retry of this project.
	Retry bool
	// Keys of the parts after the step, as far as they are known: a source that nobody has looked at is left out.
	Keys manifest.Parts
}

// Remember folds one config commit into what is remembered of a project. It is pure: folding the same commits again, in
// this process or the next, comes to the same.
func Remember(run manifest.RunSpec, s Change) manifest.RunSpec {
	run.Highest = higher(run.Highest, s.After.NewestVersion())
	if s.Retry {
		run.Holds, run.Frozen, run.Retry = nil, nil, s.Commit
	}
	if run = thaw(run, s); run.Frozen != nil {
		return run
	}
	if !s.After.Present {
		return Bury(run, s)
	}
	run.Deleted = nil
	if s.After.Owner != 0 && run.Owner == 0 {
		run.Owner = s.After.Owner
	}
	run = withdraw(run, s)
	run = BringBack(run, s)
	return EndHolds(run, s.After, s.Keys)
}

func higher(highest string, v manifest.Version) string {
	before, err := manifest.ParseVersion(highest)
	if err == nil && before.Compare(v) >= 0 {
		return highest
	}
	return v.String()
}

// thaw ends a freeze by itself only when the release that vanished is there again.
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

// Bury makes what is remembered of a deleted project its tombstone.
func Bury(run manifest.RunSpec, s Change) manifest.RunSpec {
	if run.Deleted != nil || s.Before == nil && run.Highest == "" {
		return run
	}
	run.Deleted = &manifest.Deleted{Commit: s.Commit, DataKept: run.Kept != nil || KeepsData(s.Before)}
	run.Holds, run.Kept, run.Retry = nil, nil, ""
	return run
}

// KeepsData says that volumes stay when a project goes: those of a database, unless its newest release says delete.
func KeepsData(v *config.View) bool {
	return v != nil && v.Newest != nil && v.Newest.Spec.Project.Type == manifest.Database &&
		v.Newest.Spec.Project.DeletionPolicy != "delete"
}

// withdraw notices that the release that runs is gone, and holds what would make it again.
func withdraw(run manifest.RunSpec, s Change) manifest.RunSpec {
	gone := s.Running.Version()
	if s.Before == nil || gone.IsZero() {
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
	case there && was: // edited, not withdrawn: what it said before goes on
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

// holdParts holds every part whose key is not that of the newest release left, beside what holds it already: each reason
// ends by itself. One that an earlier rollback holds is held for this one too only when it was released with it.
func holdParts(run manifest.RunSpec, s Change) manifest.RunSpec {
	var left manifest.Parts
	if s.After.Newest != nil {
		left = s.After.Newest.Spec.Parts
	}
	keys := maps.Clone(s.Running.Spec.Parts) // what nobody has looked at is taken to be as it was held or released
	for _, h := range run.Holds {
		keys[h.Part] = h.Key
	}
	maps.Copy(keys, s.Keys)
	run.Holds = without(run.Holds, func(h manifest.Hold) bool { return h.Key != keys[h.Part] })
	for _, part := range slices.Sorted(maps.Keys(keys)) {
		rolledBack := slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool { return h.Part == part && h.Reason == manifest.HeldRollback })
		if keys[part] == left[part] || rolledBack && s.Running.Spec.Parts[part] != keys[part] {
			continue
		}
		run.Holds = append(slices.Clip(run.Holds), manifest.Hold{
			Part: part, Key: keys[part], Reason: manifest.HeldRollback,
			Release: s.Running.Metadata.Name, Commit: s.Commit, Source: heldCommit(run.Holds, s.Running, part, keys[part]),
		})
	}
	return run
}

// heldCommit is the app's commit of a source that is held at a key, as the holds before or the release that was withdrawn
// know it.
func heldCommit(holds []manifest.Hold, r *manifest.Release, part, key string) string {
	if i := slices.IndexFunc(holds, func(h manifest.Hold) bool { return h.Part == part && h.Source != "" }); i >= 0 {
		return holds[i].Source
	}
	return releasedCommit(r, part, key)
}

// releasedCommit is the app's commit of a source that was released at a key.
func releasedCommit(r *manifest.Release, part, key string) string {
	if r.Spec.Parts[part] != key || authored(part) {
		return ""
	}
	image, _ := r.Image(config.ImageName(part))
	return image.Commit
}

// without leaves holds out. What is remembered may be shared, so nothing is changed in place.
func without(holds []manifest.Hold, gone func(manifest.Hold) bool) []manifest.Hold {
	if !slices.ContainsFunc(holds, gone) {
		return holds
	}
	return slices.DeleteFunc(slices.Clone(holds), gone)
}

// BringBack ends the holds of a release whose file is there again.
func BringBack(run manifest.RunSpec, s Change) manifest.RunSpec {
	run.Holds = without(run.Holds, func(h manifest.Hold) bool {
		version, err := manifest.ParseVersion(h.Release)
		return err == nil && s.After.Has(version)
	})
	return run
}

// EndHolds drops the holds whose part has another key now, or is no part any more. What is held because the build that
// one commit asked for with it failed goes with the hold of that source.
func EndHolds(run manifest.RunSpec, v *config.View, keys manifest.Parts) manifest.RunSpec {
	gone := func(part string) bool {
		return v.Parsed && !authored(part) &&
			!slices.ContainsFunc(manifest.SourceInputs(v.Spec), func(input manifest.SourceInput) bool { return input.Part == part })
	}
	run.Holds = without(run.Holds, func(h manifest.Hold) bool {
		key, known := keys[h.Part]
		return known && key != h.Key || gone(h.Part)
	})
	failing := slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool { return h.Reason == manifest.HeldFailed && !authored(h.Part) })
	run.Holds = without(run.Holds, func(h manifest.Hold) bool {
		return h.Reason == manifest.HeldFailed && authored(h.Part) && !failing
	})
	return run
}

// authored says that a part is written in the config repository, and is not a source.
func authored(part string) bool { return part == manifest.PartProject || part == manifest.PartPlatform }
