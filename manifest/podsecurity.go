package manifest

import (
	"cmp"

	"github.com/Masterminds/semver/v3"
)

// The Pod Security Standards that a namespace may have.
const (
	// Restricted pods never run as root, and have no capabilities but that of a port below 1024.
	Restricted = "restricted"
	// Baseline is for images that start as root and drop to a user of their own.
	Baseline = "baseline"
)

// hardened is the first version of the charts of apps that keeps pods to a standard, and takes annotations of Ingresses.
const hardened = "1.1.0"

// PodSecurities are the Pod Security Standards that a workspace may name.
func PodSecurities() []string { return []string{Restricted, Baseline} }

// isHardened says that a chart of apps can keep its pods to a standard. The first ones gave all of them what images that start
// as root need.
func isHardened(chart Chart) bool {
	version, err := semver.StrictNewVersion(chart.Version)
	return err != nil || !version.LessThan(semver.MustParse(hardened))
}

// podSecurityOf is the standard that the pods of an app are kept to; empty where its chart knows of none.
func podSecurityOf(in PlatformInputs) string {
	if !isHardened(in.Chart) {
		return ""
	}
	return cmp.Or(in.PodSecurity, Restricted)
}
