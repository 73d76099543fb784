package decision

import (
	"cmp"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// withImage notes in the hold of a source that is rolled back which image that is, where its build reads more than the source's own
// folder, and the release that is left has another one.
func (s Change) withImage(h manifest.Hold) manifest.Hold {
	if authored(h.Part) {
		return h
	}
	name := config.ImageName(h.Part)
	for _, r := range append(slices.Clip(s.Withdrawn), s.Running) {
		image, found := r.Image(name)
		if !found || r.Spec.Parts[h.Part] != h.Key || image.Folder == "" {
			continue
		}
		if left, _ := s.left(name); left.Digest != image.Digest {
			h.Folder, h.Digest = image.Folder, image.Digest
		}
	}
	return h
}

// left is an image of the release that is left.
func (s Change) left(name string) (manifest.Image, bool) {
	if s.After.Newest == nil {
		return manifest.Image{}, false
	}
	return s.After.Newest.Image(name)
}

// besideFolder says that the source's own folder is what it was in the release that was rolled back: what has changed is beside it.
func besideFolder(h manifest.Hold, tip reconciler.Tip) bool {
	return h.Reason == manifest.HeldRollback && h.Digest != "" && cmp.Or(tip.Folder, tip.Tree) == h.Folder
}

// doubted is the hold of a part that was rolled back, and has another key now although its own folder is as it was. Whether it would
// be the image that was withdrawn, only a build can tell.
func doubted(p *pursuit, part string) (manifest.Hold, bool) {
	i := slices.IndexFunc(p.before.Run.Holds, func(h manifest.Hold) bool {
		return h.Part == part && h.Key != p.want[part] && besideFolder(h, p.seen.Tips[part])
	})
	if i < 0 {
		return manifest.Hold{}, false
	}
	return p.before.Run.Holds[i], true
}

// stillWithdrawn are the builds that came to images that were rolled back.
func stillWithdrawn(p *pursuit, builds []Build) (came []Build) {
	for _, build := range builds {
		if h, found := doubted(p, build.Part); found && build.Status.Image.Digest == h.Digest {
			came = append(came, build)
		}
	}
	return came
}

// HoldOn folds builds that came to images which were rolled back into what is remembered: their parts stay held, at the keys that
// they have now.
func HoldOn(run manifest.RunSpec, builds []Build) manifest.RunSpec {
	run.Holds = slices.Clone(run.Holds)
	for _, build := range builds {
		for i, h := range run.Holds {
			if h.Part == build.Part && besideFolder(h, build.Tip) && h.Digest == build.Status.Image.Digest {
				run.Holds[i].Key, run.Holds[i].Source = build.SourceKey, build.Request.Commit
			}
		}
	}
	return run
}
