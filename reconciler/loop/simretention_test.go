package loop

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// simRetention is a registry that removes images which do not run. It draws from numbers of its own, so that histories without
// it are as they would be anyway.
type simRetention struct {
	rng *rand.Rand
	// one in so many times something is removed; 0 for never.
	often int
}

func newSimRetention(seed uint64) simRetention {
	rng := rand.New(rand.NewPCG(seed, 0x726567697374727))
	return simRetention{rng: rng, often: []int{0, 0, 0, 12, 4}[rng.IntN(5)]}
}

// strikes is true once in so many times.
func (r simRetention) strikes() bool { return r.often > 0 && r.rng.IntN(r.often) == 0 }

// retain removes an image that does not run, perhaps.
func (s *sim) retain() {
	if !s.retention.strikes() {
		return
	}
	var idle []string
	for _, k := range s.everyKey() {
		for _, v := range s.audit.versions(k) {
			for _, image := range s.audit.released[k][v].Spec.Images {
				if !s.runsAnywhere(image) && !s.builds.lost[image.Digest] {
					idle = append(idle, image.Digest)
				}
			}
		}
	}
	if len(idle) > 0 {
		s.lose(idle[s.retention.rng.IntN(len(idle))])
	}
}

func (s *sim) runsAnywhere(image manifest.Image) bool {
	return slices.ContainsFunc(s.everyKey(), func(k manifest.Key) bool { return strings.Contains(s.values(k), image.Digest) })
}

// lose removes an image from the registry, with its tags.
func (s *sim) lose(digest string) {
	s.tell("the registry removes %.17s", digest)
	b := s.builds
	b.lost[digest] = true
	maps.DeleteFunc(b.builds, func(id string, _ *simBuild) bool { return b.images[id].Digest == digest }) // the builder looks there for what it has made
	maps.DeleteFunc(b.images, func(_ string, image manifest.Image) bool { return image.Digest == digest })
	maps.DeleteFunc(b.tags, func(_, tagged string) bool { return tagged == digest })
}

// isLost says that an image of a release is not in the registry.
func (s *sim) isLost(r *manifest.Release) bool {
	return r != nil && slices.ContainsFunc(r.Spec.Images, func(image manifest.Image) bool { return s.builds.lost[image.Digest] })
}

// anyLost says that a project ever had a release with an image that is gone.
func (s *sim) anyLost(k manifest.Key) bool {
	return slices.ContainsFunc(s.audit.versions(k), func(v manifest.Version) bool { return s.isLost(s.audit.released[k][v].Release) })
}

// losses is how many images that a build came to were removed: so often it may be built again.
func (b *simBuilds) losses(id string) (n int) {
	for digest := range b.lost {
		if made, found := b.digests[digest]; found && (made.request.ID == id || made.cameTo(id)) {
			n++
		}
	}
	return n
}

// cameTo says that another build, too, came to this image.
func (i simImage) cameTo(id string) bool {
	return slices.ContainsFunc(i.also, func(r reconciler.BuildRequest) bool { return r.ID == id })
}

// rollBackToLost rolls a project back to a release whose image is gone, while nothing moves: it is refused, and what runs
// stays. Bringing the release back is what it was.
func (s *sim) rollBackToLost() error {
	if s.retention.often == 0 || s.retention.rng.IntN(4) > 0 {
		return nil
	}
	if err := s.settle(); err != nil {
		return err
	}
	k, newest, before, err := s.losable()
	if err != nil || newest == nil {
		return err
	}
	for _, image := range before.Spec.Images {
		if !s.runsAnywhere(image) {
			s.lose(image.Digest)
		}
	}
	s.tell("%s everything is at rest, and %s is rolled back to an image that is gone", s.now.Format("15:04:05"), k)
	file := manifest.ReleaseFile(k, newest.Version())
	s.write("Revert Release "+newest.Metadata.Name+" of "+k.String(), map[string][]byte{file: nil})
	if err := s.nothingNew(k, newest); err != nil {
		return err
	}
	if err := s.refusedOn(s.config.head, k); err != nil {
		return err
	}
	s.write("Bring back "+newest.Metadata.Name+" of "+k.String(), map[string][]byte{file: s.audit.released[k][newest.Version()].content})
	return s.nothingNew(k, newest)
}

// losable is a project at rest whose newest release runs, with one before it that has other images and that HEAD does not lead
// to: what is rolled back is held. A source that was built again and came to what runs may be back at the one before.
func (s *sim) losable() (k manifest.Key, newest, before *manifest.Release, err error) {
	for _, k := range s.everyKey() {
		run, err := s.run(k)
		if err != nil {
			return k, nil, nil, err
		}
		newest, versions := s.newest(s.config.head, k), s.releaseFiles(k)
		if len(versions) < 2 || newest == nil || newest.Version() != versions[len(versions)-1] || run.Frozen != nil || run.Kept != nil ||
			len(run.Holds)+len(run.Rebuilt) > 0 || !s.usable(s.config.head) || s.isLost(newest) || s.values(k) != string(newest.Spec.Values) || !s.present(s.config.head, k) {
			continue
		}
		released, found := s.audit.released[k][versions[len(versions)-2]]
		if found && s.intact(k, released) && !s.rebuiltLost(newest, released.Release) && slices.ContainsFunc(released.Spec.Images, func(image manifest.Image) bool { return !s.runsAnywhere(image) }) {
			return k, newest, released.Release, nil
		}
	}
	return manifest.Key{}, nil, nil, nil
}

// rebuiltLost says that one release has another image than the one before of the same code, whose image was gone: going back takes no
// code back, and it is built again.
func (s *sim) rebuiltLost(newest, before *manifest.Release) bool {
	for part, key := range before.Spec.Parts {
		image, found := before.Image(config.ImageName(part))
		if found && newest.Spec.Parts[part] == key && !s.runsAnywhere(image) {
			return true
		}
	}
	return false
}

// intact says that the file of a release is as it was written.
func (s *sim) intact(k manifest.Key, r simRelease) bool {
	content, there := s.config.read(s.config.head, manifest.ReleaseFile(k, r.Version()))
	return there && string(content) == string(r.content)
}

// refusedOn checks that people were told on a commit that its rollback is refused.
func (s *sim) refusedOn(commit string, k manifest.Key) error {
	for _, said := range s.notes[commit] {
		if said.Context == reconciler.ContextOf(k) && said.Terminal() {
			if said.State != reconciler.StateFailure || !strings.Contains(said.Description, "is gone") {
				return fmt.Errorf("the rollback of %s to an image that is gone ended with %s: %s", k, said.State, said.Description)
			}
			return nil
		}
	}
	return fmt.Errorf("nobody was told how the rollback of %s to an image that is gone ended", k)
}
