package localbuild

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/plateform/plateform/manifest"
)

// NewestLog is the file with the log of a project's newest build, below the folder of a Builder. The error is fs.ErrNotExist
// when there is none.
func NewestLog(dir string, k manifest.Key) (string, error) {
	logs := filepath.Join(dir, "builds", k.Workspace, k.Project)
	entries, err := os.ReadDir(logs)
	if err != nil {
		return "", fmt.Errorf("looking for the log of a build: %w", err)
	}
	newest, changed := "", time.Time{}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && info.ModTime().After(changed) {
			newest, changed = filepath.Join(logs, e.Name()), info.ModTime()
		}
	}
	if newest == "" {
		return "", fmt.Errorf("looking for the log of a build: %w", fs.ErrNotExist)
	}
	return newest, nil
}
