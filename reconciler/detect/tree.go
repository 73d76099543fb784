package detect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/plateform/plateform/reconciler/blame"
)

// tree is the folder of a source that is looked at. Links are followed as the files do it: inside the source and nowhere else.
type tree struct {
	files fs.FS
	// dir is the folder from the root on; "." for the root.
	dir string
}

// openTree finds a folder of a source.
func openTree(files fs.FS, dir string) (tree, error) {
	missing := &blame.Fault{What: fmt.Sprintf("the source has no folder %q at this commit", dir), Fix: "check source.path"}
	if !filepath.IsLocal(filepath.FromSlash(dir)) {
		return tree{}, missing
	}
	for above := dir; above != "."; above = path.Dir(above) {
		if l, found := Inspect(files, above); found {
			return tree{}, l.Fault()
		}
	}
	if info, err := fs.Stat(files, dir); err != nil || !info.IsDir() {
		return tree{}, missing
	}
	return tree{files, dir}, nil
}

func (t tree) at(name string) string { return path.Join(t.dir, name) }

// in is a folder below this one.
func (t tree) in(name string) tree { return tree{t.files, t.at(name)} }

// exists says that a regular file is there.
func (t tree) exists(name string) bool {
	info, err := fs.Stat(t.files, t.at(name))
	return err == nil && info.Mode().IsRegular()
}

// isFolder says that a folder is there.
func (t tree) isFolder(name string) bool {
	info, err := fs.Stat(t.files, t.at(name))
	return err == nil && info.IsDir()
}

// first is the first of some files that is there; empty when none is.
func (t tree) first(names ...string) string {
	if i := slices.IndexFunc(names, t.exists); i >= 0 {
		return names[i]
	}
	return ""
}

// read reads a regular file.
func (t tree) read(name string) ([]byte, error) { return ReadFile(t.files, t.at(name)) }

// text is what a file says; empty when it is not there, or is too large to be meant for people.
func (t tree) text(name string) string {
	text, err := t.read(name)
	if err != nil {
		return ""
	}
	if path.Ext(name) == ".txt" { // PowerShell writes a requirements.txt so, and pip reads it
		text = fromUTF16(text)
	}
	return strings.TrimPrefix(string(text), "\ufeff") // what editors on Windows put first, and package managers pass over
}

// fromUTF16 is a text that says of itself that it is UTF-16 as UTF-8, and any other as it is.
func fromUTF16(text []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}):
	case bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return text
	}
	units := make([]uint16, 0, len(text)/2)
	for pair := range slices.Chunk(text[:len(text)&^1], 2) {
		units = append(units, order.Uint16(pair))
	}
	return []byte(string(utf16.Decode(units)))
}

// list is what a folder holds.
func (t tree) list(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.files, t.at(name)) }

// named are the files of the folder that a pattern fits, sorted.
func (t tree) named(pattern string) []string {
	entries, err := t.list(".")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if fits, err := path.Match(pattern, e.Name()); err == nil && fits && t.exists(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// folders are those in this one that an app may have its code in, at most so many.
func (t tree) folders(most int) []string {
	entries, err := t.list(".")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !skipped(e.Name()) && len(names) < most {
			names = append(names, e.Name())
		}
	}
	return names
}

// upward are the folders from this one up to another one above it.
func (t tree) upward(root string) []tree {
	trees := []tree{t}
	for dir := t.dir; dir != root && dir != "."; {
		dir = path.Dir(dir)
		trees = append(trees, tree{t.files, dir})
	}
	return trees
}

// isEmpty says that the folder is there and holds nothing.
func (t tree) isEmpty() bool {
	entries, err := t.list(".")
	return err == nil && len(entries) == 0
}

// isMissing says that a folder could not be read because it is not there.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
