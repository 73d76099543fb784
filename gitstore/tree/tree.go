// Package tree reads and writes trees as Git stores them.
package tree

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

// Scanner goes through the entries of a tree as Git stores them, without copying anything.
type Scanner struct {
	rest []byte
	raw  []byte
	// Mode, Name and Hash of the entry at hand. The name is only good until the next one.
	Mode filemode.FileMode
	Name []byte
	Hash plumbing.Hash
	// Err says why it came to an end before all was read.
	Err error
}

// Scan returns a Scanner before the first entry of a tree.
func Scan(data []byte) *Scanner { return &Scanner{rest: data} }

// Next goes on to the next entry; false at the end or on an error.
func (s *Scanner) Next() bool {
	if len(s.rest) == 0 || s.Err != nil {
		return false
	}
	nul := bytes.IndexByte(s.rest, 0)
	space := bytes.IndexByte(s.rest, ' ')
	if nul < 0 || space < 1 || space > 7 || space > nul || len(s.rest) < nul+1+len(s.Hash) {
		s.Err = fmt.Errorf("%w: a tree with a broken entry", pack.ErrCorrupt)
		return false
	}
	s.Mode = 0
	for _, c := range s.rest[:space] {
		if c < '0' || c > '7' {
			s.Err = fmt.Errorf("%w: a tree with a broken mode", pack.ErrCorrupt)
			return false
		}
		s.Mode = s.Mode<<3 | filemode.FileMode(c-'0')
	}
	s.Name = s.rest[space+1 : nul]
	copy(s.Hash[:], s.rest[nul+1:])
	end := nul + 1 + len(s.Hash)
	s.raw, s.rest = s.rest[:end], s.rest[end:]
	return true
}

// IsDir says that it is a folder.
func IsDir(m filemode.FileMode) bool { return m == filemode.Dir }

// IsFile says that it is a regular file; Git knows more modes than it writes today.
func IsFile(m filemode.FileMode) bool { return m&0o170000 == 0o100000 }

// IsLink says that it is a symlink.
func IsLink(m filemode.FileMode) bool { return m == filemode.Symlink }

// IsSpecial says that it is something else, such as a symlink or a submodule. Nothing at all has the mode 0.
func IsSpecial(m filemode.FileMode) bool { return m != 0 && !IsDir(m) && !IsFile(m) }

// IsRegular says that an entry is one that is shown: a folder or a file with a name that is one.
func IsRegular(m filemode.FileMode, name []byte) bool {
	return (IsDir(m) || IsFile(m)) && !Hostile(name)
}

// Hostile says that Git would not write a name, although a tree made by hand can hold it.
func Hostile(name []byte) bool {
	return len(name) == 0 || string(name) == "." || string(name) == ".." || strings.EqualFold(string(name), ".git") ||
		bytes.IndexByte(name, '/') >= 0
}

// SortName is what Git sorts entries by: folders as if they ended in a slash.
func SortName(e object.TreeEntry) string {
	if IsDir(e.Mode) {
		return e.Name + "/"
	}
	return e.Name
}

// Parse returns all entries of a tree, in Git's order also when the tree is not.
func Parse(data []byte) ([]object.TreeEntry, error) {
	entries := make([]object.TreeEntry, 0, len(data)/36+1)
	s := Scan(data)
	for s.Next() {
		entries = append(entries, object.TreeEntry{Name: string(s.Name), Mode: s.Mode, Hash: s.Hash})
	}
	if s.Err != nil {
		return nil, s.Err
	}
	if sorter := object.TreeEntrySorter(entries); !sort.IsSorted(sorter) {
		sort.Stable(sorter)
	}
	return slices.CompactFunc(entries, func(a, b object.TreeEntry) bool { return SortName(a) == SortName(b) }), nil
}

// Encode writes entries, which are in order, as Git stores them.
func Encode(entries []object.TreeEntry) []byte {
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

// Lookup finds one name in a tree.
func Lookup(data []byte, name string) (object.TreeEntry, bool, error) {
	s := Scan(data)
	for s.Next() {
		if string(s.Name) == name {
			return object.TreeEntry{Name: name, Mode: s.Mode, Hash: s.Hash}, true, nil
		}
	}
	return object.TreeEntry{}, false, s.Err
}
