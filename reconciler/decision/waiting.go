package decision

import (
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Keeps says that a hold keeps its part from being released. What waits came with the commit of the app whose build of
// something else failed: it goes out with the next commit, or when that something is another one. The hold stays until then,
// so that it is known what came with which commit when the next build fails too.
func Keeps(run manifest.RunSpec, h manifest.Hold, tips map[string]reconciler.Tip) bool {
	if h.Reason != manifest.HeldWaiting {
		return true
	}
	if tip, seen := tips[h.Part]; seen && tip.Commit != h.Source {
		return false
	}
	return slices.ContainsFunc(run.Holds, func(o manifest.Hold) bool { return o.Reason == manifest.HeldFailed && o.Key == h.WaitsFor })
}

// IsHeld says that a part is kept from being released at a key.
func IsHeld(run manifest.RunSpec, part, key string, tips map[string]reconciler.Tip) bool {
	return slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool {
		return h.Part == part && h.Key == key && Keeps(run, h, tips)
	})
}

// HasHold says that a part has a hold at a key, whether that keeps it back or not: somebody has seen it there.
func HasHold(run manifest.RunSpec, part, key string) bool {
	return slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool { return h.Part == part && h.Key == key })
}

// waited says that a part came at a key with an earlier commit whose build of something else failed.
func waited(run manifest.RunSpec, part, key string) bool {
	return slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool {
		return h.Part == part && h.Key == key && h.Reason == manifest.HeldWaiting
	})
}

// wentOut drops the holds of what waited once it is released.
func wentOut(run manifest.RunSpec, newest *manifest.Release) manifest.RunSpec {
	if newest != nil {
		run.Holds = without(run.Holds, func(h manifest.Hold) bool {
			return h.Reason == manifest.HeldWaiting && newest.Spec.Parts[h.Part] == h.Key
		})
	}
	return run
}

// KeptBack are the holds that keep their parts back.
func KeptBack(run manifest.RunSpec, tips map[string]reconciler.Tip) []manifest.Hold {
	return slices.DeleteFunc(slices.Clone(run.Holds), func(h manifest.Hold) bool { return !Keeps(run, h, tips) })
}

// WaitingWith are the holds on what came with a commit of the app whose build of something else failed.
func WaitingWith(run manifest.RunSpec, commit string) []manifest.Hold {
	return slices.DeleteFunc(slices.Clone(run.Holds), func(h manifest.Hold) bool {
		return h.Reason != manifest.HeldWaiting || h.Source != commit || !Keeps(run, h, nil)
	})
}

// Named is the failure of the build with the names of the services that did not build, where a project has several.
func (f Fail) Named(builds map[string]Build) *reconciler.BuildFailure {
	failure := *f.Build.Status.Failure
	if f.Build.Part == manifest.PartSource {
		return &failure
	}
	failure.Summary = config.ImageName(f.Build.Part) + ": " + failure.Summary
	for _, h := range f.Holds {
		if other := builds[h.Part]; h.Part != f.Build.Part && h.Reason == manifest.HeldFailed && other.Failed() {
			failure.Summary = manifest.FirstLine(failure.Summary) + "; " + config.ImageName(h.Part) + ": " + manifest.FirstLine(other.Status.Failure.Summary)
		}
	}
	return &failure
}

// StayBehind are the holds on sources that are not in what runs although their branches have them.
func StayBehind(before Before, v *config.View, tips map[string]reconciler.Tip) []manifest.Hold {
	running := RunningRelease(before, v)
	known := KnownKeys(v, BaseRelease(before, v), tips)
	return slices.DeleteFunc(KeptBack(before.Run, tips), func(h manifest.Hold) bool {
		_, looked := tips[h.Part]
		return !looked || running == nil || known[h.Part] != h.Key || running.Spec.Parts[h.Part] == h.Key
	})
}
