package decision

import (
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// Withdrawn are the release files that a step took away together with the release that ran, besides its own. A caller reads
// them for Change.Withdrawn. There are none as long as the file of what ran is there, or when the project went too.
func Withdrawn(t config.Transition, running *manifest.Release) (files []config.ReleaseFile) {
	ran := running.Version()
	if t.Before == nil || !t.After.Present || ran.IsZero() || !t.Before.Has(ran) || t.After.Has(ran) {
		return nil
	}
	for _, file := range t.Before.Releases {
		if file.Version != ran && !t.After.Has(file.Version) {
			files = append(files, file)
		}
	}
	return files
}

// takesBack says that a step which withdraws what ran takes a part at a key back with it. It does not where HEAD has what
// is left, where the step itself changed the part, and where the part was never in what it withdraws.
func (s Change) takesBack(part, key string) bool {
	var left manifest.Parts
	if s.After.Newest != nil {
		left = s.After.Newest.Spec.Parts
	}
	if key == left[part] || s.changes(part, key) {
		return false
	}
	ran := s.Running.Spec.Parts[part] // what HEAD has goes back to it
	return ran != left[part] || slices.ContainsFunc(s.Withdrawn, func(r *manifest.Release) bool { return r.Spec.Parts[part] == key })
}

// changes says that the step itself gave a part another key. What the branch does that a source follows, or an edit of which
// one that is, does so only when it leads to other code: until somebody has looked, nobody knows.
func (s Change) changes(part, key string) bool {
	if s.Before == nil || !s.Before.Present || !s.Before.Parsed || !s.After.Parsed {
		return false
	}
	switch part {
	case manifest.PartProject:
		return manifest.ProjectKey(s.Before.Spec) != manifest.ProjectKey(s.After.Spec)
	case manifest.PartPlatform:
		return manifest.PlatformKey(s.Before.Inputs) != manifest.PlatformKey(s.After.Inputs)
	}
	before, was := inputOf(s.Before.Spec, part)
	after, is := inputOf(s.After.Spec, part)
	switch {
	case !is:
		return false
	case !was || before.Reference != after.Reference || before.Key("") != after.Key(""):
		return true
	}
	_, known := s.Keys[part]
	moved := before.Source.Branch != after.Source.Branch || before.Source.Revision != after.Source.Revision
	return moved && known && key != s.Running.Spec.Parts[part]
}

// inputOf is what the image of a source part is made from.
func inputOf(spec manifest.ProjectSpec, part string) (manifest.SourceInput, bool) {
	inputs := manifest.SourceInputs(spec)
	i := slices.IndexFunc(inputs, func(input manifest.SourceInput) bool { return input.Part == part })
	if i < 0 {
		return manifest.SourceInput{}, false
	}
	return inputs[i], true
}
