package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"
)

// How long things are kept that nobody needs.
const (
	// grace is how long what nobody names is kept since it was last pushed, read or named: a rollback may be taken back, and
	// between a push and the file that names it lies a while.
	grace = 24 * time.Hour
	// keepDamaged is how long damaged files are kept for somebody to look at.
	keepDamaged = 7 * 24 * time.Hour
	// checkAgain is how long a blob counts as whole that was found to be.
	checkAgain = 24 * time.Hour
)

// Sweep removes the images whose digest named does not have, when they were neither pushed nor read nor named for a day, and
// the blobs that no image needs then; and it looks at blobs that nobody has looked at for a day, so that damage is known
// before somebody needs them. Pushes and pulls go on meanwhile.
func (r *Registry) Sweep(ctx context.Context, named map[string]bool) error {
	r.uploads.endIdle()
	w := &sweep{store: r.store, now: r.store.clock(), named: named, needed: map[string]bool{}}
	for _, step := range []func(context.Context) error{w.images, w.blobs, w.damaged, w.check} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("removing images that nobody needs: %w", err)
		}
	}
	if w.removed > 0 {
		r.log.Info("removed images that nobody names", "images", w.removed, "bytes", w.bytes)
	}
	return nil
}

// sweep is one time through the store.
type sweep struct {
	*store
	now   time.Time
	named map[string]bool
	// needed are the blobs of the images that stay, in hex.
	needed map[string]bool
	// removed is how many images are gone, and bytes how much their blobs took.
	removed int
	bytes   int64
}

// stale says that a file has not been wanted for a while.
func (w *sweep) stale(info fs.FileInfo, after time.Duration) bool {
	return w.now.Sub(info.ModTime()) > after
}

// images removes those that nobody needs from each repository. An error ends it before any blob is removed: what an image
// needs that cannot be read is not known.
func (w *sweep) images(ctx context.Context) error {
	names, err := repositories(w.path(repositoriesDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.repository(name); err != nil {
			return err
		}
	}
	return nil
}

func (w *sweep) repository(name string) error {
	all, err := w.readAll(name)
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for digest, found := range all {
		if w.named[algorithm+digest] || !w.stale(found.info, grace) {
			w.keep(all, keep, digest)
		}
	}
	for digest, found := range all {
		if !keep[digest] {
			gone, err := w.removeStale(w.manifestPath(name, digest))
			if err != nil {
				return err
			}
			if gone {
				w.removed++
				continue
			}
		}
		for _, blob := range found.blobs {
			w.needed[blob.Digest.Hex] = true
		}
	}
	for digest := range keep {
		if w.named[algorithm+digest] {
			w.mu.Lock()
			err := w.use(w.manifestPath(name, digest))
			w.mu.Unlock()
			if err != nil {
				return err
			}
		}
	}
	return w.untag(name)
}

// stored is a manifest in a repository.
type stored struct {
	manifest
	info fs.FileInfo
}

// readAll reads all manifests of a repository. Damaged ones are put aside.
func (w *sweep) readAll(name string) (map[string]stored, error) {
	entries, err := os.ReadDir(w.path(repositoriesDir, filepath.FromSlash(name), manifestsDir))
	if err != nil {
		return nil, err
	}
	all := map[string]stored{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		found, err := w.manifestOf(name, e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			all[e.Name()] = stored{found.manifest, info}
		}
	}
	return all, nil
}

// keep notes that a manifest stays, and those that it lists.
func (w *sweep) keep(all map[string]stored, keep map[string]bool, digest string) {
	if keep[digest] {
		return
	}
	keep[digest] = true
	for _, inner := range all[digest].manifests {
		if _, there := all[inner.Digest.Hex]; there {
			w.keep(all, keep, inner.Digest.Hex)
		}
	}
}

// removeStale removes a file unless somebody wants it by now.
func (w *sweep) removeStale(name string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil || !w.stale(info, grace) {
		return false, err
	}
	return true, w.disk.remove(name)
}

// untag removes the tags of manifests that are gone, and the repository when nothing is left of it.
func (w *sweep) untag(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	tags, err := w.tags(name)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		digest, err := w.tagged(name, tag)
		if err == nil {
			_, err = os.Stat(w.manifestPath(name, digest))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := w.disk.remove(w.tagPath(name, tag)); err != nil {
			return err
		}
	}
	folder := w.path(repositoriesDir, filepath.FromSlash(name))
	for _, empty := range []string{filepath.Join(folder, tagsDir), filepath.Join(folder, manifestsDir), folder} {
		if w.disk.remove(empty) != nil {
			return nil // it is not empty
		}
	}
	return nil
}

// blobs removes those that no image needs.
func (w *sweep) blobs(ctx context.Context) error {
	return w.eachBlob(ctx, func(digest string, info fs.FileInfo) error {
		if w.needed[digest] || !w.stale(info, grace) {
			return nil
		}
		gone, err := w.removeStale(w.blobPath(digest))
		if gone {
			w.bytes += info.Size()
		}
		return err
	})
}

// check looks at blobs that nobody has looked at for a while. What is damaged is put aside and told.
func (w *sweep) check(ctx context.Context) error {
	w.mu.Lock()
	checked := maps.Clone(w.checked)
	clear(w.checked) // blobs that are gone need no place in it
	w.mu.Unlock()
	return w.eachBlob(ctx, func(digest string, info fs.FileInfo) error {
		if last, known := checked[digest]; known && w.now.Sub(last) < checkAgain {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.checked[digest] = last
			return nil
		}
		if err := w.inspect(ctx, digest); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// eachBlob calls f for each blob.
func (s *store) eachBlob(ctx context.Context, f func(digest string, info fs.FileInfo) error) error {
	return filepath.WalkDir(s.path(blobsDir), func(_ string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist): // it went away meanwhile
			return nil
		case err != nil:
			return err
		}
		if _, isDigest := parseDigest(algorithm + e.Name()); !isDigest || e.IsDir() {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return f(e.Name(), info)
	})
}

// damaged removes damaged files that nobody has looked at.
func (w *sweep) damaged(context.Context) error {
	entries, err := os.ReadDir(w.path(damagedDir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !w.stale(info, keepDamaged) {
			continue
		}
		if err := w.disk.remove(w.path(damagedDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
