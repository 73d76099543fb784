package decision

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Asks says what kind of change a step asks for besides a rollback; empty for none. forSource says that it asks for an image.
func Asks(t config.Transition) (asks manifest.CauseKind, forSource bool) {
	switch {
	case t.Edited:
		return manifest.CauseConfig, t.Before == nil || !t.Before.Present || SourcesChanged(t.Before.Spec, t.After.Spec)
	case t.Before != nil && t.After.Present && inputsChanged(t):
		return manifest.CausePlatform, false
	}
	return "", false
}

// inputsChanged says that something outside project.yaml matters to the project: what it uses of the platform and its
// workspace, or something that kept it from being released and does not any more.
func inputsChanged(t config.Transition) bool {
	mended := len(t.Before.Problems) > 0 && len(t.After.Problems) == 0
	return mended || manifest.PlatformKey(t.Before.Inputs) != manifest.PlatformKey(t.After.Inputs)
}

// NewSource says that a draft has another source than the release that runs.
func (d Draft) NewSource(base *manifest.Release) bool {
	for part, key := range d.Parts {
		if !authored(part) && (base == nil || base.Spec.Parts[part] != key) {
			return true
		}
	}
	return false
}

// At says that a source is at a commit of the app.
func At(tips map[string]reconciler.Tip, commit string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(tips)), func(tip reconciler.Tip) bool { return tip.Commit == commit })
}

// Building says that a build of a commit of the app goes on.
func Building(builds map[string]Build, commit string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(builds)), func(b Build) bool {
		return !b.Status.Done && b.Request.Commit == commit
	})
}
