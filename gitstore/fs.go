package gitstore

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/plateform/plateform/manifest"
)

// Reader is what FS reads from. Store and Local are Readers.
type Reader interface {
	// List returns the entries of a folder of a commit, sorted by name.
	List(commit, dir string) ([]manifest.Entry, error)
	// Read returns the content of a file of a commit.
	Read(commit, path string) ([]byte, error)
}

// FS shows the files of one commit. The result is an fs.ReadDirFS and an fs.ReadFileFS. Git knows no times, and sizes only
// by reading.
func FS(r Reader, commit string) fs.FS { return commitFS{r, commit} }

type commitFS struct {
	reader Reader
	commit string
}

// dirName is how the reader names a folder.
func dirName(name string) string {
	if name == "." {
		return ""
	}
	return name
}

func (f commitFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	data, err := f.reader.Read(f.commit, name)
	if err == nil {
		return &openFile{fileInfo{name: path.Base(name), size: int64(len(data))}, bytes.NewReader(data)}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	entries, err := f.ReadDir(name)
	if err != nil {
		return nil, err
	}
	return &openDir{fileInfo{name: path.Base(name), dir: true}, entries}, nil
}

func (f commitFS) ReadFile(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	data, err := f.reader.Read(f.commit, name)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return nil, pe
		}
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

func (f commitFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	entries, err := f.reader.List(f.commit, dirName(name))
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	if len(entries) == 0 && name != "." {
		// Git has no empty folders.
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	out := make([]fs.DirEntry, len(entries))
	for i, e := range entries {
		out[i] = dirEntry{fileInfo{name: e.Name, dir: e.Dir}, f, path.Join(name, e.Name)}
	}
	return out, nil
}

// fileInfo is the little that Git knows of a file.
type fileInfo struct {
	name string
	size int64
	dir  bool
	link bool
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) IsDir() bool        { return i.dir }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o555
	}
	if i.link {
		return fs.ModeSymlink | 0o777
	}
	return 0o444
}

// dirEntry is a name in a folder. What there is to know of the file behind it is found when asked for.
type dirEntry struct {
	info fileInfo
	fs   commitFS
	path string
}

func (e dirEntry) Name() string      { return e.info.name }
func (e dirEntry) IsDir() bool       { return e.info.dir }
func (e dirEntry) Type() fs.FileMode { return e.info.Mode().Type() }
func (e dirEntry) Info() (fs.FileInfo, error) {
	if e.info.dir || e.info.link {
		return e.info, nil
	}
	data, err := e.fs.ReadFile(e.path)
	return fileInfo{name: e.info.name, size: int64(len(data))}, err
}

type openFile struct {
	info fileInfo
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	info fileInfo
	rest []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: errors.New("is a folder")}
}

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.rest)
	} else if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out, nil
}
