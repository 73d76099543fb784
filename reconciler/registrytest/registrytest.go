// Package registrytest is the contract of reconciler.Registry as tests. Every implementation runs them.
package registrytest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// patience bounds every wait: nothing here takes nearly as long.
const patience = 10 * time.Second

// Subject is an implementation under test, and a registry with one image.
type Subject struct {
	Registry reconciler.Registry
	// Repository of the platform that the image is in, and what it is called there.
	Repository, Tag, Digest string
	// Other is the digest of another image of the repository.
	Other string
	// Freeze makes tags that are there impossible to write again.
	Freeze func(t *testing.T)
	// Tagged reads from the registry itself which digest a tag of the repository has; empty when there is no such tag.
	Tagged func(t *testing.T, tag string) string
	// Break makes the registry answer everything with a fault of its own.
	Break func(t *testing.T)
	// Silence makes the registry answer nothing until whoever asks goes away.
	Silence func(t *testing.T)
}

// Run runs the contract. open prepares a subject of its own for each test.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	tests := []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"a tag is resolved", byTag},
		{"a digest is resolved", byDigest},
		{"what is not there is asked for in vain", unknown},
		{"tagging twice changes nothing", tagTwice},
		{"what is not there cannot be tagged", tagMissing},
		{"a tag with another digest is left as it is", tagTaken},
		{"it knows what it has", has},
		{"a registry in trouble is asked again", trouble},
		{"it ends with its context", givesUp},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

func byTag(t *testing.T, s Subject) {
	s.resolves(t, s.Repository+":"+s.Tag, manifest.Image{Repository: s.Repository, Tag: s.Tag, Digest: s.Digest})
}

func byDigest(t *testing.T, s Subject) {
	s.resolves(t, s.Repository+"@"+s.Digest, manifest.Image{Repository: s.Repository, Digest: s.Digest})
	s.resolves(t, s.Repository+":"+s.Tag+"@"+s.Digest, manifest.Image{Repository: s.Repository, Tag: s.Tag, Digest: s.Digest})
}

func (s Subject) resolves(t *testing.T, reference string, want manifest.Image) {
	t.Helper()
	image, err := s.Registry.Resolve(t.Context(), reference)
	if err != nil {
		t.Fatalf("Resolve(%s): %v", reference, err)
	}
	want.Port = image.Port // what the image says of itself
	if diff := cmp.Diff(want, image); diff != "" {
		t.Errorf("Resolve(%s) (-want +got):\n%s", reference, diff)
	}
}

func unknown(t *testing.T, s Subject) {
	for _, reference := range []string{
		s.Repository + ":missing", s.Repository + "/missing:" + s.Tag, s.Repository + "@" + missing, "Not A Reference", "",
	} {
		image, err := s.Registry.Resolve(t.Context(), reference)
		if !final(err) {
			t.Errorf("Resolve(%q) = %+v, %v, want an error that is not temporary", reference, image, err)
		}
	}
}

func tagTwice(t *testing.T, s Subject) {
	for range 2 {
		if err := s.Registry.Tag(t.Context(), s.Repository, s.Digest, "v1.0.0"); err != nil {
			t.Fatalf("Tag: %v", err)
		}
		for _, tag := range []string{"v1.0.0", s.Tag} {
			if digest := s.Tagged(t, tag); digest != s.Digest {
				t.Errorf("%s is %q, want %s", tag, digest, s.Digest)
			}
		}
	}
	s.resolves(t, s.Repository+":v1.0.0", manifest.Image{Repository: s.Repository, Tag: "v1.0.0", Digest: s.Digest})
}

func tagTaken(t *testing.T, s Subject) {
	if err := s.Registry.Tag(t.Context(), s.Repository, s.Digest, "v1.0.0"); err != nil {
		t.Fatalf("Tag: %v", err)
	}
	for _, frozen := range []bool{false, true} {
		if frozen {
			s.Freeze(t)
		}
		err := s.Registry.Tag(t.Context(), s.Repository, s.Other, "v1.0.0")
		var taken *reconciler.TagTakenError
		if !errors.As(err, &taken) || taken.Tag != "v1.0.0" || taken.Digest != s.Digest || taken.Wanted != s.Other || taken.Repository != s.Repository {
			t.Errorf("frozen %t: Tag = %v, want that the tag has %s", frozen, err, s.Digest)
		}
		if err := s.Registry.Tag(t.Context(), s.Repository, s.Digest, "v1.0.0"); err != nil {
			t.Errorf("frozen %t: Tag with the digest that it has: %v", frozen, err)
		}
		if digest := s.Tagged(t, "v1.0.0"); digest != s.Digest {
			t.Errorf("frozen %t: v1.0.0 is %s, want %s", frozen, digest, s.Digest)
		}
	}
}

func has(t *testing.T, s Subject) {
	for digest, want := range map[string]bool{s.Digest: true, s.Other: true, missing: false} {
		if there, err := s.Registry.Has(t.Context(), s.Repository, digest); err != nil || there != want {
			t.Errorf("Has %s = %t, %v, want %t", digest, there, err, want)
		}
	}
	if there, err := s.Registry.Has(t.Context(), s.Repository+"/missing", s.Digest); err != nil || there {
		t.Errorf("Has in a repository that is not there = %t, %v", there, err)
	}
	if there, err := s.Registry.Has(t.Context(), s.Repository, "sha256:short"); there || !final(err) {
		t.Errorf("Has of no digest = %t, %v, want an error that is not temporary", there, err)
	}
}

func tagMissing(t *testing.T, s Subject) {
	for _, digest := range []string{missing, "sha256:short", ""} {
		if err := s.Registry.Tag(t.Context(), s.Repository, digest, "v1.0.0"); !final(err) {
			t.Errorf("Tag of %q = %v, want an error that is not temporary", digest, err)
		}
	}
	if err := s.Registry.Tag(t.Context(), s.Repository, s.Digest, "no tag"); !final(err) {
		t.Errorf("Tag with no name of a tag = %v, want an error that is not temporary", err)
	}
	if digest := s.Tagged(t, "v1.0.0"); digest != "" {
		t.Errorf("v1.0.0 is %s, want no such tag", digest)
	}
}

func trouble(t *testing.T, s Subject) {
	s.Break(t)
	for what, ask := range s.questions() {
		if err := ask(t.Context()); err == nil || final(err) {
			t.Errorf("%s = %v, want an error after which it is asked again", what, err)
		}
	}
}

func givesUp(t *testing.T, s Subject) {
	s.Silence(t)
	for what, ask := range s.questions() {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		ended := make(chan error, 1)
		go func() { ended <- ask(ctx) }()
		select {
		case err := <-ended:
			if err == nil || final(err) {
				t.Errorf("%s = %v, want an error after which it is asked again", what, err)
			}
		case <-time.After(patience):
			t.Errorf("%s has not ended %v after its context", what, patience)
		}
		cancel()
	}
}

// questions are all that can be asked of a registry.
func (s Subject) questions() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Resolve": func(ctx context.Context) error {
			_, err := s.Registry.Resolve(ctx, s.Repository+":"+s.Tag)
			return err
		},
		"Has": func(ctx context.Context) error {
			_, err := s.Registry.Has(ctx, s.Repository, s.Digest)
			return err
		},
		"Tag": func(ctx context.Context) error { return s.Registry.Tag(ctx, s.Repository, s.Digest, "v1.0.0") },
	}
}

// missing is the digest of no manifest.
const missing = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// final says that asking again is of no use.
func final(err error) bool {
	var classified interface{ Temporary() bool }
	return errors.As(err, &classified) && !classified.Temporary()
}
