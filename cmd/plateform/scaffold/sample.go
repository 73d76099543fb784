package scaffold

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/tools/txtar"
)

// helloArchive is the sample app: a program of the standard library alone, so that it builds without a network.
//
//go:embed hello.txtar
var helloArchive []byte

// sampleApp is the app that init scaffolds and demo deploys.
func sampleApp() *txtar.Archive { return txtar.Parse(helloArchive) }

// writeFiles writes the files of an archive below dir.
func writeFiles(dir string, archive *txtar.Archive) error {
	for _, f := range archive.Files {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(f.Name)), f.Data); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes one file and the folders it is in.
func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return fmt.Errorf("writing a file: %w", err)
	}
	return nil
}
