package decision

import (
	"cmp"
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Rebuilt folds builds that came to the images that run into what is remembered: they are not built again, also not by the
// next process.
func Rebuilt(run manifest.RunSpec, rebuilt []manifest.Rebuilt) manifest.RunSpec {
	run.Rebuilt = withoutRebuilt(run.Rebuilt, func(r manifest.Rebuilt) bool {
		return slices.ContainsFunc(rebuilt, func(now manifest.Rebuilt) bool { return now.Part == r.Part })
	})
	run.Rebuilt = append(slices.Clip(run.Rebuilt), rebuilt...)
	run.Holds = without(run.Holds, func(h manifest.Hold) bool { // what waited is out
		return h.Reason == manifest.HeldWaiting && IsRebuilt(run, h.Part, h.Key)
	})
	return run
}

// IsRebuilt says that a part came to the image that runs at a key.
func IsRebuilt(run manifest.RunSpec, part, key string) bool {
	return slices.ContainsFunc(run.Rebuilt, func(r manifest.Rebuilt) bool { return r.Part == part && r.Key == key })
}

// withoutRebuilt returns the list without some of it. The list may be shared, so it is not changed in place.
func withoutRebuilt(list []manifest.Rebuilt, gone func(manifest.Rebuilt) bool) []manifest.Rebuilt {
	if !slices.ContainsFunc(list, gone) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), gone)
}

// unchanged says that the next release would differ from the base in nothing but the keys of sources that came to the same
// images. rebuilt are those of which that is not remembered yet.
func (p *pursuit) unchanged(images []manifest.Image) (rebuilt []manifest.Rebuilt, unchanged bool) {
	if p.base == nil || len(p.want) != len(p.base.Spec.Parts) {
		return nil, false
	}
	for _, part := range slices.Sorted(maps.Keys(p.want)) {
		key := p.want[part]
		if key == p.baseKey(part) && !p.isLost(part) {
			continue
		}
		runs, found := p.runs(part)
		at := slices.IndexFunc(images, func(i manifest.Image) bool { return i.Name == runs.Name })
		if !found || at < 0 || !sameImage(runs, images[at]) {
			return nil, false
		}
		now := manifest.Rebuilt{Part: part, Key: key, Digest: runs.Digest, Source: images[at].Commit}
		if !cameTo(p.before.Run, part, key, runs.Digest) {
			rebuilt = append(rebuilt, now)
		}
	}
	return rebuilt, true
}

// sameImage says that two images that were built from a source are one.
func sameImage(a, b manifest.Image) bool {
	return a.Commit != "" && b.Commit != "" && a.Repository == b.Repository && a.Digest == b.Digest
}

// runs is the image that the base has for a source part, at whichever key. One that is gone from its registry is none.
func (p *pursuit) runs(part string) (manifest.Image, bool) {
	if p.base == nil || authored(part) || p.base.Spec.Parts[part] == "" {
		return manifest.Image{}, false
	}
	image, found := p.base.Image(config.ImageName(part))
	return image, found && p.seen.Presence[image.Ref()] != Gone
}

// cameTo says that a part was built at a key and came to an image.
func cameTo(run manifest.RunSpec, part, key, digest string) bool {
	return slices.ContainsFunc(run.Rebuilt, func(r manifest.Rebuilt) bool {
		return r.Part == part && r.Key == key && r.Digest == digest
	})
}

// ready is an image that is there already for a part at a key: the one that runs, or that of an older release. One that is gone
// from its registry is none.
func (p *pursuit) ready(part, key string) (manifest.Image, bool) {
	if runs, found := p.runs(part); found && cameTo(p.before.Run, part, key, runs.Digest) {
		return runs, true
	}
	image, found := p.seen.Images[key]
	return image, found && p.seen.Presence[image.Ref()] != Gone
}

// taken is an image that is there already as the next release has it: made from the commit that the source is at now, which
// has the content that the image was built from.
func (p *pursuit) taken(part string, image manifest.Image) manifest.Image {
	image.Name, image.Built = config.ImageName(part), false
	tip, seen := p.seen.Tips[part]
	if input := p.inputs[part]; seen && p.has(part) && input.Reference == "" && p.want[part] == p.keys[part] {
		image.Commit, image.Tree = tip.Commit, tip.Tree
		image = read(image, tip)
	}
	return image
}

// read notes in an image what was read of the source beside its path.
func read(image manifest.Image, tip reconciler.Tip) manifest.Image {
	image.Folder, image.Scope, image.ScopeReason = tip.Folder, tip.Scope, tip.ScopeReason
	return image
}

// onlyAround says that nothing has changed in the source's own folder, nor in how it is built, since an image was built from
// it: only what is read beside it, or what is watched. Then the same image is no news, while a push to the folder itself is
// expected to be a release with that commit on it.
func onlyAround(base *manifest.Release, runs manifest.Image, input manifest.SourceInput, tip reconciler.Tip) bool {
	before := manifest.SourceInputs(base.Spec.Project)
	i := slices.IndexFunc(before, func(was manifest.SourceInput) bool { return was.Part == input.Part })
	if i < 0 || settings(before[i]) != settings(input) {
		return false
	}
	if input.Source.Path == "" {
		return tip.Commit == runs.Commit
	}
	return cmp.Or(tip.Folder, tip.Tree) == cmp.Or(runs.Folder, runs.Tree)
}

// settings stand for how a source is built and from where, whatever is watched.
func settings(input manifest.SourceInput) string {
	input.Source.Watch = nil
	return input.Key("")
}
