package loop

import (
	"fmt"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/release"
)

// retire removes the release files that are more than are kept, all in one commit. The newest that is honoured stays
// whatever its place, as does what GitOps shows, which runs when newer ones are refused, and so do those that are released right now, which are not there yet.
func (rl *releases) retire(ready []*project) []manifest.Edit {
	coming := map[manifest.Key]int{}
	for _, p := range ready {
		coming[p.key] = 1
	}
	edit := manifest.Edit{Author: reconciler.Author(rl.now()), Files: map[string][]byte{}}
	projects := map[string]bool{}
	for _, k := range rl.projects.dirtyKeys() {
		for _, file := range release.Surplus(rl.view(k), rl.catalog.Platform.Spec.Releases.Keep, coming[k], rl.gitops.Project(k).Version()) {
			edit.Files[manifest.ReleaseFile(k, file.Version)] = nil
			projects[k.String()] = true
		}
	}
	if len(edit.Files) == 0 {
		return nil
	}
	subject := fmt.Sprintf("Remove %s of %s", manifest.Count(len(edit.Files), "old release file"), few(projects))
	edit.Message = manifest.FormatMessage(subject, nil)
	return []manifest.Edit{edit.Signed(rl.options.Signer)}
}

// few names one project, or says how many there are.
func few(projects map[string]bool) string {
	for name := range projects {
		if len(projects) == 1 {
			return name
		}
	}
	return manifest.Count(len(projects), "project")
}
