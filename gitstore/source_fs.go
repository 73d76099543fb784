package gitstore

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/tree"
)

// maxPrefetched bounds the files and links that are fetched together.
const maxPrefetched = 1000

// sourceFS is what FS shows of a source, and its symlinks.
type sourceFS struct {
	commitFS
	files *sourceFiles
}

var _ fs.ReadLinkFS = sourceFS{}

// ReadDir implements fs.ReadDirFS. Links are noted to be fetched together.
func (f sourceFS) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := f.commitFS.ReadDir(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	links, failed := f.files.links(dirName(name))
	if failed != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: failed}
	}
	if len(links) == 0 {
		return entries, err
	}
	for _, link := range links {
		p := path.Join(name, link)
		entries = append(entries, dirEntry{fileInfo{name: link, link: true}, f.commitFS, p})
		if wanted := f.files.wanted; len(wanted) < maxPrefetched && !slices.Contains(wanted, p) {
			f.files.prefetch([]string{p})
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// ReadLink implements fs.ReadLinkFS.
func (f sourceFS) ReadLink(name string) (string, error) {
	target, err := f.files.content(f.commit, name, tree.IsLink)
	return string(target), err
}

// Lstat implements fs.ReadLinkFS.
func (f sourceFS) Lstat(name string) (fs.FileInfo, error) {
	if target, err := f.ReadLink(name); err == nil {
		return fileInfo{name: path.Base(name), size: int64(len(target)), link: true}, nil
	}
	return fs.Stat(f.commitFS, name)
}

// links are the names of the symlinks in a folder.
func (f *sourceFiles) links(dir string) ([]string, error) {
	root, err := f.root(f.at)
	if err != nil {
		return nil, err
	}
	h, ok, err := f.folder(root, dir)
	if err != nil || !ok {
		return nil, err
	}
	data, err := pack.Get(f.from(), h, plumbing.TreeObject)
	if err != nil {
		return nil, err
	}
	var names []string
	s := tree.Scan(data)
	for s.Next() {
		if tree.IsLink(s.Mode) && !tree.Hostile(s.Name) {
			names = append(names, string(s.Name))
		}
	}
	return names, s.Err
}
