package localbuild

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/plateform/plateform/manifest"
	"github.com/plateform/plateform/reconciler/detect"
)

// Source is a checkout and the folder in it that is built.
type Source struct {
	// Root of the checkout on this machine.
	Root string
	// Path of the folder inside it; empty for the root.
	Path string
}

// Dir is the folder on this machine.
func (s Source) Dir() string { return filepath.Join(s.Root, filepath.FromSlash(s.Path)) }

// Detect finds out what a source is, and what its build reads: see detect.Find.
func Detect(s Source, authored *manifest.Build) (detect.Detection, error) {
	root, err := os.OpenRoot(s.Root)
	if err != nil {
		return detect.Detection{}, fmt.Errorf("opening the source: %w", err)
	}
	defer root.Close()
	return detect.Find(root.FS(), s.Path, authored)
}
