package rights

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/manifest/repourl"
)

// projectFile judges a change of a project.yaml, and asks about the repositories that are new in it. One that cannot be read
// is built by nobody, and when it can be read again all of them are new.
func (c *check) projectFile(change manifest.Change, k manifest.Key) error {
	if err := c.demand(demand{file: change.Path, need: developers, workspace: k.Workspace, what: verbOf(change) + " a project"}); err != nil {
		return err
	}
	if change.After == "" {
		return nil
	}
	data, err := c.atHead(change)
	if err != nil {
		return err
	}
	parsed, problems := manifest.ParseProject(change.Path, data)
	if len(problems) > 0 {
		return nil
	}
	known := map[string]bool{}
	if change.Before != "" {
		if known, err = c.repositoriesAtBase(change.Path); err != nil {
			return err
		}
	}
	for _, named := range repositories(parsed.Spec) {
		if known[repourl.ID(named.repository)] {
			continue
		}
		at := manifest.Locate(change.Path, data, manifest.Problems{{File: change.Path, Field: named.field}})[0]
		c.sources = append(c.sources, SourceQuestion{Repository: named.repository, File: change.Path, Line: at.Line, Column: at.Column, Field: named.field})
	}
	return nil
}

// repositoriesAtBase are the repositories that a project is made from at the base; none when it cannot be read.
func (c *check) repositoriesAtBase(file string) (map[string]bool, error) {
	known := map[string]bool{}
	data, err := c.atBase(file)
	if errors.Is(err, fs.ErrNotExist) { // a link stood there
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	parsed, problems := manifest.ParseProject(file, data)
	if len(problems) > 0 {
		return known, nil
	}
	for _, named := range repositories(parsed.Spec) {
		known[repourl.ID(named.repository)] = true
	}
	return known, nil
}

// namedRepository is a repository, and the field that names it.
type namedRepository struct{ repository, field string }

// repositories are all that a project names, whether its type uses them or not.
func repositories(spec manifest.ProjectSpec) []namedRepository {
	var all []namedRepository
	if spec.Source != nil {
		all = append(all, namedRepository{spec.Source.Repository, "spec.source.repository"})
	}
	for i, service := range spec.Services {
		if service.Source != nil {
			all = append(all, namedRepository{service.Source.Repository, fmt.Sprintf("spec.services[%d].source.repository", i)})
		}
	}
	return all
}
