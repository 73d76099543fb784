package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/tools/txtar"

	"github.com/plateform/plateform/cmd/plateform/exit"
	"github.com/plateform/plateform/manifest"
)

// initFlags are the flags of init.
type initFlags struct {
	name     string
	domain   string
	registry string
}

// initCommand scaffolds an installation.
func (a *app) initCommand() *cobra.Command {
	var flags initFlags
	c := &cobra.Command{
		Use:     "init DIR",
		GroupID: groupStart,
		Short:   "Scaffold the two repositories, a signing key and serve.yaml",
		Long: `Scaffold the two repositories, a signing key and serve.yaml.

DIR gets checkouts of both repositories with a first commit, bare repositories they push to (to be replaced by yours), a
sample app, the key that signs releases, and a serve.yaml that ties them together. Nothing that is there is overwritten.`,
		Example: `  plateform init acme
  plateform init acme --domain apps.acme.com --registry harbor.acme.com`,
		Args: argumentCount(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.init(c.Context(), args[0], flags) },
	}
	c.Flags().StringVar(&flags.name, "name", "", "name of the platform (default: the name of DIR)")
	c.Flags().StringVar(&flags.domain, "domain", "apps.example.com", "domain that projects get their hosts under")
	c.Flags().StringVar(&flags.registry, "registry", "localhost:5000", "image registry, as host[:port][/path]")
	return c
}

func (a *app) init(ctx context.Context, dir string, flags initFlags) error {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("finding %s: %w", dir, err)
	}
	made, err := claimFolder(absolute)
	if err != nil {
		return err
	}
	s := newScaffold(absolute, flags)
	if err := s.write(ctx); err != nil {
		return errors.Join(err, unclaimFolder(absolute, made))
	}
	return a.printScaffold(dir, s)
}

// claimFolder makes a folder, or takes an empty one.
func claimFolder(dir string) (made bool, err error) {
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

// unclaimFolder leaves a folder as it was before a failed init.
func unclaimFolder(dir string, made bool) error {
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

// newSigningKey makes a key and writes it where only its owner can read it.
func newSigningKey(file string) (manifest.PublicKey, error) {
	key, err := manifest.GenerateSigningKey(rand.Reader)
	if err != nil {
		return manifest.PublicKey{}, err
	}
	text, err := key.PEM()
	if err != nil {
		return manifest.PublicKey{}, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return manifest.PublicKey{}, fmt.Errorf("making the folder of the signing key: %w", err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return manifest.PublicKey{}, fmt.Errorf("writing the signing key: %w", err)
	}
	return key.Public(), nil
}

// sampleApp is the app that init scaffolds and demo deploys.
func sampleApp() *txtar.Archive { return txtar.Parse(helloArchive) }
