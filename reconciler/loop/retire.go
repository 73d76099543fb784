package loop

import (
	"fmt"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// keepReleases is how many release files a project keeps when platform.yaml does not say.
const keepReleases = 50

// retire removes the release files that are more than are kept, all in one commit. The newest that is honoured stays
// whatever its place, and so do those that are released right now, which are not there yet.
func (rl *releases) retire(ready []*project) []manifest.Edit {
	coming := map[manifest.Key]int{}
	for _, p := range ready {
		coming[p.key] = 1
	}
	edit := manifest.Edit{Author: reconciler.Author(rl.now()), Files: map[string][]byte{}}
	projects := map[string]bool{}
	for _, k := range rl.projects.dirtyKeys() {
		for _, file := range rl.surplus(rl.view(k), coming[k]) {
			edit.Files[manifest.ReleaseFile(k, file.Version)] = nil
			projects[k.String()] = true
		}
	}
	if len(edit.Files) == 0 {
		return nil
	}
	subject := fmt.Sprintf("Remove %s of %s", manifest.Count(len(edit.Files), "old release file"), few(projects))
	edit.Message = manifest.FormatMessage(subject, nil)
	return []manifest.Edit{edit}
}

// surplus are the oldest release files of a project beyond those that are kept.
func (rl *releases) surplus(v *config.View, coming int) []config.ReleaseFile {
	keep := rl.catalog.Platform.Spec.Releases.Keep
	if keep <= 0 {
		keep = keepReleases
	}
	if !v.Present {
		return nil
	}
	var old []config.ReleaseFile
	for i := 0; i < len(v.Releases)+coming-keep && i < len(v.Releases); i++ {
		if v.Releases[i].Version.Compare(v.NewestVersion()) >= 0 && coming == 0 {
			break
		}
		old = append(old, v.Releases[i])
	}
	return old
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
