package change

import (
	"fmt"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// Rollback says which releases of a project go, and which one runs then.
type Rollback struct {
	Key manifest.Key
	// To is the version that runs then.
	To manifest.Version
	// Withdrawn are the versions whose files go, the newest first. There is at least one.
	Withdrawn []manifest.Version
	// Release that runs then.
	Release *manifest.Release
	// Doubt says why its signature was not checked; empty when it was.
	Doubt string
}

// PlanRollback works out a rollback at one commit of the config repository. The zero version stands for the release
// before the newest. What cannot be done is refused.
func PlanRollback(reader reconciler.Reader, head string, key manifest.Key, to manifest.Version) (*Rollback, error) {
	trust, err := config.ReadTrust(reader, head)
	if err != nil {
		return nil, err
	}
	releases, err := trust.Releases(key)
	if err != nil {
		return nil, err
	}
	if to.IsZero() {
		if to, err = versionBefore(releases.Versions, key); err != nil {
			return nil, err
		}
	}
	r := &Rollback{Key: key, To: to}
	for _, v := range releases.Versions {
		if v.Compare(to) > 0 {
			r.Withdrawn = append(r.Withdrawn, v)
		}
	}
	if r.Release, err = releases.Read(to); err != nil {
		return nil, err
	}
	owner, err := trust.Owner(key.Workspace)
	if err != nil {
		return nil, err
	}
	r.Doubt = owner.Doubt
	if len(r.Withdrawn) == 0 {
		return nil, config.Refuse("%s is the newest release of %s already: nothing to roll back (see plateform status %s)", to, key, key)
	}
	return r, nil
}

// versionBefore is the version before the newest.
func versionBefore(versions []manifest.Version, key manifest.Key) (manifest.Version, error) {
	switch len(versions) {
	case 0:
		return manifest.Version{}, config.Refuse("%s has no release yet: there is nothing to roll back (see plateform status %s)", key, key)
	case 1:
		return manifest.Version{}, config.Refuse("%s is the only release of %s: there is nothing to go back to (to stop the project, delete %s)",
			versions[0], key, manifest.ProjectFile(key))
	}
	return versions[1], nil
}

// From is the version that runs until then.
func (r *Rollback) From() manifest.Version { return r.Withdrawn[0] }

// Edit is the commit that does it. The author is left to who commits.
func (r *Rollback) Edit() manifest.Edit {
	files := map[string][]byte{}
	names := make([]string, len(r.Withdrawn))
	for i, v := range r.Withdrawn {
		files[manifest.ReleaseFile(r.Key, v)] = nil
		names[i] = v.String()
	}
	return manifest.Edit{
		Message: fmt.Sprintf("Roll back %s to %s\n\nWithdraws %s.\n", r.Key, r.To, strings.Join(names, ", ")),
		Files:   files,
	}
}
