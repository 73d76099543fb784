package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// admit sorts out what no file should be taken from: folders with names that nobody can mean, and links where a folder
// belongs. A link hides what was below it but deletes nothing: it stays as it was at the commit before, and is read from
// there. Admit returns the changes to take in, and the folders that a link was put in the place of or taken away from.
func (c *Catalog) admit(to string, changes []manifest.Change) (admitted []manifest.Change, linked []string, err error) {
	for _, change := range changes {
		_, was := c.links[change.Path]
		if !change.Special && !was || !isFolder(change.Path) {
			continue
		}
		linked = append(linked, change.Path)
		if !change.Special {
			delete(c.links, change.Path)
			delete(c.problems, change.Path)
			continue
		}
		if !was {
			if c.links[change.Path], err = c.lastFolder(to, change.Path); err != nil {
				return nil, nil, err
			}
		}
		c.problems[change.Path] = manifest.Problems{manifest.LinkProblem(change.Path)}
	}
	admitted = make([]manifest.Change, 0, len(changes))
	for _, change := range changes {
		f, ok := manifest.FileOf(change.Path)
		if !ok || change.After == "" && c.linkAbove(change.Path) != "" || c.refuseFolders(change, f) {
			continue
		}
		admitted = append(admitted, change)
	}
	for _, folder := range linked {
		more, err := c.behind(folder, changes)
		if err != nil {
			return nil, nil, err
		}
		admitted = append(admitted, more...)
	}
	return admitted, linked, nil
}

// isFolder says that there should be a folder at a path of the config repository.
func isFolder(name string) bool {
	parts := strings.Split(name, "/")
	return parts[0] == manifest.WorkspacesDir && len(parts) > 1 &&
		(len(parts) < 3 || parts[2] == "projects") && (len(parts) < 5 || len(parts) == 5 && parts[4] == "releases")
}

// refuseFolders tells of a file in folders that no workspace or project may be called like.
func (c *Catalog) refuseFolders(change manifest.Change, f manifest.File) bool {
	problems := manifest.CheckFolders(change.Path, f.Key)
	if len(problems) == 0 {
		return false
	}
	if change.After == "" {
		problems = nil
	}
	c.setProblems(change.Path, problems)
	return true
}

// linkAbove returns the link that stands for a folder above a path; empty when there is none.
func (c *Catalog) linkAbove(name string) string {
	if len(c.links) == 0 {
		return ""
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, linked := c.links[dir]; linked {
			return dir
		}
	}
	return ""
}

// read reads a file at a commit; what is behind a link as it was before that. hash is what it is known to have, or empty.
func (c *Catalog) read(commit, file, hash string) ([]byte, error) {
	data, err := reconciler.ReadFile(c.Reader, commit, file, hash)
	if errors.Is(err, fs.ErrNotExist) {
		if origin := c.links[c.linkAbove(file)]; origin != "" {
			return c.Reader.Read(origin, file)
		}
	}
	return data, err
}

// lastFolder returns the newest commit before another at which a path was a folder; empty when it never was.
func (c *Catalog) lastFolder(to, name string) (string, error) {
	if c.Commit != "" {
		return c.Commit, nil
	}
	for hash := to; ; {
		commit, err := c.Reader.Commit(hash)
		if err != nil {
			return "", fmt.Errorf("looking for what was at %s: %w", name, err)
		}
		if len(commit.Parents) == 0 {
			return "", nil
		}
		hash = commit.Parents[0]
		entries, err := c.Reader.List(hash, path.Dir(name))
		if err != nil {
			return "", fmt.Errorf("looking for what was at %s: %w", name, err)
		}
		if slices.ContainsFunc(entries, func(e manifest.Entry) bool { return e.Dir && e.Name == path.Base(name) }) {
			return hash, nil
		}
	}
}

// behind returns what there is to take in at a folder that a link was put in the place of or taken away from, beyond what
// differs: for a process that was not there to see the folder all that it held, and once the link is gone the files that
// did not come back.
func (c *Catalog) behind(folder string, changes []manifest.Change) ([]manifest.Change, error) {
	if origin, linked := c.links[folder]; linked {
		if c.Commit != "" || origin == "" {
			return nil, nil
		}
		held, err := c.Reader.Diff("", origin)
		if err != nil {
			return nil, fmt.Errorf("listing what was at %s: %w", folder, err)
		}
		return slices.DeleteFunc(held, func(change manifest.Change) bool {
			return change.Special || !strings.HasPrefix(change.Path, folder+"/")
		}), nil
	}
	back := map[string]bool{}
	for _, change := range changes {
		back[change.Path] = true
	}
	var gone []manifest.Change
	for _, file := range c.filesBelow(folder) {
		if !back[file] && c.linkAbove(file) == "" {
			gone = append(gone, manifest.Change{Path: file})
		}
	}
	return gone, nil
}

// filesBelow are the files of a folder that the catalog holds.
func (c *Catalog) filesBelow(folder string) []string {
	var files []string
	add := func(file string, there bool) {
		if there && strings.HasPrefix(file, folder+"/") {
			files = append(files, file)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Workspaces)) {
		add(manifest.WorkspaceFile(name), c.Workspaces[name].Present)
	}
	for _, k := range c.Keys() {
		e := c.Projects[k]
		add(manifest.ProjectFile(k), e.present)
		for _, release := range e.releases {
			add(manifest.ReleaseFile(k, release.Version), true)
		}
	}
	return files
}

// touchLinked notes whom links concern.
func (c *Catalog) touchLinked(t *touch, linked []string) {
	for _, folder := range linked {
		for k := range c.Projects {
			if strings.HasPrefix(manifest.ReleasesDir(k)+"/", folder+"/") {
				t.key(k)
			}
		}
	}
}

// linkProblems tell of the links that hide something of a project.
func (c *Catalog) linkProblems(k manifest.Key) manifest.Problems {
	if link := c.linkAbove(manifest.ReleasesDir(k) + "/"); link != "" {
		return c.problems[link]
	}
	return nil
}
