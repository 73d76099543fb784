package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
	"github.com/plateform/plateform/reconciler/config"
)

// scope is the part of the config repository that a change can concern: what is read follows the change, not the size of
// the platform.
type scope struct {
	// everything is in it: the change touches the platform, or there is nothing to compare with.
	everything bool
	workspaces map[string]bool
}

// scopeOf is what changes touch themselves.
func scopeOf(changes []manifest.Change) scope {
	s := scope{workspaces: map[string]bool{}}
	for _, change := range changes {
		if change.Path == manifest.PlatformFile || change.Path == manifest.WorkspacesDir {
			s.everything = true
		}
		if name, ok := manifest.WorkspaceOf(change.Path); ok {
			s.workspaces[name] = true
		}
	}
	return s
}

func (s scope) has(path string) bool {
	name, below := manifest.WorkspaceOf(path)
	return s.everything || !below || s.workspaces[name]
}

// within leaves out what is not in the scope.
func (s scope) within(changes []manifest.Change) []manifest.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(change manifest.Change) bool { return !s.has(change.Path) })
}

// load makes a catalog of what is in scope at a commit; "" is before the first.
func (s scope) load(reader reconciler.Reader, charts reconciler.Charts, commit string) (*config.Catalog, error) {
	c := config.NewCatalog(reader, charts)
	if commit == "" {
		return c, nil
	}
	if s.everything {
		_, err := c.Advance(commit)
		return c, err
	}
	files, err := s.files(reader, commit)
	if err != nil {
		return nil, err
	}
	_, err = c.Step(commit, files)
	return c, err
}

// step takes in what differs at another commit, as far as it is in scope.
func (s scope) step(c *config.Catalog, to string) (config.Step, error) {
	if s.everything {
		return c.Advance(to)
	}
	changes, err := c.Reader.Diff(c.Commit, to)
	if err != nil {
		return config.Step{}, fmt.Errorf("comparing config commits %.10s and %.10s: %w", c.Commit, to, err)
	}
	return c.Step(to, s.within(changes))
}

// files lists platform.yaml and all files of the workspaces in scope, as if they were new.
func (s scope) files(reader reconciler.Reader, commit string) ([]manifest.Change, error) {
	root, err := reader.List(commit, "")
	if err != nil {
		return nil, fmt.Errorf("listing config commit %.10s: %w", commit, err)
	}
	var files []manifest.Change
	for _, e := range root {
		if e.Name == manifest.PlatformFile && !e.Dir {
			files = append(files, manifest.Change{Path: e.Name, After: e.Hash})
		}
	}
	for _, workspace := range slices.Sorted(maps.Keys(s.workspaces)) {
		if files, err = filesBelow(reader, commit, manifest.WorkspacesDir+"/"+workspace, files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// filesBelow adds all files of a folder.
func filesBelow(reader reconciler.Reader, commit, dir string, files []manifest.Change) ([]manifest.Change, error) {
	entries, err := reader.List(commit, dir)
	if err != nil {
		return nil, fmt.Errorf("listing %s at config commit %.10s: %w", dir, commit, err)
	}
	for _, e := range entries {
		path := dir + "/" + e.Name
		if !e.Dir {
			files = append(files, manifest.Change{Path: path, After: e.Hash})
			continue
		}
		if files, err = filesBelow(reader, commit, path, files); err != nil {
			return nil, err
		}
	}
	return files, nil
}
