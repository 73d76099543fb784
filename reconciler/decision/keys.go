package decision

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// HeadKeys are the keys of a project's parts as the view has them. base is the release that runs. A source whose place
// nobody has looked at yet counts as unchanged when nothing of it was edited, which is an assumption, and is left out
// else. With autoDeploy off a source counts as unchanged until it is edited or a retry asks for it.
func HeadKeys(v *config.View, base *manifest.Release, retry bool, tips map[string]reconciler.Tip) (keys manifest.Parts, assumed map[string]bool) {
	if !v.Parsed {
		return nil, nil
	}
	keys = manifest.Parts{
		manifest.PartProject:  manifest.ProjectKey(v.Spec),
		manifest.PartPlatform: manifest.PlatformKey(v.Inputs),
	}
	for _, input := range manifest.SourceInputs(v.Spec) {
		tip, seen := tips[input.Part]
		switch unedited := UneditedKey(input, base); {
		case input.Reference != "":
			keys[input.Part] = input.Key(input.ReferenceID())
		case input.Source.Revision != "" && input.Source.IsWhole():
			keys[input.Part] = input.Key(manifest.SourceID(input.Source.Revision, ""))
		case unedited != "" && !Followed(input) && !retry:
			keys[input.Part] = unedited
		case seen:
			keys[input.Part] = input.Key(manifest.SourceID(tip.Commit, tip.Tree))
		case unedited != "":
			keys[input.Part] = unedited
			if assumed == nil {
				assumed = map[string]bool{}
			}
			assumed[input.Part] = true
		}
	}
	return keys, assumed
}

// KnownKeys are the head keys without those that are assumed. A source is where its branch is, followed or not: what is
// held stays held whatever becomes of autoDeploy.
func KnownKeys(v *config.View, base *manifest.Release, tips map[string]reconciler.Tip) manifest.Parts {
	keys, assumed := HeadKeys(v, base, true, tips)
	maps.DeleteFunc(keys, func(part, _ string) bool { return assumed[part] })
	return keys
}

// Followed says that a push to the source makes a release by itself.
func Followed(input manifest.SourceInput) bool {
	return input.Source.AutoDeploy == nil || *input.Source.AutoDeploy || input.Source.Revision != ""
}

// UneditedKey is the key the running release has for a source, when the settings at HEAD give the same key for the same
// code; empty when they were edited. A pinned revision that differs from the running commit is an edit.
func UneditedKey(input manifest.SourceInput, base *manifest.Release) string {
	if base == nil {
		return ""
	}
	image, found := base.Image(input.Image)
	if !found || image.Commit == "" {
		return ""
	}
	if input.Source.Revision != "" && input.Source.Revision != image.Commit || branchEdited(input, base) {
		return ""
	}
	tree := image.Tree
	if input.Source.IsWhole() {
		tree = ""
	}
	key := input.Key(manifest.SourceID(image.Commit, tree))
	if key != base.Spec.Parts[input.Part] {
		return ""
	}
	return key
}

// branchEdited says that the source follows another branch than it did for the base.
func branchEdited(input manifest.SourceInput, base *manifest.Release) bool {
	return !slices.ContainsFunc(manifest.SourceInputs(base.Spec.Project), func(before manifest.SourceInput) bool {
		return before.Part == input.Part && before.Source.Branch == input.Source.Branch
	})
}
