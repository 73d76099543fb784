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

// admit leaves out what must not be read: files in folders whose names are not allowed, and whatever is behind a symbolic
// link that stands where a folder belongs. Such a link deletes nothing: what was in the folder counts as it was at the commit
// before the link, and is read from there. admit returns the changes to take in, and the folders that were replaced by a link
// or that have replaced one.
func (a *advance) admit(changes []manifest.Change) (admitted []manifest.Change, linked []string, err error) {
	for _, change := range changes {
		_, was := a.links[change.Path]
		if !change.Special && !was || !isFolder(change.Path) {
			continue
		}
		linked = append(linked, change.Path)
		if !change.Special {
			delete(a.links, change.Path)
			delete(a.problems, change.Path)
			continue
		}
		if !was {
			if a.links[change.Path], err = a.lastFolder(change.Path); err != nil {
				return nil, nil, err
			}
		}
		a.problems[change.Path] = manifest.Problems{manifest.LinkProblem(change.Path)}
	}
	admitted = make([]manifest.Change, 0, len(changes))
	for _, change := range changes {
		f, ok := manifest.FileOf(change.Path)
		if !ok || change.After == "" && a.linkAbove(change.Path) != "" || a.refuseFolders(change, f) {
			continue
		}
		admitted = append(admitted, change)
	}
	for _, folder := range linked {
		more, err := a.behind(folder, changes)
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

// refuseFolders reports a file in a folder whose name no workspace or project may have.
func (a *advance) refuseFolders(change manifest.Change, f manifest.File) bool {
	problems := manifest.CheckFolders(change.Path, f.Key)
	if len(problems) == 0 {
		return false
	}
	if change.After == "" {
		problems = nil
	}
	a.setProblems(change.Path, problems)
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

// read reads a file at a commit. A file behind a link is read as it was before the link. hash is the file's hash if it is
// known, or empty.
func (c *Catalog) read(commit, file, hash string) ([]byte, error) {
	data, err := reconciler.ReadFile(c.Reader, commit, file, hash)
	if errors.Is(err, fs.ErrNotExist) {
		if origin := c.links[c.linkAbove(file)]; origin != "" {
			return c.Reader.Read(origin, file)
		}
	}
	return data, err
}

// lastFolder returns the newest commit before another at which a path was a folder; empty when it never was, or not within
// Far commits.
func (a *advance) lastFolder(name string) (string, error) {
	if a.Commit != "" {
		return a.Commit, nil
	}
	hash := a.to
	for range Far {
		commit, err := a.Reader.Commit(hash)
		if err != nil {
			return "", fmt.Errorf("looking for what was at %s: %w", name, err)
		}
		if len(commit.Parents) == 0 {
			return "", nil
		}
		hash = commit.Parents[0]
		entries, err := a.Reader.List(hash, path.Dir(name))
		if err != nil {
			return "", fmt.Errorf("looking for what was at %s: %w", name, err)
		}
		if slices.ContainsFunc(entries, func(e manifest.Entry) bool { return e.Dir && e.Name == path.Base(name) }) {
			return hash, nil
		}
	}
	return "", nil
}

// behind returns the changes that a link at the place of a folder brings, beyond the difference between the two commits. For
// a process that starts after the folder was replaced, that is all that the folder held. When the link is gone again, it is
// the files that did not come back.
func (a *advance) behind(folder string, changes []manifest.Change) ([]manifest.Change, error) {
	if origin, linked := a.links[folder]; linked {
		if a.Commit != "" || origin == "" {
			return nil, nil
		}
		held, err := a.Reader.Diff("", origin)
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
	for _, file := range a.filesBelow(folder) {
		if !back[file] && a.linkAbove(file) == "" {
			gone = append(gone, manifest.Change{Path: file})
		}
	}
	return gone, nil
}

// filesBelow are the files of a folder that the catalog holds.
func (a *advance) filesBelow(folder string) []string {
	var files []string
	add := func(file string, there bool) {
		if there && strings.HasPrefix(file, folder+"/") {
			files = append(files, file)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Workspaces)) {
		add(manifest.WorkspaceFile(name), a.Workspaces[name].Present)
	}
	for _, k := range a.Keys() {
		e := a.Projects[k]
		add(manifest.ProjectFile(k), e.present)
		for _, release := range e.releases {
			add(manifest.ReleaseFile(k, release.Version), true)
		}
	}
	return files
}

// touchLinked notes which projects are concerned by links.
func (a *advance) touchLinked(linked []string) {
	for _, folder := range linked {
		for k := range a.Projects {
			if strings.HasPrefix(manifest.ReleasesDir(k)+"/", folder+"/") {
				a.touch.key(k)
			}
		}
	}
}

// linkProblems are the problems of links that hide something of a project.
func (c *Catalog) linkProblems(k manifest.Key) manifest.Problems {
	if link := c.linkAbove(manifest.ReleasesDir(k) + "/"); link != "" {
		return c.problems[link]
	}
	return nil
}
