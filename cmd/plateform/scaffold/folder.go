package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/plateform/plateform/cmd/plateform/exit"
)

// Claim makes a folder, or takes an empty one.
func Claim(dir string) (made bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return false, fmt.Errorf("making the folder: %w", err)
		}
		return true, nil
	case err != nil:
		return false, exit.Usage("%s cannot be used as a folder: %w", dir, err)
	case len(entries) > 0:
		return false, exit.Usage("%s is not empty (it has %s): nothing is overwritten, so name a new folder", dir, entries[0].Name())
	}
	return false, nil
}

// Unclaim leaves a folder as it was before writing into it failed.
func Unclaim(dir string, made bool) error {
	if made {
		return os.RemoveAll(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
