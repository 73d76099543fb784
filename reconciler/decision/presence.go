package decision

import (
	"fmt"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// Presence says whether a registry has an image.
type Presence string

// What is known of an image.
const (
	// Unasked: the registry has to be asked, or has not answered yet.
	Unasked Presence = "unasked"
	// There and Gone are what it said.
	There Presence = "there"
	Gone  Presence = "gone"
	// Unknown: it does not answer. Nothing waits for it any longer.
	Unknown Presence = "unknown"
)

// among are those of the images of which something is known.
func (seen Observed) among(images []manifest.Image, is Presence) (found []manifest.Image) {
	for _, image := range images {
		if seen.Presence[image.Ref()] == is {
			found = append(found, image)
		}
	}
	return found
}

// goneProblems say that images of a release cannot be pulled any more.
func goneProblems(k manifest.Key, r *manifest.Release, gone []manifest.Image) (problems manifest.Problems) {
	for _, image := range gone {
		problems = append(problems, manifest.Problem{
			File: manifest.ReleaseFile(k, r.Version()), Field: "spec.images",
			What: fmt.Sprintf("the image %s of %s is gone: the registry does not have it any more, so that it cannot be pulled", image.Ref(), r.Metadata.Name),
			Fix: fmt.Sprintf("revert this commit, go to another version with `plateform rollback %s VERSION`, or run `plateform retry %s` to build what the source has now",
				k, k),
		})
	}
	return problems
}

// baseImage is the image that a part has in the base, when the next release is to have it too.
func (p *pursuit) baseImage(part string) (manifest.Image, bool) {
	if p.base == nil || p.base.Spec.Parts[part] == "" || p.base.Spec.Parts[part] != p.want[part] {
		return manifest.Image{}, false
	}
	return p.base.Image(config.ImageName(part))
}

// baseGone says that the image that a part has in the base is gone.
func (p *pursuit) baseGone(part string) bool {
	image, found := p.baseImage(part)
	return found && p.seen.Presence[image.Ref()] == Gone
}

// buildable says that a part can be built as it is wanted: HEAD is there, and nothing holds it. A source that is not followed
// has the key of the base wherever its branch is, and what is there now is something else.
func (p *pursuit) buildable(part string) bool {
	return p.has(part) && p.want[part] == p.keys[part] && !p.isHeld(part, p.keys[part]) && !p.assumed[part] &&
		p.want[part] == KnownKeys(p.head, p.base, p.seen.Tips)[part]
}

// isLost says that a part is to be built again although it is what the base has: its image is gone.
func (p *pursuit) isLost(part string) bool { return p.baseGone(part) && p.buildable(part) }

// goneForGood are the images of the base that are gone and cannot be built again: their parts are held, say.
func (p *pursuit) goneForGood() (images []manifest.Image) {
	for _, part := range p.wantedSources() {
		if p.baseGone(part) && !p.buildable(part) {
			image, _ := p.baseImage(part)
			images = append(images, image)
		}
	}
	return images
}

// unasked are the images that the next release would take over, and that the registry has to be asked for first.
func (p *pursuit) unasked() (images []manifest.Image) {
	for _, part := range p.wantedSources() {
		image, found := p.baseImage(part)
		if !found {
			image, found = p.ready(part, p.want[part])
		}
		if found && p.seen.Presence[image.Ref()] == Unasked {
			images = append(images, image)
		}
	}
	return images
}
