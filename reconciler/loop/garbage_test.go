package loop

import (
	"context"
	"testing"

	"github.com/plateform/plateform/manifest"
)

// simImages notes which images were named at each time that the others were to go.
type simImages struct{ sweeps []map[string]bool }

// Sweep implements worker.ImageStore.
func (i *simImages) Sweep(_ context.Context, named map[string]bool) error {
	i.sweeps = append(i.sweeps, named)
	return nil
}

// take returns what was named the last time, and whether there was one.
func (i *simImages) take() (named map[string]bool, swept bool) {
	if n := len(i.sweeps); n > 0 {
		named, swept = i.sweeps[n-1], true
	}
	i.sweeps = nil
	return named, swept
}

// sweepingWorld is a calm world, whose images somebody tidies.
func sweepingWorld(t *testing.T) (*sim, *simImages) {
	t.Helper()
	s, images := calmWorld(t), &simImages{}
	s.images = images
	s.mustSettle(t)
	if named, swept := images.take(); !swept || len(named) > 0 {
		t.Fatalf("at the start, without an image: swept %t, with %v named", swept, named)
	}
	return s, images
}

// digestOf is that of the image that runs.
func (s *sim) digestOf(t *testing.T, k manifest.Key) string {
	t.Helper()
	newest := s.process.r.session.view(k).Newest
	if newest == nil {
		t.Fatalf("%s has no release", k)
	}
	return newest.Spec.Images[0].Digest
}

// Images are tidied at each resync, and once after a start; what the newest release files name stays.
func TestImagesAreTidiedAtAResync(t *testing.T) {
	s, images := sweepingWorld(t)
	s.rounds(t, 5)
	if _, swept := images.take(); swept {
		t.Error("images are tidied without a resync")
	}
	for range 2 {
		s.process.r.Hint(Hint{Everything: true})
		s.rounds(t, 5)
		named, swept := images.take()
		if digest := s.digestOf(t, shopKey); !swept || !named[digest] {
			t.Errorf("swept %t, with %v named, want %s", swept, named, digest)
		}
	}
	s.bury()
	s.rounds(t, 5)
	if _, swept := images.take(); !swept {
		t.Error("images are not tidied after a start")
	}
}

// Nothing is tidied while the config repository cannot be used: what is asked for is not known.
func TestNothingIsTidiedWhileTheConfigCannotBeUsed(t *testing.T) {
	s, images := sweepingWorld(t)
	good, found := s.config.read(s.config.head, manifest.PlatformFile)
	if !found {
		t.Fatal("there is no platform.yaml")
	}
	s.publish(manifest.Edit{Message: "Remove the platform", Files: map[string][]byte{manifest.PlatformFile: nil}})
	s.process.r.Hint(Hint{Everything: true})
	s.rounds(t, 5)
	if _, swept := images.take(); swept {
		t.Error("images are tidied while nobody knows what is asked for")
	}
	s.publish(manifest.Edit{Message: "Bring it back", Files: map[string][]byte{manifest.PlatformFile: good}})
	s.rounds(t, 5)
	if named, swept := images.take(); !swept || !named[s.digestOf(t, shopKey)] {
		t.Errorf("once it can be used again: swept %t, with %v named", swept, named)
	}
}

// An image that was made and cannot be released yet is in use.
func TestImagesThatWaitForTheirReleaseAreInUse(t *testing.T) {
	s, images := sweepingWorld(t)
	s.refuse = map[string]string{"config": "GH013: rule violations"}
	for _, repo := range s.repos {
		s.push(repo, "main", false)
	}
	s.rounds(t, 10)
	var made string
	for _, build := range s.process.r.session.projects.get(shopKey).builds {
		if build.Status.Image != nil {
			made = build.Status.Image.Digest
		}
	}
	if made == "" {
		t.Fatal("no build has ended")
	}
	s.process.r.Hint(Hint{Everything: true})
	s.rounds(t, 5)
	if named, swept := images.take(); !swept || !named[made] || !named[s.digestOf(t, shopKey)] {
		t.Errorf("swept %t, with %v named, want %s and what runs", swept, named, made)
	}
}

// Nothing is tidied before it is known what earlier processes had begun, and what every project wants.
func TestNothingIsTidiedBeforeAllIsKnown(t *testing.T) {
	s, images := sweepingWorld(t)
	s.rounds(t, 5)
	session := s.process.r.session
	for what, unknown := range map[string]func() (known func()){
		"reports of earlier processes": func() func() {
			session.recall.over = false
			return func() { session.recall.over = true }
		},
		"a project that nobody has decided on": func() func() {
			session.projects.touch(shopKey)
			return func() { clear(session.projects.dirty) }
		},
		"a project that is late": func() func() {
			session.projects.late[shopKey] = errSimFault
			return func() { clear(session.projects.late) }
		},
	} {
		session.sweepDue = true
		known := unknown()
		session.sweep()
		if !session.sweepDue {
			t.Errorf("%s: images are tidied", what)
		}
		known()
		session.sweep()
		if session.sweepDue {
			t.Errorf("%s: images are not tidied once that is known", what)
		}
	}
	images.take()
}
