package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/plateform/plateform/cmd/plateform/exit"
)

// inAddress are what may be in the address of a repository besides letters and digits: the bare repositories are in the folder.
const inAddress = "-._~/:@+"

// Claim makes a folder, or takes an empty one. It has to be an absolute path.
func Claim(dir string) (made bool, err error) {
	for _, r := range dir {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(inAddress, r) {
			return false, exit.Usage("%s cannot be used: its path has %q in it, which no address of a repository may have (name a folder whose path has only letters, digits and any of %s)",
				dir, r, inAddress)
		}
	}
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
