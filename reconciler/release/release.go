// Package release makes release files: what was decided on, as a commit that Plateform itself would honour.
package release

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/secret"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/decision"
	"github.com/plateform/plateform/reconciler/secrets"
)

// Maker makes release files. The zero value signs with checksums only.
type Maker struct {
	// Signer signs; nil makes a checksum.
	Signer *signing.Key
	// PublicKeys are those that platform.yaml names: a release that none of them signed would not be honoured.
	PublicKeys []signing.PublicKey
	// Recipients are those that platform.yaml has secrets encrypted for: without any, databases get no credentials.
	Recipients []string
	// Secrets opens what was encrypted for the platform, to see that a release can; nil when that is not known here.
	Secrets secret.Opener
}

// Edit is the commit that adds one release file. owner is the id of the workspace's owner. Images that were built for it get
// its version as their tag.
func (m Maker) Edit(k manifest.Key, owner int64, draft *decision.Draft, cause manifest.Cause) (manifest.Edit, error) {
	for i := range draft.Images {
		if draft.Images[i].Built {
			draft.Images[i].Tag = draft.Version.String()
		}
	}
	values, err := manifest.BuildValues(manifest.ValuesInput{
		Key: k, Release: draft.Version, Project: draft.Project, Platform: draft.Platform, Images: draft.Images,
	})
	if err != nil {
		return manifest.Edit{}, fmt.Errorf("making the values of %s: %w", draft.Version, err)
	}
	credentials, err := m.credentials(k, owner, draft)
	if err != nil {
		return manifest.Edit{}, err
	}
	release := &manifest.Release{
		Header: manifest.NewHeader(manifest.KindRelease, draft.Version.String()),
		Spec: manifest.ReleaseSpec{
			Parts: draft.Parts, Images: draft.Images, Chart: draft.Platform.Chart, Values: values,
			Project: draft.Project, Platform: draft.Platform,
			Credentials: credentials,
			Cause:       cause,
			Plan:        manifest.PlanHash(k, draft.Project, draft.Platform),
			Build:       buildRecord(draft.Builds),
			CreatedAt:   draft.CreatedAt.Truncate(time.Second),
		},
	}
	file, err := m.encode(release, k, owner)
	if err != nil {
		return manifest.Edit{}, err
	}
	subject := fmt.Sprintf("Release %s %s", k, draft.Version)
	return manifest.Edit{
		Message: manifest.FormatMessage(subject, manifest.NewTrailers(k, release)),
		Author:  reconciler.Author(draft.CreatedAt),
		Files:   map[string][]byte{manifest.ReleaseFile(k, draft.Version): file},
	}, nil
}

// credentials are those of a database: what a release before had, encrypted anew for the recipients of now, and new ones for the first.
// All secrets of the release can be opened: what runs must not wait for one that never can.
func (m Maker) credentials(k manifest.Key, owner int64, draft *decision.Draft) (string, error) {
	if m.Secrets != nil {
		if problems := secrets.Check(k, owner, draft.Project, m.Secrets); len(problems) > 0 {
			return "", problems
		}
	}
	if draft.Project.Type != manifest.Database || len(m.Recipients) == 0 {
		return draft.Credentials, nil
	}
	credentials := secret.NewCredentials(draft.Project.Engine, rand.Text())
	if draft.Credentials != "" {
		if m.Secrets == nil {
			return draft.Credentials, nil
		}
		var err error
		if credentials, err = secret.OpenCredentials(draft.Credentials, manifest.SecretAt(k, owner, ""), m.Secrets); err != nil {
			return "", err
		}
	}
	return credentials.Seal(manifest.SecretAt(k, owner, secret.CredentialsName), m.Recipients)
}

// encode signs a release and makes sure that it can be read back and would be honoured: else nobody should get to see it.
func (m Maker) encode(release *manifest.Release, k manifest.Key, owner int64) ([]byte, error) {
	file, err := manifest.EncodeRelease(release, k, owner, m.Signer)
	if err != nil {
		return nil, fmt.Errorf("writing release %s: %w", release.Metadata.Name, err)
	}
	if err := manifest.VerifyRelease(file, release, k, owner, m.PublicKeys); err != nil {
		return nil, fmt.Errorf("release %s would not be honoured: %w (keys.signingKeyFile in serve.yaml must hold a key of spec.releases.publicKeys in platform.yaml)",
			release.Metadata.Name, err)
	}
	if _, problems := manifest.ParseRelease(manifest.ReleaseFile(k, release.Version()), file); len(problems) > 0 {
		return nil, fmt.Errorf("release %s could not be read back: %w (this is a fault of Plateform; please report it)", release.Metadata.Name, problems.Err())
	}
	return file, nil
}

// buildRecord is what is worth keeping of the builds of a release; nil when nothing was built.
func buildRecord(builds []decision.Build) *manifest.BuildRecord {
	var record *manifest.BuildRecord
	for _, build := range builds {
		if build.Request.Reference != "" {
			continue
		}
		if record == nil {
			record = &manifest.BuildRecord{URL: build.Status.URL, Scan: build.Status.Scan, Reused: build.Status.Reused}
		}
		if build.Status.Reused == "" { // of several images, at least this one was built
			record.Reused = ""
		}
		record.Seconds = max(record.Seconds, build.Status.Seconds)
	}
	return record
}

// Cause is what can be told of why a release is made from the release alone, when nobody is known who asked. base is the one
// that runs, nil for none; head is the config repository's.
func Cause(d decision.Draft, base *manifest.Release, head string) manifest.Cause {
	if base == nil {
		return manifest.Cause{Kind: manifest.CauseConfig, Commit: head, Config: head}
	}
	for _, image := range d.Images {
		if before, found := base.Image(image.Name); found && before.Commit != image.Commit && image.Commit != "" {
			return manifest.Cause{Kind: manifest.CauseSource, Commit: image.Commit, Config: head}
		}
	}
	kind := manifest.CauseConfig
	if d.Parts[manifest.PartProject] == base.Spec.Parts[manifest.PartProject] {
		kind = manifest.CausePlatform
	}
	return manifest.Cause{Kind: kind, Commit: head, Config: head}
}
