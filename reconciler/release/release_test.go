package release_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/release"
)

var shop = manifest.Key{Workspace: "ws-1", Project: "shop"}

// newDraft is a release with one image that was built for it, and one that was not.
func newDraft() *decision.Draft {
	project := manifest.ProjectSpec{Type: manifest.Monolithic, Image: "nginx"}
	return &decision.Draft{
		Version: manifest.Version{Major: 1, Patch: 3}, Project: project, CreatedAt: time.Date(2026, 11, 22, 12, 0, 0, 5, time.UTC),
		Parts: manifest.Parts{manifest.PartProject: manifest.ProjectKey(project)},
		Platform: manifest.PlatformInputs{
			Namespace: "ws-1", Host: "shop-ws-1.apps.example.com", Replicas: 1,
			Chart: manifest.Chart{Name: "monolithic", Version: "1.0.0", Digest: "sha256:" + strings.Repeat("c", 64)},
		},
		Images: []manifest.Image{{Name: "app", Repository: "registry.test/ws-1/shop", Tag: "1", Digest: "sha256:" + strings.Repeat("a", 64), Built: true}},
	}
}

func signingKey(t *testing.T, letter string) *signing.Key {
	t.Helper()
	key, err := signing.Generate(strings.NewReader(strings.Repeat(letter, 64)))
	if err != nil {
		t.Fatal(err)
	}
	return &key
}

// A release that Plateform itself would not honour is not made: the key has to be one of platform.yaml, if that names any.
func TestEditMakesOnlyWhatWouldBeHonoured(t *testing.T) {
	ours, other := signingKey(t, "a"), signingKey(t, "b")
	cause := manifest.Cause{Kind: manifest.CauseConfig, Commit: strings.Repeat("1", 40), Config: strings.Repeat("1", 40)}
	for _, tt := range []struct {
		name  string
		maker release.Maker
		ok    bool
	}{
		{"no keys", release.Maker{}, true},
		{"signed with a key of platform.yaml", release.Maker{Signer: ours, PublicKeys: []signing.PublicKey{other.Public(), ours.Public()}}, true},
		{"signed with another key", release.Maker{Signer: ours, PublicKeys: []signing.PublicKey{other.Public()}}, false},
		{"not signed", release.Maker{PublicKeys: []signing.PublicKey{other.Public()}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			edit, err := tt.maker.Edit(shop, 7, newDraft(), cause)
			if !tt.ok {
				if err == nil || !strings.Contains(err.Error(), "would not be honoured") || len(edit.Files) > 0 {
					t.Errorf("got %v, %v, want that it would not be honoured", edit, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			file := manifest.ReleaseFile(shop, manifest.Version{Major: 1, Patch: 3})
			made, problems := manifest.ParseRelease(file, edit.Files[file])
			if len(problems) > 0 {
				t.Fatal(problems.Err())
			}
			if made.Spec.Images[0].Tag != "v1.0.3" || made.Spec.Cause != cause || edit.Author.Email != reconciler.Author(time.Time{}).Email {
				t.Errorf("it is by %v and has %+v", edit.Author, made.Spec)
			}
		})
	}
}

// Without anybody who is known to have asked, a release tells by itself why it was made.
func TestCauseOfItself(t *testing.T) {
	base := &manifest.Release{Spec: manifest.ReleaseSpec{
		Parts:  manifest.Parts{manifest.PartProject: "p1"},
		Images: []manifest.Image{{Name: "app", Commit: "c1"}},
	}}
	draft := func(project, commit string) decision.Draft {
		return decision.Draft{Parts: manifest.Parts{manifest.PartProject: project}, Images: []manifest.Image{{Name: "app", Commit: commit}}}
	}
	for _, tt := range []struct {
		name  string
		draft decision.Draft
		base  *manifest.Release
		want  manifest.Cause
	}{
		{"the first", draft("p1", "c1"), nil, manifest.Cause{Kind: manifest.CauseConfig, Commit: "head", Config: "head"}},
		{"other code", draft("p1", "c2"), base, manifest.Cause{Kind: manifest.CauseSource, Commit: "c2", Config: "head"}},
		{"other settings", draft("p2", "c1"), base, manifest.Cause{Kind: manifest.CauseConfig, Commit: "head", Config: "head"}},
		{"another platform", draft("p1", "c1"), base, manifest.Cause{Kind: manifest.CausePlatform, Commit: "head", Config: "head"}},
	} {
		if got := release.Cause(tt.draft, tt.base, "head"); got != tt.want {
			t.Errorf("%s: the cause is %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// The credentials of a database are made once. Each later release has the same, encrypted for the recipients of its time, so that an
// identity is not needed for ever.
func TestCredentialsAreCarriedOn(t *testing.T) {
	db := manifest.Key{Workspace: "ws-1", Project: "db"}
	oldFile, oldRecipient, err := secret.Generate()
	if err != nil {
		t.Fatal(err)
	}
	newFile, newRecipient, err := secret.Generate()
	if err != nil {
		t.Fatal(err)
	}
	make1 := func(carried string, opener secret.Opener, recipients ...string) (string, error) {
		draft := newDraft()
		draft.Images, draft.Credentials = nil, carried
		draft.Project = manifest.ProjectSpec{Type: manifest.Database}
		draft.Project.Engine, draft.Project.Version, draft.Project.Storage = "postgres", "16", "1Gi"
		edit, err := release.Maker{Recipients: recipients, Secrets: opener}.Edit(db, 7, draft, manifest.Cause{Kind: manifest.CauseConfig})
		if err != nil {
			return "", err
		}
		file := manifest.ReleaseFile(db, draft.Version)
		made, problems := manifest.ParseRelease(file, edit.Files[file])
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return made.Spec.Credentials, nil
	}
	identities := func(files ...[]byte) secret.Identities {
		all, err := secret.ParseIdentities(bytes.Join(files, nil))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	password := func(sealed string, with secret.Identities) string {
		t.Helper()
		c, err := secret.OpenCredentials(sealed, manifest.SecretAt(db, 7, ""), with)
		if err != nil {
			t.Fatal(err)
		}
		return c.Password.Reveal()
	}
	if none, err := make1("", nil); none != "" || err != nil {
		t.Errorf("without recipients there are %q, %v", none, err)
	}
	first, err := make1("", nil, oldRecipient)
	if err != nil {
		t.Fatal(err)
	}
	want := password(first, identities(oldFile))
	if blind, err := make1(first, nil, newRecipient); blind != first || err != nil {
		t.Errorf("without a key they are %q, %v, want as they were", blind, err)
	}
	second, err := make1(first, identities(newFile, oldFile), newRecipient)
	if err != nil {
		t.Fatal(err)
	}
	if got := password(second, identities(newFile)); got != want {
		t.Error("they are others in the next release")
	}
	if lost, err := make1(first, identities(newFile), newRecipient); err == nil {
		t.Errorf("credentials that cannot be opened are %q", lost)
	}
}
