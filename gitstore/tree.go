package gitstore

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/plateform/plateform/gitstore/pack"
)

// treeScanner goes through the entries of a tree as Git stores them, without copying anything.
type treeScanner struct {
	rest []byte
	// The entry at hand, and all its bytes.
	mode filemode.FileMode
	name []byte
	hash plumbing.Hash
	raw  []byte
	err  error
}

// next goes on to the next entry; false at the end or on an error.
func (s *treeScanner) next() bool {
	if len(s.rest) == 0 || s.err != nil {
		return false
	}
	nul := bytes.IndexByte(s.rest, 0)
	space := bytes.IndexByte(s.rest, ' ')
	if nul < 0 || space < 1 || space > 7 || space > nul || len(s.rest) < nul+1+len(s.hash) {
		s.err = fmt.Errorf("%w: a tree with a broken entry", pack.ErrCorrupt)
		return false
	}
	s.mode = 0
	for _, c := range s.rest[:space] {
		if c < '0' || c > '7' {
			s.err = fmt.Errorf("%w: a tree with a broken mode", pack.ErrCorrupt)
			return false
		}
		s.mode = s.mode<<3 | filemode.FileMode(c-'0')
	}
	s.name = s.rest[space+1 : nul]
	copy(s.hash[:], s.rest[nul+1:])
	end := nul + 1 + len(s.hash)
	s.raw, s.rest = s.rest[:end], s.rest[end:]
	return true
}

func isDir(m filemode.FileMode) bool { return m == filemode.Dir }

// isFile says that it is a regular file; Git knows more modes than it writes today.
func isFile(m filemode.FileMode) bool { return m&0o170000 == 0o100000 }

func isLink(m filemode.FileMode) bool { return m == filemode.Symlink }

// isSpecial says that it is something else, such as a symlink or a submodule. Nothing at all has the mode 0.
func isSpecial(m filemode.FileMode) bool { return m != 0 && !isDir(m) && !isFile(m) }

// isRegular says that an entry is one that is shown: a folder or a file with a name that is one.
func isRegular(m filemode.FileMode, name []byte) bool {
	return (isDir(m) || isFile(m)) && !hostileName(name)
}

// hostileName says that Git would not write a name, although a tree made by hand can hold it.
func hostileName(name []byte) bool {
	return len(name) == 0 || string(name) == "." || string(name) == ".." || strings.EqualFold(string(name), ".git") ||
		bytes.IndexByte(name, '/') >= 0
}

// sortName is what Git sorts entries by: folders as if they ended in a slash.
func sortName(e object.TreeEntry) string {
	if isDir(e.Mode) {
		return e.Name + "/"
	}
	return e.Name
}

// parseTree returns all entries of a tree, in Git's order also when the tree is not.
func parseTree(data []byte) ([]object.TreeEntry, error) {
	entries := make([]object.TreeEntry, 0, len(data)/36+1)
	s := treeScanner{rest: data}
	for s.next() {
		entries = append(entries, object.TreeEntry{Name: string(s.name), Mode: s.mode, Hash: s.hash})
	}
	if s.err != nil {
		return nil, s.err
	}
	if sorter := object.TreeEntrySorter(entries); !sort.IsSorted(sorter) {
		sort.Stable(sorter)
	}
	return slices.CompactFunc(entries, func(a, b object.TreeEntry) bool { return sortName(a) == sortName(b) }), nil
}

// encodeTree writes entries, which are in order, as Git stores them.
func encodeTree(entries []object.TreeEntry) []byte {
	size := 0
	for _, e := range entries {
		size += len(e.Name) + 28
	}
	data := make([]byte, 0, size)
	for _, e := range entries {
		data = fmt.Appendf(data, "%o %s\x00", uint32(e.Mode), e.Name)
		data = append(data, e.Hash[:]...)
	}
	return data
}

// lookup finds one name in a tree.
func lookup(data []byte, name string) (object.TreeEntry, bool, error) {
	s := treeScanner{rest: data}
	for s.next() {
		if string(s.name) == name {
			return object.TreeEntry{Name: name, Mode: s.mode, Hash: s.hash}, true, nil
		}
	}
	return object.TreeEntry{}, false, s.err
}
