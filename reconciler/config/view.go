package config

import (
	"slices"

	"github.com/plateform/plateform/manifest"
)

// View is what the config repository says of one project at one commit. Views are never changed once made.
type View struct {
	Key manifest.Key
	// Present says that project.yaml is there, readable or not.
	Present bool
	// Parsed says that the fields below up to Inputs are set: from this commit or, when the file does not parse here, from
	// the last commit where it did.
	Parsed bool
	Spec   manifest.ProjectSpec
	// Owner id of the workspace.
	Owner int64
	// Inputs are what the project uses of platform.yaml and workspace.yaml.
	Inputs manifest.PlatformInputs
	// Registry that images are pushed to.
	Registry string
	// Scan is the policy for images that are built.
	Scan manifest.ScanPolicy
	// Forbidden are the repositories of sources that the platform does not allow: they are not even asked.
	Forbidden []string
	// Problems that keep anything new from being released; what runs is not touched by them.
	Problems manifest.Problems
	// Releases whose files are there, oldest first, honoured or not.
	Releases []ReleaseFile
	// Newest release that is honoured; nil when there is none.
	Newest *manifest.Release
	// Refused says why release files above Newest are not honoured.
	Refused manifest.Problems
}

// ReleaseFile is one release file of a project.
type ReleaseFile struct {
	Version manifest.Version
	// Hash of the blob.
	Hash string
	// Link says that there is a link, which cannot be read.
	Link bool
}

// Has says that the file of a version is there.
func (v *View) Has(version manifest.Version) bool {
	return slices.ContainsFunc(v.Releases, func(f ReleaseFile) bool { return f.Version == version })
}

// Highest is the highest version that has a file, honoured or not.
func (v *View) Highest() manifest.Version {
	if len(v.Releases) == 0 {
		return manifest.Version{}
	}
	return v.Releases[len(v.Releases)-1].Version
}

// NewestVersion is the version of the newest honoured release; zero when there is none.
func (v *View) NewestVersion() manifest.Version { return v.Newest.Version() }
