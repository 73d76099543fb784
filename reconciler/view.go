package reconciler

import (
	"maps"
	"slices"
	"strings"

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

// has says that the file of a version is there.
func (v *View) has(version manifest.Version) bool {
	return slices.ContainsFunc(v.Releases, func(f ReleaseFile) bool { return f.Version == version })
}

// highest is the highest version that has a file, honoured or not.
func (v *View) highest() manifest.Version {
	if len(v.Releases) == 0 {
		return manifest.Version{}
	}
	return v.Releases[len(v.Releases)-1].Version
}

// newestVersion is the version of the newest honoured release; zero when there is none.
func (v *View) newestVersion() manifest.Version { return versionOf(v.Newest) }

// versionOf is the version of a release; zero for nil. Release files are only honoured when their name is a version.
func versionOf(r *manifest.Release) manifest.Version {
	if r == nil {
		return manifest.Version{}
	}
	version, err := manifest.ParseVersion(r.Metadata.Name)
	if err != nil {
		return manifest.Version{}
	}
	return version
}

// headKeys are the keys of a project's parts as the view has them. base is the release that runs. A source whose place
// nobody has looked at yet counts as unchanged when nothing of it was edited, which is an assumption, and is left out
// else. With autoDeploy off a source counts as unchanged until it is edited or a retry asks for it.
func headKeys(v *View, base *manifest.Release, retry bool, tips map[string]Tip) (keys manifest.Parts, assumed map[string]bool) {
	if !v.Parsed {
		return nil, nil
	}
	keys = manifest.Parts{
		manifest.PartProject:  manifest.ProjectKey(v.Spec),
		manifest.PartPlatform: manifest.PlatformKey(v.Inputs),
	}
	for _, input := range manifest.SourceInputs(v.Spec) {
		tip, seen := tips[input.Part]
		switch unedited := uneditedKey(input, base); {
		case input.Reference != "":
			keys[input.Part] = input.Key(input.ReferenceID())
		case input.Source.Revision != "" && input.Source.Path == "":
			keys[input.Part] = input.Key(manifest.SourceID(input.Source.Revision, ""))
		case unedited != "" && !followed(input) && !retry:
			keys[input.Part] = unedited
		case seen:
			keys[input.Part] = input.Key(manifest.SourceID(tip.Commit, tip.Tree))
		case unedited != "":
			keys[input.Part] = unedited
			if assumed == nil {
				assumed = map[string]bool{}
			}
			assumed[input.Part] = true
		}
	}
	return keys, assumed
}

// knownKeys are the head keys without those that are assumed. A source is where its branch is, followed or not: what is
// held stays held whatever becomes of autoDeploy.
func knownKeys(v *View, base *manifest.Release, tips map[string]Tip) manifest.Parts {
	keys, assumed := headKeys(v, base, true, tips)
	maps.DeleteFunc(keys, func(part, _ string) bool { return assumed[part] })
	return keys
}

// followed says that a push to the source makes a release by itself.
func followed(input manifest.SourceInput) bool {
	return input.Source.AutoDeploy == nil || *input.Source.AutoDeploy || input.Source.Revision != ""
}

// uneditedKey is the key the running release has for a source, when the settings at HEAD give the same key for the same
// code; empty when they were edited. A pinned revision that differs from the running commit is an edit.
func uneditedKey(input manifest.SourceInput, base *manifest.Release) string {
	if base == nil {
		return ""
	}
	image, found := imageOf(base, input.Image)
	if !found || image.Commit == "" {
		return ""
	}
	if input.Source.Revision != "" && input.Source.Revision != image.Commit || branchEdited(input, base) {
		return ""
	}
	tree := image.Tree
	if input.Source.Path == "" {
		tree = ""
	}
	key := input.Key(manifest.SourceID(image.Commit, tree))
	if key != base.Spec.Parts[input.Part] {
		return ""
	}
	return key
}

// branchEdited says that the source follows another branch than it did for the base.
func branchEdited(input manifest.SourceInput, base *manifest.Release) bool {
	return !slices.ContainsFunc(manifest.SourceInputs(base.Spec.Project), func(before manifest.SourceInput) bool {
		return before.Part == input.Part && before.Source.Branch == input.Source.Branch
	})
}

func imageOf(r *manifest.Release, name string) (manifest.Image, bool) {
	i := slices.IndexFunc(r.Spec.Images, func(image manifest.Image) bool { return image.Name == name })
	if i < 0 {
		return manifest.Image{}, false
	}
	return r.Spec.Images[i], true
}

// imageName is the image that a source part makes: app, or the service's name.
func imageName(part string) string {
	if _, service, several := strings.Cut(part, "/"); several {
		return service
	}
	return manifest.AppImage
}
