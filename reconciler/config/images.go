package config

import (
	"strings"

	"github.com/plateform/plateform/manifest"
)

// ImageName is the image that a source part makes: app, or the service's name.
func ImageName(part string) string {
	if _, service, several := strings.Cut(part, "/"); several {
		return service
	}
	return manifest.AppImage
}

// ReadReleases reads release files of a project as they are at a commit, without those that are not honoured.
func (c *Catalog) ReadReleases(commit string, k manifest.Key, files []ReleaseFile) (releases []*manifest.Release, err error) {
	for _, file := range files {
		release, problems, err := c.ReadRelease(commit, k, file, nil)
		if err != nil {
			return nil, err
		}
		if len(problems) == 0 {
			releases = append(releases, release)
		}
	}
	return releases, nil
}

// ReleaseImages are the images of a project's release files, by the key of their source part.
func ReleaseImages(c *Catalog, v *View) (map[string]manifest.Image, error) {
	images := map[string]manifest.Image{}
	for _, file := range v.Releases {
		release, problems, err := c.ReadRelease(c.Commit, v.Key, file, nil)
		if err != nil {
			return nil, err
		}
		if len(problems) > 0 {
			continue
		}
		for part, key := range release.Spec.Parts {
			if image, found := release.Image(ImageName(part)); found && strings.HasPrefix(part, manifest.PartSource) {
				images[key] = image
			}
		}
	}
	return images, nil
}
