package config

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler"
)

// Far is how many commits back it pays to look for the one that asked for something.
const Far = 1000

// History answers questions about single commits of the config repository, and about the newest of them. Nothing is looked
// for further back than Far commits.
type History struct{ reconciler.Reader }

// FirstParents are a commit and those before it along the first parents, newest first, at most Far of them.
func (h History) FirstParents(hash string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for range Far {
			if hash == "" || !yield(hash) {
				return
			}
			commit, err := h.Commit(hash)
			if hash = ""; err == nil && len(commit.Parents) > 0 {
				hash = commit.Parents[0]
			}
		}
	}
}

// End is the commit behind which the history that leads to another was cut, along the first parents; empty when it is whole.
func (h History) End(hash string) string {
	for {
		commit, err := h.Commit(hash)
		switch {
		case err != nil:
			return ""
		case len(commit.Cut) > 0:
			return hash
		case len(commit.Parents) == 0:
			return ""
		}
		hash = commit.Parents[0]
	}
}

// Touches says that a commit changed a file, or something below a folder. The first commit of all changes nothing.
func (h History) Touches(hash, name string) (commit manifest.Commit, touched bool, err error) {
	commit, err = h.Commit(hash)
	if err != nil {
		return commit, false, fmt.Errorf("reading config commit %.10s: %w", hash, err)
	}
	if len(commit.Parents) == 0 {
		return commit, false, nil
	}
	changes, err := h.Diff(commit.Parents[0], hash)
	if err != nil {
		return commit, false, fmt.Errorf("comparing config commits %.10s and %.10s: %w", commit.Parents[0], hash, err)
	}
	return commit, slices.ContainsFunc(changes, func(change manifest.Change) bool {
		return change.Path == name || strings.HasPrefix(change.Path, name+"/")
	}), nil
}

// LastEdit is the newest commit up to one that changed a project's file; that commit itself when none is found.
func (h History) LastEdit(head string, k manifest.Key) string {
	file := manifest.ProjectFile(k)
	after, err := h.hashAt(head, file)
	for hash := range h.FirstParents(head) {
		if err != nil {
			break
		}
		commit, commitErr := h.Commit(hash)
		if commitErr != nil || len(commit.Parents) == 0 {
			return hash
		}
		before, err := h.hashAt(commit.Parents[0], file)
		if err != nil || before != after {
			return hash
		}
	}
	return head
}

// LastEdits are the newest commits up to one that changed the files of projects, found in one walk; a project whose file none
// of them changed is left out.
func (h History) LastEdits(head string, keys []manifest.Key) (map[manifest.Key]string, error) {
	files := map[string]manifest.Key{}
	for _, k := range keys {
		files[manifest.ProjectFile(k)] = k
	}
	edits := map[manifest.Key]string{}
	for hash := range h.FirstParents(head) {
		if len(files) == 0 {
			break
		}
		commit, err := h.Commit(hash)
		if err != nil {
			return nil, fmt.Errorf("reading config commit %.10s: %w", hash, err)
		}
		if len(commit.Parents) == 0 { // what is there came with it
			for file, k := range files {
				if there, err := h.hashAt(hash, file); err == nil && there != "" {
					edits[k] = hash
				}
			}
			break
		}
		changes, err := h.Diff(commit.Parents[0], hash)
		if err != nil {
			return nil, fmt.Errorf("comparing config commits %.10s and %.10s: %w", commit.Parents[0], hash, err)
		}
		for _, change := range changes {
			if k, wanted := files[change.Path]; wanted {
				edits[k] = hash
				delete(files, change.Path)
			}
		}
	}
	return edits, nil
}

// Project reads a project at a commit; nil when it is not there or does not parse.
func (h History) Project(commit string, k manifest.Key) (*manifest.Project, error) {
	file := manifest.ProjectFile(k)
	data, err := h.Read(commit, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s at config commit %.10s: %w", file, commit, err)
	}
	project, problems := manifest.ParseProject(file, data)
	if len(problems) > 0 {
		return nil, nil
	}
	return project, nil
}

// Edits calls a function with each commit that changed a project's file, and the project before and after it, newest
// first, from a commit back to another, until the function returns false. Commits at which the file does not parse are left
// out.
func (h History) Edits(from, until string, k manifest.Key, edit func(commit string, before, after *manifest.Project) (more bool)) error {
	file := manifest.ProjectFile(k)
	after, err := h.hashAt(from, file)
	if err != nil {
		return err
	}
	for hash := range h.FirstParents(from) {
		commit, err := h.Commit(hash)
		if err != nil || hash == until || len(commit.Parents) == 0 {
			return err
		}
		before, err := h.hashAt(commit.Parents[0], file)
		if err != nil {
			return err
		}
		if before == after {
			continue
		}
		after = before
		older, err := h.Project(commit.Parents[0], k)
		if err != nil {
			return err
		}
		newer, err := h.Project(hash, k)
		if err != nil {
			return err
		}
		if older != nil && newer != nil && !edit(hash, older, newer) {
			return nil
		}
	}
	return nil
}

// TransitionAt is what one commit did to one project, as far as its own files, its workspace's and the platform's tell;
// nothing when nothing can be taken from the commit, or when it is the first.
func (h History) TransitionAt(charts reconciler.Charts, hash string, k manifest.Key) (Transition, error) {
	commit, err := h.Commit(hash)
	if err != nil {
		return Transition{}, fmt.Errorf("reading config commit %.10s: %w", hash, err)
	}
	if len(commit.Parents) == 0 {
		return Transition{}, nil
	}
	c := NewCatalog(h.Reader, charts)
	var step Step
	for _, to := range []string{commit.Parents[0], hash} {
		changes, err := h.changed(c.Commit, to, manifest.PlatformFile, manifest.WorkspaceFile(k.Workspace), manifest.ProjectFile(k))
		if err != nil {
			return Transition{}, err
		}
		if step, err = c.Step(to, changes); err != nil {
			return Transition{}, ignoreUnusable(err)
		}
	}
	if i := slices.IndexFunc(step.Projects, func(t Transition) bool { return t.Key == k }); i >= 0 {
		return step.Projects[i], nil
	}
	return Transition{}, nil
}

func ignoreUnusable(err error) error {
	if errors.Is(err, ErrUnusable) {
		return nil
	}
	return err
}

// changed are those of some files that differ between two commits; "" is before the first.
func (h History) changed(from, to string, files ...string) (changes []manifest.Change, err error) {
	for _, file := range files {
		change := manifest.Change{Path: file}
		if from != "" {
			if change.Before, err = h.hashAt(from, file); err != nil {
				return nil, err
			}
		}
		if change.After, err = h.hashAt(to, file); err != nil {
			return nil, err
		}
		if change.Before != change.After {
			changes = append(changes, change)
		}
	}
	return changes, nil
}

// hashAt is the hash of a file at a commit; empty when it is not there.
func (h History) hashAt(commit, file string) (string, error) {
	dir, name := path.Split(file)
	entries, err := h.List(commit, strings.TrimSuffix(dir, "/"))
	if err != nil {
		return "", fmt.Errorf("listing %s at config commit %.10s: %w", dir, commit, err)
	}
	for _, e := range entries {
		if e.Name == name {
			return e.Hash, nil
		}
	}
	return "", nil
}
