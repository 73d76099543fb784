package rights_test

import (
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/plateform/plateform/manifest"
)

// memory is a repository in memory, for many commits: each holds all of its files.
type memory struct {
	commits map[string]snapshot
	head    string
}

type snapshot struct {
	manifest.Commit
	files files
}

func hashOf(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// add makes a commit of all its files.
func (m *memory) add(f files, message string, parents ...string) string {
	if m.commits == nil {
		m.commits = map[string]snapshot{}
	}
	hash := hashOf(fmt.Sprint(len(m.commits), message, parents))
	m.commits[hash] = snapshot{manifest.Commit{Hash: hash, Parents: parents, Message: message}, maps.Clone(f)}
	return hash
}

// move makes a commit on top of the branch.
func (m *memory) move(f files, message string) {
	var parents []string
	if m.head != "" {
		parents = []string{m.head}
	}
	m.head = m.add(f, message, parents...)
}

func (m *memory) Commit(hash string) (manifest.Commit, error) {
	s, found := m.commits[hash]
	if !found {
		return manifest.Commit{}, fmt.Errorf("there is no commit %q", hash)
	}
	return s.Commit, nil
}

func (m *memory) List(commit, dir string) ([]manifest.Entry, error) {
	entries := map[string]manifest.Entry{}
	for file, content := range m.commits[commit].files {
		if rest, inside := strings.CutPrefix(file, strings.TrimPrefix(dir+"/", "/")); inside {
			name, _, deeper := strings.Cut(rest, "/")
			entries[name] = manifest.Entry{Name: name, Hash: hashOf(content), Dir: deeper}
		}
	}
	return slices.SortedFunc(maps.Values(entries), func(a, b manifest.Entry) int { return cmp.Compare(a.Name, b.Name) }), nil
}

func (m *memory) Read(commit, file string) ([]byte, error) {
	content, found := m.commits[commit].files[file]
	if !found {
		return nil, &fs.PathError{Op: "read", Path: file, Err: fs.ErrNotExist}
	}
	return []byte(content), nil
}

func (m *memory) Diff(from, to string) ([]manifest.Change, error) {
	before, after := m.commits[from].files, m.commits[to].files
	all := map[string]manifest.Change{}
	for file, content := range before {
		all[file] = manifest.Change{Path: file, Before: hashOf(content)}
	}
	for file, content := range after {
		change := all[file]
		change.Path, change.After = file, hashOf(content)
		all[file] = change
	}
	maps.DeleteFunc(all, func(_ string, c manifest.Change) bool { return c.Before == c.After })
	return slices.SortedFunc(maps.Values(all), func(a, b manifest.Change) int { return cmp.Compare(a.Path, b.Path) }), nil
}
