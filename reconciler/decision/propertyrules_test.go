package decision

import (
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// forbid keeps account of what was rolled back, on its own: what HEAD has and the newest release left has not must not
// come back until HEAD has something else there, the file is back, or somebody asks for a retry. What the commit itself
// changed was not rolled back, nor what was as it is left in all that was.
func (l *life) forbid(s Change) {
	if s.Retry || !s.After.Present {
		clear(l.withdrawn)
	}
	l.forgive(s)
	l.permit()
	gone := s.Running.Version()
	if s.Before == nil || gone.IsZero() || !s.After.Present || !s.Before.Has(gone) || s.After.Has(gone) {
		return
	}
	before := KnownKeys(s.Before, s.Running, l.tips)
	for part, key := range s.Keys {
		left := ""
		if s.After.Newest != nil {
			left = s.After.Newest.Spec.Parts[part]
		}
		if left == key || before[part] != "" && before[part] != key {
			delete(l.withdrawn, part)
			continue
		}
		never := s.Running.Spec.Parts[part] == left && !slices.ContainsFunc(s.Withdrawn, func(r *manifest.Release) bool { return r.Spec.Parts[part] == key })
		if !never && l.withdrawn[part].key != key {
			released := slices.ContainsFunc(append(s.Withdrawn, s.Running), func(r *manifest.Release) bool { return r.Spec.Parts[part] == key })
			l.withdrawn[part] = withdrawnKey{key, s.Running.Metadata.Name, released}
		}
	}
}

// forgive drops the sources of which a step changes how they are built: HEAD has something else there, wherever the branch is. An
// edit back to what was rolled back asks for it again.
func (l *life) forgive(s Change) {
	if s.Before == nil {
		return
	}
	for _, before := range manifest.SourceInputs(s.Before.Spec) {
		for _, after := range manifest.SourceInputs(s.After.Spec) {
			if before.Part == after.Part && before.Key("") != after.Key("") {
				delete(l.withdrawn, before.Part)
			}
		}
	}
}

// permit drops what may be released again.
func (l *life) permit() {
	keys := KnownKeys(l.view, BaseRelease(l.before(), l.view), l.tips)
	maps.DeleteFunc(l.withdrawn, func(part string, w withdrawnKey) bool {
		version, err := manifest.ParseVersion(w.release)
		key, known := keys[part]
		return err != nil || l.view.Has(version) || known && key != w.key
	})
}

// heldOn takes in that builds came to images which were rolled back: whoever has lost what was remembered knows of the keys
// again by that.
func (l *life) heldOn(builds []Build) {
	for _, build := range builds {
		at := slices.IndexFunc(l.run.Holds, func(h manifest.Hold) bool {
			return h.Part == build.Part && h.Key == build.SourceKey && h.Reason == manifest.HeldRollback
		})
		if l.check(at >= 0, "%s came to an image that was rolled back, and is not held", build.Part); at >= 0 && l.withdrawn[build.Part].key != build.SourceKey {
			l.withdrawn[build.Part] = withdrawnKey{key: build.SourceKey, release: l.run.Holds[at].Release}
		}
	}
}

// runsAt says that the images have for a part the one that a release has, at whichever key.
func runsAt(base *manifest.Release, part string, images []manifest.Image) bool {
	runs, found := base.Image(config.ImageName(part))
	return found && !authored(part) && slices.ContainsFunc(images, func(i manifest.Image) bool { return i.Name == runs.Name && i.Digest == runs.Digest })
}

// atRest checks what has to hold whenever nothing but builds is waited for.
func (l *life) atRest() {
	if !l.view.Present {
		l.check(l.shown == nil, "it is deleted and %s still runs", l.shown.Version())
		return
	}
	if l.view.Newest != nil {
		l.check(l.shown == l.view.Newest, "%s runs, the newest file is %s", l.shown.Version(), l.view.Newest.Version())
	}
	if l.shown == nil {
		return
	}
	for _, image := range l.shown.Spec.Images {
		l.check(!l.doomed(reconciler.BuildRequest{Commit: image.Commit, Tree: image.Tree}), "%s runs, which cannot be built", image.Commit)
	}
	for _, input := range manifest.SourceInputs(l.view.Spec) {
		l.heldWithReason(input)
	}
	if keys, _ := HeadKeys(l.view, BaseRelease(l.before(), l.view), false, l.tips); l.rest == UpToDate {
		for _, rebuilt := range l.run.Rebuilt { // it has the image that runs
			image, _ := l.shown.Image(config.ImageName(rebuilt.Part))
			if keys[rebuilt.Part] == rebuilt.Key && image.Digest == rebuilt.Digest {
				keys[rebuilt.Part] = l.shown.Spec.Parts[rebuilt.Part]
			}
		}
		l.check(maps.Equal(keys, l.shown.Spec.Parts), "it is said to be up to date with %v while HEAD has %v", l.shown.Spec.Parts, keys)
	}
}

// heldWithReason checks that a source which HEAD has and what runs has not is not held because of a build that did not fail,
// nor any longer than what it came with.
func (l *life) heldWithReason(input manifest.SourceInput) {
	key := KnownKeys(l.view, BaseRelease(l.before(), l.view), l.tips)[input.Part]
	if l.rest != Held || key == "" || key == l.shown.Spec.Parts[input.Part] {
		return
	}
	tip := l.tips[input.Part]
	for _, h := range l.run.Holds {
		switch {
		case h.Part != input.Part || h.Key != key:
		case h.Reason == manifest.HeldFailed:
			l.check(l.doomed(reconciler.BuildRequest{Commit: tip.Commit, Tree: tip.Tree}), "%s is held because it did not build, which is not so", h.Part)
		case h.Reason == manifest.HeldWaiting && Keeps(l.run, h, l.tips):
			l.check(h.Source == tip.Commit, "%s still waits for what it came with, and the branch has moved on", h.Part)
		}
	}
}
