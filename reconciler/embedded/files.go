package embedded

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// files is what is done to the disk to write. Tests put a disk that fails in its place.
type files interface {
	// create makes a file that is not there yet.
	create(name string) (file, error)
	mkdir(dir string) error
	rename(from, to string) error
	remove(name string) error
	// syncDir makes the names in a folder last.
	syncDir(dir string) error
}

// file is one that is being written.
type file interface {
	io.WriteCloser
	Sync() error
}

// disk is that of this machine. Images may hold what is nobody else's business.
type disk struct{}

const (
	folderMode = 0o700
	fileMode   = 0o600
)

func (disk) create(name string) (file, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
}

func (disk) mkdir(dir string) error { return os.Mkdir(dir, folderMode) }

func (disk) rename(from, to string) error { return os.Rename(from, to) }

func (disk) remove(name string) error { return os.Remove(name) }

func (disk) syncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// makeDirs makes a folder and those above it, so that they last.
func makeDirs(d files, dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeDirs(d, above); err != nil {
		return err
	}
	if err := d.mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.syncDir(above)
}
