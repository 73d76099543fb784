package reconciler

import (
	"strings"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Author of all of Plateform's commits.
func Author(now time.Time) manifest.Signature {
	return manifest.Signature{Name: "Plateform", Email: "plateform@users.noreply.github.com", When: now}
}

// ContextOf is the name of a project's reports.
func ContextOf(k manifest.Key) string { return "plateform/" + k.String() }

// KeyOfContext is the project that reports of a name are about.
func KeyOfContext(context string) (manifest.Key, bool) {
	workspace, project, ok := strings.Cut(strings.TrimPrefix(context, "plateform/"), "/")
	return manifest.Key{Workspace: workspace, Project: project}, ok
}

// configContext is the name of the reports about the config repository itself.
const ConfigContext = "plateform/config"
