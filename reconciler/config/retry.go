package config

import (
	"strings"

	"github.com/plateform/plateform/manifest"
)

// Retries are the projects that a config commit asks to try again.
func Retries(c manifest.Commit) []manifest.Key {
	var keys []manifest.Key
	for _, trailer := range manifest.Trailers(c.Message) {
		workspace, project, ok := strings.Cut(trailer.Value, "/")
		if trailer.Key == manifest.TrailerRetry && ok {
			keys = append(keys, manifest.Key{Workspace: workspace, Project: project})
		}
	}
	return keys
}
