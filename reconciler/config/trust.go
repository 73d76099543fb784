package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/signing"
	"github.com/plateform/plateform/reconciler"
)

// Trust is whom the release files of a config repository have to be signed by and for, at one commit. It is for people who
// ask. A file that does not parse is no error here: signatures are then not checked, and Doubt says why.
type Trust struct {
	reader reconciler.Reader
	commit string
	keys   []signing.PublicKey
	doubt  string
	owners map[string]Owner // by workspace, those that were asked for
}

// Owner of a workspace.
type Owner struct {
	// ID of the owner, that signatures are made for.
	ID int64
	// Doubt says why signatures are not checked; empty when they are.
	Doubt string
}

// ReadTrust reads platform.yaml. A repository without it is an ErrNoConfig.
func ReadTrust(reader reconciler.Reader, commit string) (*Trust, error) {
	t := &Trust{reader: reader, commit: commit, owners: map[string]Owner{}}
	data, err := reader.Read(commit, manifest.PlatformFile)
	if err != nil {
		return nil, noConfig(commit, err)
	}
	platform, problems := manifest.ParsePlatform(manifest.PlatformFile, data)
	if platform == nil {
		t.doubt = doubtful(problems[0])
		return t, nil
	}
	t.keys = PublicKeys(platform)
	return t, nil
}

// Honoured reads the release file of a project at a commit; nil when there is none that one of the keys signed for whom the workspace
// belonged to then. Without keys its checksum has to fit.
func Honoured(reader reconciler.Reader, commit string, k manifest.Key, v manifest.Version, keys []signing.PublicKey) (*manifest.Release, error) {
	file := manifest.ReleaseFile(k, v)
	data, err := reader.Read(commit, file)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	release, problems := manifest.ParseRelease(file, data)
	if len(problems) > 0 {
		return nil, nil
	}
	owner, err := (&Trust{reader: reader, commit: commit, owners: map[string]Owner{}}).Owner(k.Workspace)
	if err != nil || manifest.VerifyRelease(data, release, k, owner.ID, keys) != nil {
		return nil, err
	}
	return release, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func doubtful(p manifest.Problem) string {
	return "signatures are not checked, because of " + p.String()
}

// Owner finds out who owns a workspace.
func (t *Trust) Owner(workspace string) (Owner, error) {
	if o, known := t.owners[workspace]; known {
		return o, nil
	}
	o := Owner{Doubt: t.doubt}
	file := manifest.WorkspaceFile(workspace)
	data, err := t.reader.Read(t.commit, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.Doubt = doubtful(manifest.Problem{File: file, What: "the file is not there", Fix: "bring it back"})
	case err != nil:
		return o, err
	default:
		parsed, problems := manifest.ParseWorkspace(file, data)
		if parsed == nil {
			o.Doubt = doubtful(problems[0])
		} else {
			o.ID = parsed.Spec.Owner.ID
		}
	}
	t.owners[workspace] = o
	return o, nil
}

// Releases are the release files of one project at one commit of the config repository.
type Releases struct {
	trust *Trust
	key   manifest.Key
	// Versions that have a file, the newest first.
	Versions []manifest.Version
}

// Releases finds the release files of a project. A project that is not there is refused.
func (t *Trust) Releases(key manifest.Key) (*Releases, error) {
	if err := MustHave(t.reader, t.commit, key); err != nil {
		return nil, err
	}
	versions, err := VersionsAt(t.reader, t.commit, key)
	return &Releases{trust: t, key: key, Versions: versions}, err
}

// VersionsAt lists the versions of a project that have a release file at a commit, the newest first.
func VersionsAt(reader reconciler.Reader, commit string, key manifest.Key) ([]manifest.Version, error) {
	entries, err := reader.List(commit, manifest.ReleasesDir(key))
	if err != nil {
		return nil, err
	}
	var versions []manifest.Version
	for _, e := range entries {
		if v, ok := manifest.ReleaseVersion(e.Name); ok && !e.Dir {
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, func(a, b manifest.Version) int { return b.Compare(a) })
	return versions, nil
}

// Read returns a release and checks its signature.
func (r *Releases) Read(v manifest.Version) (*manifest.Release, error) {
	file := manifest.ReleaseFile(r.key, v)
	data, err := r.trust.reader.Read(r.trust.commit, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Refuse("%s has no release %s (there are: %s)", r.key, v, ListVersions(r.Versions))
	}
	if err != nil {
		return nil, err
	}
	release, problems := manifest.ParseRelease(file, data)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	owner, err := r.trust.Owner(r.key.Workspace)
	if err != nil || owner.Doubt != "" {
		return release, err
	}
	if err := manifest.VerifyRelease(data, release, r.key, owner.ID, r.trust.keys); err != nil {
		return nil, Refuse("%s: %w", file, err)
	}
	return release, nil
}

// Newest returns the newest release that is honoured, and why newer ones are not; nil when there is none.
func (r *Releases) Newest() (*manifest.Release, []string) {
	var refused []string
	for _, v := range r.Versions {
		release, err := r.Read(v)
		if err == nil {
			return release, refused
		}
		refused = append(refused, err.Error())
	}
	return nil, refused
}

// ListVersions names the newest of some versions for a message. They are sorted, the newest first.
func ListVersions(versions []manifest.Version) string {
	const most = 5
	if len(versions) == 0 {
		return "none"
	}
	var names []string
	for _, v := range versions[:min(most, len(versions))] {
		names = append(names, v.String())
	}
	if len(versions) > most {
		names = append(names, fmt.Sprintf("and %d older", len(versions)-most))
	}
	return strings.Join(names, ", ")
}
