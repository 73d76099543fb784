package merge

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/tree"
)

// Objects are where trees and blobs are read, and new ones are put.
type Objects interface {
	pack.Source
	// Put keeps an object and returns its hash.
	Put(kind plumbing.ObjectType, data []byte) plumbing.Hash
}

// Trees makes the tree that has what was changed from a common base on either side. Where both changed the same lines of a file,
// or one removed what the other changed, it returns the paths, and the tree means nothing.
func Trees(o Objects, base, ours, theirs plumbing.Hash) (merged plumbing.Hash, conflicts []string, err error) {
	m := merger{objects: o}
	merged, err = m.trees("", base, ours, theirs)
	return merged, m.conflicts, err
}

type merger struct {
	objects   Objects
	conflicts []string
}

// trees merges one folder. A zero hash is no folder.
func (m *merger) trees(dir string, base, ours, theirs plumbing.Hash) (plumbing.Hash, error) {
	switch {
	case ours == theirs || base == theirs:
		return ours, nil
	case base == ours:
		return theirs, nil
	}
	var sides [3]map[string]object.TreeEntry
	names := map[string]bool{}
	for i, hash := range []plumbing.Hash{base, ours, theirs} {
		entries, err := m.read(hash)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		sides[i] = entries
		for name := range entries {
			names[name] = true
		}
	}
	var merged []object.TreeEntry
	for _, name := range slices.Sorted(maps.Keys(names)) {
		e, err := m.entry(path.Join(dir, name), sides[0][name], sides[1][name], sides[2][name])
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if e.Mode != 0 {
			e.Name = name
			merged = append(merged, e)
		}
	}
	return m.write(merged), nil
}

// entry merges what is at one path. The zero entry is nothing.
func (m *merger) entry(file string, base, ours, theirs object.TreeEntry) (object.TreeEntry, error) {
	base.Name, ours.Name, theirs.Name = "", "", "" // a name that is missing makes no difference
	switch {
	case ours == theirs || base == theirs:
		return ours, nil
	case base == ours:
		return theirs, nil
	case folderOrNothing(base) && folderOrNothing(ours) && folderOrNothing(theirs):
		hash, err := m.trees(file, base.Hash, ours.Hash, theirs.Hash)
		if err != nil || hash.IsZero() {
			return object.TreeEntry{}, err
		}
		return object.TreeEntry{Mode: filemode.Dir, Hash: hash}, nil
	case isFile(base) && isFile(ours) && isFile(theirs):
		return m.file(file, base, ours, theirs)
	}
	m.conflicts = append(m.conflicts, file)
	return ours, nil
}

// file merges a file that both sides changed.
func (m *merger) file(file string, base, ours, theirs object.TreeEntry) (object.TreeEntry, error) {
	merged := object.TreeEntry{Mode: ours.Mode, Hash: ours.Hash}
	if base.Mode == ours.Mode {
		merged.Mode = theirs.Mode
	}
	switch {
	case ours.Hash == theirs.Hash || base.Hash == theirs.Hash:
		return merged, nil
	case base.Hash == ours.Hash:
		merged.Hash = theirs.Hash
		return merged, nil
	}
	var texts [3]string
	for i, e := range []object.TreeEntry{base, ours, theirs} {
		data, err := pack.Get(m.objects, e.Hash, plumbing.BlobObject)
		if err != nil {
			return merged, fmt.Errorf("merging %s: %w", file, err)
		}
		texts[i] = string(data)
	}
	text, merges := Text(texts[0], texts[1], texts[2])
	if !merges {
		m.conflicts = append(m.conflicts, file)
		return merged, nil
	}
	merged.Hash = m.objects.Put(plumbing.BlobObject, []byte(text))
	return merged, nil
}

func isFile(e object.TreeEntry) bool {
	return e.Mode == filemode.Regular || e.Mode == filemode.Executable
}

func folderOrNothing(e object.TreeEntry) bool { return e.Mode == 0 || e.Mode == filemode.Dir }

// read returns the entries of a folder by their names.
func (m *merger) read(hash plumbing.Hash) (map[string]object.TreeEntry, error) {
	if hash.IsZero() {
		return nil, nil
	}
	data, err := pack.Get(m.objects, hash, plumbing.TreeObject)
	if err != nil {
		return nil, err
	}
	list, err := tree.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading tree %s: %w", hash, err)
	}
	entries := map[string]object.TreeEntry{}
	for _, e := range list {
		entries[e.Name] = e
	}
	return entries, nil
}

// write puts a folder; the zero hash when nothing is in it.
func (m *merger) write(entries []object.TreeEntry) plumbing.Hash {
	if len(entries) == 0 {
		return plumbing.ZeroHash
	}
	sort.Sort(object.TreeEntrySorter(entries))
	return m.objects.Put(plumbing.TreeObject, tree.Encode(entries))
}
