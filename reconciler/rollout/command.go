package rollout

import "github.com/plateform/plateform/manifest"

// IsBehind says that a release is not newer than another one: its command is not run, as what it does was done, or was taken further
// since. Both are as they are written.
func IsBehind(release, other string) bool {
	a, errA := manifest.ParseVersion(release)
	b, errB := manifest.ParseVersion(other)
	return errA == nil && errB == nil && a.Compare(b) <= 0
}

// Later is the newer one of two releases.
func Later(a, b string) string {
	if IsBehind(a, b) || a == "" {
		return b
	}
	return a
}
