package reconciler

import "github.com/plateform/plateform/manifest"

// Charts knows the Helm charts that this binary carries.
type Charts interface {
	// Chart returns the chart of a type in a version; the newest when version is empty.
	Chart(t manifest.ProjectType, version string) (manifest.Chart, error)
	// Files returns the files of a chart by path inside its folder.
	Files(c manifest.Chart) (map[string][]byte, error)
}
