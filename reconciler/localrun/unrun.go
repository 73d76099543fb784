package localrun

import (
	"strings"

	"github.com/plateform/plateform/manifest"
)

// Unrun says what people wrote of a project that does not happen on one machine; empty when everything does.
func Unrun(spec manifest.ProjectSpec) string {
	var not []string
	if spec.Release != nil {
		not = append(not, "its release command")
	}
	if n := len(spec.Workers); n > 0 {
		not = append(not, "its "+manifest.Count(n, "worker"))
	}
	if n := len(spec.Cron); n > 0 {
		not = append(not, "its "+manifest.Count(n, "cron job"))
	}
	switch last := len(not) - 1; {
	case last > 0:
		return "engine local does not run " + strings.Join(not[:last], ", ") + " and " + not[last] + ": a cluster does"
	case last == 0:
		return "engine local does not run " + not[0] + ": a cluster does"
	case spec.Backup != nil:
		return "engine local makes no backups: a cluster does"
	}
	return ""
}
