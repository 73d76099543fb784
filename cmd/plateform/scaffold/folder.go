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

// Claim makes a folder, or takes an empty one. It has to be an absolute path. made is the topmost folder that was made for it,
// for Unclaim; empty when it was there.
func Claim(dir string) (made string, err error) {
	for _, r := range dir {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(inAddress, r) {
			return "", exit.Usage("%s cannot be used: its path has %q in it, which no address of a repository may have (name a folder whose path has only letters, digits and any of %s)",
				dir, r, inAddress)
		}
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		made = missing(dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", errors.Join(fmt.Errorf("making the folder: %w", err), removeEmpty(dir, made))
		}
		return made, nil
	case err != nil:
		return "", exit.Usage("%s cannot be used as a folder: %w", dir, err)
	case len(entries) > 0:
		return "", exit.Usage("%s is not empty (it has %s): nothing is overwritten, so name a new folder", dir, entries[0].Name())
	}
	return "", nil
}

// missing is the topmost of a folder that is not there and those above it that are not, either.
func missing(dir string) string {
	for {
		parent := filepath.Dir(dir)
		if _, err := os.Lstat(parent); !errors.Is(err, fs.ErrNotExist) {
			return dir
		}
		dir = parent
	}
}

// removeEmpty removes a folder and those above it, up to the topmost, as far as nobody has put anything into them meanwhile.
func removeEmpty(dir, topmost string) error {
	for len(dir) >= len(topmost) {
		entries, err := os.ReadDir(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it did not come to that
		case err != nil:
			return err
		case len(entries) > 0:
			return nil
		default:
			if err := os.Remove(dir); err != nil {
				return err
			}
		}
		dir = filepath.Dir(dir)
	}
	return nil
}

// Unclaim leaves a folder, and those above it, as they were before writing into it failed. made is what Claim has made.
func Unclaim(dir, made string) error {
	if made != "" {
		return errors.Join(os.RemoveAll(dir), removeEmpty(filepath.Dir(dir), made))
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
