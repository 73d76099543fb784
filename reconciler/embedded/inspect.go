package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Contents is what the folder of a registry holds.
type Contents struct {
	// Repositories and Images, and the Bytes that all of it takes.
	Repositories, Images int
	Bytes                int64
	// Broken are the images, as repository@digest, that are damaged or lack a part, and Aside is how many damaged files were
	// put aside.
	Broken []string
	Aside  int
	// Unchecked is how many blobs were not looked at before the context ended.
	Unchecked int
}

// Inspect looks at the folder of a registry, which another process may be working with, and changes nothing. When the context
// ends, it tells what it has found. A folder that is not there is empty.
func Inspect(ctx context.Context, dir string) (Contents, error) {
	s := &store{dir: dir, disk: frozen{}, clock: time.Now, log: slog.New(slog.DiscardHandler), checked: map[string]time.Time{}}
	var c Contents
	damaged, err := s.measure(ctx, &c)
	if err != nil {
		return c, fmt.Errorf("looking at the images in %s: %w", dir, err)
	}
	names, err := repositories(s.path(repositoriesDir))
	if err != nil {
		return c, fmt.Errorf("looking at the images in %s: %w", dir, err)
	}
	for _, name := range names {
		if err := s.inspectRepository(name, damaged, &c); err != nil {
			return c, fmt.Errorf("looking at the images in %s: %w", dir, err)
		}
	}
	slices.Sort(c.Broken)
	aside, err := os.ReadDir(s.path(damagedDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("looking at the images in %s: %w", dir, err)
	}
	c.Aside = len(aside)
	return c, nil
}

// measure adds up the blobs, and finds those that are damaged.
func (s *store) measure(ctx context.Context, c *Contents) (damaged map[string]bool, err error) {
	damaged = map[string]bool{}
	return damaged, s.eachBlob(context.WithoutCancel(ctx), func(digest string, info fs.FileInfo) error {
		c.Bytes += info.Size()
		f, err := os.Open(s.blobPath(digest))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		err = sum(ctx, f, digest)
		switch {
		case ctx.Err() != nil:
			c.Unchecked++
		case err != nil:
			damaged[digest] = true
		}
		return nil
	})
}

// inspectRepository counts the images of one repository, and finds those that are broken.
func (s *store) inspectRepository(name string, damaged map[string]bool, c *Contents) error {
	entries, err := os.ReadDir(s.path(repositoriesDir, filepath.FromSlash(name), manifestsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c.Repositories++
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		c.Images++
		c.Bytes += info.Size()
		found, err := s.manifestOf(name, e.Name())
		if err == nil {
			err = s.complete(name, found.manifest)
		}
		if err != nil || slices.ContainsFunc(found.blobs, func(d v1.Descriptor) bool { return damaged[d.Digest.Hex] }) {
			c.Broken = append(c.Broken, name+"@"+algorithm+e.Name())
		}
	}
	return nil
}

// frozen is a disk that nothing is written to.
type frozen struct{}

func (frozen) create(string) (file, error) { return nil, fs.ErrPermission }

func (frozen) mkdir(string) error { return fs.ErrPermission }

func (frozen) rename(string, string) error { return fs.ErrPermission }

func (frozen) remove(string) error { return fs.ErrPermission }

func (frozen) syncDir(string) error { return fs.ErrPermission }
