package plan

import (
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
	"github.com/plateform/plateform/reconciler/decision"
)

// place is where a source is looked for: on a branch, or at a revision.
type place struct{ repository, branch, revision, path, watch string }

func placeOf(source manifest.Source) place {
	watch := strings.Join(source.Watch, "\n")
	if source.Revision != "" {
		return place{source.Repository, "", source.Revision, source.Path, watch}
	}
	return place{source.Repository, source.Branch, "", source.Path, watch}
}

// places are where the sources of a project were last seen.
type places map[place]reconciler.Tip

// add notes where a source was, also for who names that commit as the revision.
func (p places) add(source manifest.Source, tip reconciler.Tip) {
	p[placeOf(source)] = tip
	p[place{source.Repository, "", tip.Commit, source.Path, strings.Join(source.Watch, "\n")}] = tip
}

// tipsOf says where the sources of a project are after a change, as far as that can be known without looking: where they
// were when they were released last, or when they were held. A plan tells of what was authored, so sources do not move.
func tipsOf(before decision.Before, t config.Transition) map[string]reconciler.Tip {
	if t.Before == nil || !t.After.Parsed {
		return nil
	}
	known := places{}
	if base := decision.BaseRelease(before, t.Before); base != nil {
		known.released(base, base.Spec.Project)
		known.released(base, t.Before.Spec) // what was edited since and made no release leads to the same code
	}
	for _, input := range manifest.SourceInputs(t.Before.Spec) {
		switch commit, held := heldAt(before.Run.Holds, input); {
		case commit != "":
			known.add(input.Source, reconciler.Tip{Commit: commit})
		case held: // somewhere else than what was released
			delete(known, placeOf(input.Source))
		}
	}
	tips := map[string]reconciler.Tip{}
	for _, input := range manifest.SourceInputs(t.After.Spec) {
		if input.Reference != "" {
			continue
		}
		if tip, found := known[placeOf(input.Source)]; found {
			tips[input.Part] = tip
		} else if resettled(t.Before, input) {
			tips[input.Part] = reconciler.Tip{Commit: unseen}
		}
	}
	return tips
}

// unseen stands for a commit that nobody has looked at. What is built from it was never held nor released.
const unseen = "unseen"

// resettled says that an image is built in another way than before, or from another repository.
func resettled(before *config.View, input manifest.SourceInput) bool {
	return slices.ContainsFunc(manifest.SourceInputs(before.Spec), func(was manifest.SourceInput) bool {
		return was.Part == input.Part && was.Key("") != input.Key("")
	})
}

// released notes where the sources of a project are as long as its settings give what was released.
func (p places) released(base *manifest.Release, spec manifest.ProjectSpec) {
	for _, input := range manifest.SourceInputs(spec) {
		image, found := base.Image(input.Image)
		tip := reconciler.Tip{Commit: image.Commit}
		if !input.Source.IsWhole() {
			tip.Tree = image.Tree
		}
		if found && image.Commit != "" && base.Spec.Parts[input.Part] == input.Key(manifest.SourceID(tip.Commit, tip.Tree)) {
			p.add(input.Source, tip)
		}
	}
}

// heldAt says whether a source is held, and at which of the app's commits; that is empty when nobody knows: for one with a
// path the hold does not tell the tree.
func heldAt(holds []manifest.Hold, input manifest.SourceInput) (commit string, held bool) {
	i := slices.IndexFunc(holds, func(h manifest.Hold) bool { return h.Part == input.Part })
	if i < 0 {
		return "", false
	}
	if h := holds[i]; h.Source != "" && input.Source.IsWhole() && h.Key == input.Key(manifest.SourceID(h.Source, "")) {
		return h.Source, true
	}
	return "", true
}

// heldStill says that a source of which nobody knows where it is was held, and is looked for where it was then.
func heldStill(run manifest.RunSpec, t config.Transition, input manifest.SourceInput) bool {
	held := slices.ContainsFunc(run.Holds, func(h manifest.Hold) bool { return h.Part == input.Part && decision.Keeps(run, h, nil) })
	return held && t.Before != nil &&
		slices.ContainsFunc(manifest.SourceInputs(t.Before.Spec), func(was manifest.SourceInput) bool {
			return was.Part == input.Part && placeOf(was.Source) == placeOf(input.Source) && was.Key("") == input.Key("")
		})
}
