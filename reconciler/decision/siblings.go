package decision

import (
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/repourl"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// maxSiblings bounds how many repositories are asked for an image before one is built.
const maxSiblings = 8

// Siblings are the repositories of other images of the workspace whose source is in the same Git repository as that of a build, in the
// order of the projects.
func Siblings(c *config.Catalog, request reconciler.BuildRequest) (repositories []string) {
	if request.Reference != "" {
		return nil
	}
	of := repourl.News(request.Repository)
	for _, other := range c.In(request.Key.Workspace) {
		view := c.View(other)
		if view == nil || !view.Present || !view.Parsed {
			continue
		}
		for _, input := range manifest.SourceInputs(view.Spec) {
			repository := Destination(view, input)
			same := input.Reference == "" && repourl.News(input.Source.Repository) == of
			if same && repository != request.Destination && len(repositories) < maxSiblings {
				repositories = append(repositories, repository)
			}
		}
	}
	return repositories
}
