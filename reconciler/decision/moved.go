package decision

import (
	"slices"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// SourceMoved folds a look at one source part into what is remembered. tips says where the sources are now, this one
// included. earlier says that an earlier process had seen this commit already. Then a rollback that came while no process
// looked was a rollback of this commit, and the branch has not moved on since.
func SourceMoved(before Before, head *config.View, tips map[string]reconciler.Tip, part string, earlier bool) manifest.RunSpec {
	known := KnownKeys(head, BaseRelease(before, head), tips)
	run := heldAsBefore(before.Run, head, part, known[part], tips[part])
	if run.Frozen == nil && (earlier || !follows(head, part)) {
		run = holdAt(run, part, known[part], tips[part].Commit)
	}
	if run.Frozen == nil {
		run = EndHolds(run, head, known, tips)
	}
	return seenBeside(run, part, known[part], tips[part])
}

// seenBeside notes in the hold of a part that was rolled back the commit that its source has moved on to, with nothing changed in its own
// folder: people were told of it, and the next process has no news for them.
func seenBeside(run manifest.RunSpec, part, key string, tip reconciler.Tip) manifest.RunSpec {
	for i, h := range run.Holds {
		if h.Part == part && key != "" && h.Key != key && h.Source != tip.Commit && besideFolder(h, tip) {
			run.Holds = slices.Clone(run.Holds)
			run.Holds[i].Source = tip.Commit
		}
	}
	return run
}

// follows says that a push to the source of a part makes a release by itself.
func follows(v *config.View, part string) bool {
	return slices.ContainsFunc(manifest.SourceInputs(v.Spec), func(input manifest.SourceInput) bool {
		return input.Part == part && Followed(input)
	})
}

// holdAt moves the hold of a rolled back part to another key: one that was known when the part was rolled back, or, with
// autoDeploy off, one that a push has led to.
func holdAt(run manifest.RunSpec, part, key, commit string) manifest.RunSpec {
	if HasHold(run, part, key) {
		return run
	}
	for i, hold := range run.Holds {
		if hold.Part == part && hold.Reason == manifest.HeldRollback && key != "" && key != hold.Key {
			run.Holds = slices.Clone(run.Holds)
			run.Holds[i].Key, run.Holds[i].Source = key, commit
		}
	}
	return run
}

// heldAsBefore moves the holds of a part that an earlier version made to the key that the part has now: its keys covered the
// folder of a source alone, which is as it was.
func heldAsBefore(run manifest.RunSpec, v *config.View, part, key string, tip reconciler.Tip) manifest.RunSpec {
	i := slices.IndexFunc(manifest.SourceInputs(v.Spec), func(input manifest.SourceInput) bool { return input.Part == part })
	if i < 0 || key == "" || tip.Folder == "" {
		return run
	}
	old := manifest.SourceInputs(v.Spec)[i].Key(manifest.SourceID("", tip.Folder))
	held := func(h manifest.Hold) bool { return h.Part == part && h.Key == old && old != key }
	if !slices.ContainsFunc(run.Holds, held) {
		return run
	}
	run.Holds = slices.Clone(run.Holds)
	for i, h := range run.Holds {
		if held(h) {
			run.Holds[i].Key = key
		}
		if h.WaitsFor == old {
			run.Holds[i].WaitsFor = key
		}
	}
	return run
}

// Remembered says that what is remembered of a project, or what runs, names a commit of the app for a part: people know of
// it. known says that it names any commit for the part, so that another one is new.
func Remembered(before Before, head *config.View, part, commit string) (remembered, known bool) {
	see := func(c string) {
		known = known || c != ""
		remembered = remembered || c == commit
	}
	for _, h := range before.Run.Holds {
		if h.Part == part {
			see(h.Source)
		}
	}
	if last := before.Run.Last; last != nil && last.Result == manifest.ResultFailed { // of whichever part
		remembered = remembered || last.Source == commit
	}
	if base := BaseRelease(before, head); base != nil {
		image, _ := base.Image(config.ImageName(part))
		see(image.Commit)
	}
	return remembered, known
}

// BuildFailed folds a failed build into what is remembered: what did not build is not tried again by itself, what came with
// it waits, and a retry has its answer. commit is the config repository's head.
func BuildFailed(before Before, head *config.View, tips map[string]reconciler.Tip, fail Fail, commit string) manifest.RunSpec {
	run := before.Run
	for _, hold := range fail.Holds {
		run.Holds = without(run.Holds, func(h manifest.Hold) bool {
			return h.Part == hold.Part && h.Key == hold.Key && h.Reason == manifest.HeldWaiting
		})
		hold.Commit = commit
		run.Holds = append(slices.Clip(run.Holds), hold)
	}
	run = EndHolds(run, head, KnownKeys(head, BaseRelease(before, head), tips), tips) // a source may have moved on
	run.Retry = ""
	return run
}

// RetryAnswered ends a retry.
func RetryAnswered(run manifest.RunSpec) manifest.RunSpec {
	run.Retry = ""
	return run
}

// Rewrite is a rewritten config history as one project sees it.
type Rewrite struct {
	// Before and After are what was known of the project and what the new history says of it; nil for nothing.
	Before, After *config.View
	// Shown is the version that GitOps shows.
	Shown manifest.Version
	// Head is the new head of the config repository.
	Head string
	// Tips says where each source part is now; a part nobody has looked at is missing.
	Tips map[string]reconciler.Tip
}

// Rewritten folds a rewritten config history into what is remembered. When the newest release vanished, the project is
// frozen: what runs stays until somebody asks for a retry.
func Rewritten(run manifest.RunSpec, r Rewrite) manifest.RunSpec {
	before, after, shown := r.Before, r.After, r.Shown
	present := after != nil && after.Present
	if present {
		run.Deleted = nil
	}
	switch {
	case shown.IsZero() && !present:
		return bury(run, Change{Transition: config.Transition{Before: before}, Commit: r.Head})
	case shown.IsZero() || run.Frozen != nil:
		return run
	case present && after.NewestVersion().Compare(shown) >= 0:
		run = bringBack(run, Change{Transition: config.Transition{After: after}})
		run.Kept = nil
		return EndHolds(run, after, KnownKeys(after, after.Newest, r.Tips), r.Tips)
	}
	run.Kept = nil // the commit that it was kept from is gone
	run.Frozen = &manifest.Frozen{Release: shown.String(), Commit: r.Head}
	return run
}

// Ended folds a run that ended into what is remembered.
func Ended(run manifest.RunSpec, last manifest.LastRun, now time.Time) manifest.RunSpec {
	seconds := 0
	if last.Build != nil {
		seconds = last.Build.Seconds
	}
	last.EndedAt = now.Truncate(time.Second)
	last.StartedAt = last.EndedAt.Add(-time.Duration(seconds) * time.Second)
	run.Last = &last
	return run
}

// SourcesChanged says that where images come from, or how they are built, differs between two versions of a project.
func SourcesChanged(before, after manifest.ProjectSpec) bool {
	settings := func(spec manifest.ProjectSpec) (keys []string) {
		for _, input := range manifest.SourceInputs(spec) {
			keys = append(keys, input.Part, input.Reference, input.Source.Branch, input.Source.Revision, input.Key(""))
		}
		return keys
	}
	return !slices.Equal(settings(before), settings(after))
}

// Together are the authored parts that a step changed together with where an image comes from; none when it did not
// change both.
func Together(t config.Transition) []string {
	if t.Before == nil || !t.Before.Parsed || !t.Before.Present || !t.After.Parsed || !t.After.Present ||
		!SourcesChanged(t.Before.Spec, t.After.Spec) {
		return nil
	}
	var parts []string
	if manifest.ProjectKey(t.Before.Spec) != manifest.ProjectKey(t.After.Spec) {
		parts = append(parts, manifest.PartProject)
	}
	if manifest.PlatformKey(t.Before.Inputs) != manifest.PlatformKey(t.After.Inputs) {
		parts = append(parts, manifest.PartPlatform)
	}
	return parts
}
