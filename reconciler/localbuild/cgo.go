package localbuild

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"

	"github.com/plateform/plateform/reconciler/detect"
)

// mayImportC is true of more files than those that do: go list has the last word.
var mayImportC = regexp.MustCompile("[\"`]C[\"`]")
var onlyWithCgo = regexp.MustCompile(`(?m)^//go:build .*\bcgo\b`)

// cgoSources are the Go files of a source that may import "C", and do not say themselves that they are for builds with cgo alone:
// the compiler would leave them out in silence. What cannot be read is the compiler's to tell of.
func cgoSources(dir string, code []string) (map[string]bool, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for cgo: %w", err)
	}
	defer root.Close()
	found := map[string]bool{}
	for _, name := range code {
		text, err := fs.ReadFile(root.FS(), name)
		if err == nil && mayImportC.Match(text) && !onlyWithCgo.Match(text) {
			found[name] = true
		}
	}
	return found, nil
}

// checkCgo refuses a program that is made of such files.
func checkCgo(sources map[string]bool, packages []goPackage) error {
	for _, p := range packages {
		for _, file := range p.CgoFiles {
			if name := path.Join(p.Dir, file); p.Dir != "" && sources[name] {
				return &Fault{What: fmt.Sprintf(`%s imports "C", and Go programs are compiled without cgo here`, name), Fix: detect.WithoutCgo}
			}
		}
	}
	return nil
}
