package release

import (
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/config"
)

// DefaultKeep is how many release files a project keeps when platform.yaml does not say.
const DefaultKeep = 50

// Surplus are the oldest release files of a project beyond those that are kept, 0 being DefaultKeep, when some more are about to
// be made. The newest that is honoured stays whatever its place, unless one takes its place.
func Surplus(v *config.View, keep, coming int, shown manifest.Version) []config.ReleaseFile {
	if keep <= 0 {
		keep = DefaultKeep
	}
	if !v.Present {
		return nil
	}
	var old []config.ReleaseFile
	for i := 0; i < len(v.Releases)+coming-keep && i < len(v.Releases); i++ {
		if v.Releases[i].Version.Compare(v.NewestVersion()) >= 0 && coming == 0 {
			break
		}
		if v.Releases[i].Version != shown {
			old = append(old, v.Releases[i])
		}
	}
	return old
}
