package decision

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Failed says that a build ended without an image.
func (b Build) Failed() bool { return b.Status.Done && b.Status.Image == nil }

// Over are the parts whose builds have failed and are held now: a retry builds them anew.
func (f Fail) Over(builds map[string]Build) []string {
	parts := []string{f.Build.Part}
	for _, hold := range f.Holds {
		if builds[hold.Part].Failed() {
			parts = append(parts, hold.Part)
		}
	}
	return parts
}

// FailedWith are the IDs of the builds that failed together with this one, as the holds say.
func (f Fail) FailedWith(builds map[string]Build, k manifest.Key) (ids []string) {
	for _, hold := range f.Holds {
		if build := builds[hold.Part]; hold.Part != f.Build.Part && hold.Reason == manifest.HeldFailed && (build.Failed() || f.Known) {
			ids = append(ids, BuildID(k, hold.Part, hold.Key))
		}
	}
	return ids
}

// cancelUnwanted stops the builds that are not needed any more: their part is held, or HEAD is back at what runs.
func (p *pursuit) cancelUnwanted() []Action {
	var actions []Action
	for _, part := range slices.Sorted(maps.Keys(p.seen.Builds)) {
		build := p.seen.Builds[part]
		_, known := p.keys[part]
		unwanted := known && (p.want[part] == p.baseKey(part) && !p.isLost(part) || p.stuck) || !p.has(part)
		if !build.Status.Done && unwanted {
			actions = append(actions, CancelBuild{Build: build})
		}
	}
	return actions
}

func (p *pursuit) baseKey(part string) string {
	if p.base == nil {
		return ""
	}
	return p.base.Spec.Parts[part]
}

// images finds the image for each source part that is wanted: that of the release that runs, of an earlier release, or of
// a build that has ended. missing are the parts without one.
func (p *pursuit) images() (images []manifest.Image, builds []Build, missing []string) {
	for _, part := range p.wantedSources() {
		image, build, found := p.image(part)
		if !found {
			missing = append(missing, part)
			continue
		}
		images = append(images, image)
		if build != nil {
			builds = append(builds, *build)
		}
	}
	return images, builds, missing
}

// wantedSources are the source parts of the next release: in the order of HEAD, then those only the base has.
func (p *pursuit) wantedSources() []string {
	var parts []string
	for _, input := range manifest.SourceInputs(p.head.Spec) {
		if p.want[input.Part] != "" {
			parts = append(parts, input.Part)
		}
	}
	for _, part := range slices.Sorted(maps.Keys(p.want)) {
		if !authored(part) && !p.has(part) {
			parts = append(parts, part)
		}
	}
	return parts
}

func (p *pursuit) image(part string) (manifest.Image, *Build, bool) {
	key := p.want[part]
	if p.base != nil && p.base.Spec.Parts[part] == key && !p.baseGone(part) {
		image, found := p.base.Image(config.ImageName(part))
		image.Built = false
		return image, nil, found
	}
	if image, found := p.ready(part, key); found {
		return p.taken(part, image), nil, true
	}
	build, found := p.seen.Builds[part]
	if found && build.SourceKey == key && build.Status.Done && build.Status.Image != nil {
		image := *build.Status.Image
		image.Name = config.ImageName(part)
		image = read(image, build.Tip)
		if runs, found := p.runs(part); found && sameImage(runs, image) {
			image.Tag, image.Built = runs.Tag, false
		}
		return image, &build, true
	}
	return manifest.Image{}, nil, false
}

// build starts what is missing, waits for what runs, and gives up on what failed.
func (p *pursuit) build(missing []string) []Action {
	var actions []Action
	for _, part := range missing {
		build, asked := p.seen.Builds[part]
		current := asked && build.SourceKey == p.want[part]
		switch {
		case current && !build.Status.Done: // it is still running
		case current && build.Failed() && !build.Status.Failure.Canceled:
			return []Action{Fail{Build: build, Holds: p.failedHolds(build)}}
		case asked && build.Failed() && !build.Status.Failure.Canceled: // it is reported all the same
			return []Action{Fail{Build: build}}
		case asked && !current && !build.Status.Done:
			actions = append(actions, CancelBuild{Build: build, Superseded: true}, StartBuild{p.newBuild(part, true)})
		default:
			build := p.newBuild(part, false)
			if failure, known := p.seen.knownFailure(build); known {
				build.Status = reconciler.BuildStatus{Done: true, Failure: &failure}
				return []Action{Fail{Build: build, Holds: p.failedHolds(build), Known: true}}
			}
			actions = append(actions, StartBuild{build})
		}
	}
	return actions
}

// knownFailure is the failure of a build that was reported and is in no run.yaml, unless a retry has asked for it since.
func (seen Observed) knownFailure(build Build) (reconciler.BuildFailure, bool) {
	failure, known := seen.Failures[build.Request.ID]
	if !known || build.Request.Attempt != "" && !failure.Attempts[build.Request.Attempt] {
		return reconciler.BuildFailure{}, false
	}
	return reconciler.BuildFailure{Summary: failure.Summary}, true
}

func (p *pursuit) newBuild(part string, superseding bool) Build {
	input, key := p.inputs[part], p.want[part]
	request := reconciler.BuildRequest{ID: BuildID(p.head.Key, part, key), Attempt: p.before.Run.Retry, Key: p.head.Key, Image: input.Image}
	if input.Reference != "" {
		request.Reference = input.Reference
	} else {
		request.Repository = input.Source.Repository
		request.Commit = input.Source.Revision
		if request.Commit == "" {
			request.Commit = p.seen.Tips[part].Commit
		}
		request.Path, request.Tree = input.Source.Path, p.seen.Tips[part].Tree
		request.Build = input.Build
		request.Destination, request.Scan = Destination(p.head, input), p.head.Scan
		if runs, found := p.runs(part); found && runs.Repository == request.Destination && onlyAround(p.base, runs, input, p.seen.Tips[part]) {
			request.Runs = runs.Digest
		}
		if h, found := doubted(p, part); found { // it is to be told from what was rolled back
			request.Runs = h.Digest
		}
	}
	return Build{Request: request, Part: part, SourceKey: key, Superseding: superseding, Tip: p.seen.Tips[part]}
}

// Destination is <registry>/<workspace>/<project>, with /<service> for one of several images.
func Destination(v *config.View, input manifest.SourceInput) string {
	repository := path.Join(v.Registry, v.Key.Workspace, v.Key.Project)
	if input.Part != manifest.PartSource {
		repository = path.Join(repository, input.Image)
	}
	return repository
}

// BuildID is derived, never random: whoever asks for the same source of the same project finds the same build.
func BuildID(k manifest.Key, part, key string) string {
	sum := sha256.Sum256([]byte(k.String() + "\n" + part + "\n" + key))
	return hex.EncodeToString(sum[:10])
}

// failedHolds are the holds after a failed build: on what did not build, and on what came with the same commit and so waits:
// the other sources, and, when one commit asked for both, the authored parts that it changed too. What had to wait before
// came with an earlier commit.
func (p *pursuit) failedHolds(failed Build) []manifest.Hold {
	var holds []manifest.Hold
	commit := failed.Request.Commit
	fresh := commit != "" && !waited(p.before.Run, failed.Part, failed.SourceKey)
	for _, part := range slices.Sorted(maps.Keys(p.want)) {
		key := p.want[part]
		runs, _ := p.runs(part)
		if (key == p.baseKey(part) || cameTo(p.before.Run, part, key, runs.Digest)) && part != failed.Part {
			continue
		}
		cameWithIt := fresh && p.has(part) && p.seen.Tips[part].Commit == commit && !waited(p.before.Run, part, key)
		alsoAsked := !p.has(part) && p.seen.Together[part] && p.base != nil
		switch {
		case part == failed.Part || p.has(part) && p.failedToo(part):
			holds = append(holds, manifest.Hold{Part: part, Key: key, Reason: manifest.HeldFailed, Source: commit})
		case cameWithIt || alsoAsked:
			holds = append(holds, manifest.Hold{
				Part: part, Key: key, Reason: manifest.HeldWaiting, Source: commit, WaitsFor: failed.SourceKey,
			})
		}
	}
	return holds
}

// failedToo says that the build of a wanted source has failed, or is known to have.
func (p *pursuit) failedToo(part string) bool {
	if build, asked := p.seen.Builds[part]; asked && build.SourceKey == p.want[part] {
		return build.Failed() && !build.Status.Failure.Canceled
	}
	if _, _, found := p.image(part); found {
		return false
	}
	_, known := p.seen.knownFailure(p.newBuild(part, false))
	return known
}

// draft is the next release.
func (p *pursuit) draft(images []manifest.Image, builds []Build) Draft {
	highest, err := manifest.ParseVersion(p.before.Run.Highest)
	if top := p.head.Highest(); err != nil || top.Compare(highest) > 0 {
		highest = top
	}
	draft := Draft{
		Version: highest.Next(), Parts: p.want, Images: images, Builds: builds, CreatedAt: p.now,
		Project: p.head.Spec, Platform: p.head.Inputs,
	}
	if p.head.Spec.Type == manifest.Database {
		draft.Credentials = p.before.Run.Credentials
		if p.base != nil && p.base.Spec.Credentials != "" {
			draft.Credentials = p.base.Spec.Credentials
		}
	}
	if p.base != nil && p.want[manifest.PartProject] != p.keys[manifest.PartProject] {
		draft.Project = p.base.Spec.Project
	}
	if p.base != nil && p.want[manifest.PartPlatform] != p.keys[manifest.PartPlatform] {
		draft.Platform = p.base.Spec.Platform
	}
	return draft
}
