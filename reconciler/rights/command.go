package rights

import (
	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Project judges what somebody asks Plateform to do with a project, as of a commit: what, as in "roll it back", is for those who may
// change the project.
func Project(reader reconciler.Reader, base string, k manifest.Key, what string, who ...Person) (manifest.Problems, error) {
	if len(who) == 0 {
		who = []Person{{}}
	}
	c := &check{reader: reader, base: base, head: base, people: who, tenants: map[string]*tenant{}}
	if err := c.readPlatform(); err != nil {
		return nil, err
	}
	err := c.demand(demand{file: manifest.ProjectFile(k), need: developers, workspace: k.Workspace, what: what})
	return c.problems, err
}
