package embedded

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The folders of a store.
const (
	blobsDir        = "blobs"
	repositoriesDir = "repositories"
	manifestsDir    = "_manifests" // below a repository, whose names begin with no underscore
	tagsDir         = "_tags"
	draftsDir       = "drafts"
	damagedDir      = "damaged"
)

// store is what the registry has on disk. It is safe for use by several goroutines of one process.
type store struct {
	dir   string
	disk  files
	clock func() time.Time
	log   *slog.Logger

	// mu is held while names of files change, and while the time of one does: whoever removes what is old must not be
	// overtaken by whoever uses it.
	mu sync.Mutex
	// checked is when each blob was last found to be whole.
	checked map[string]time.Time
}

// openStore prepares a folder, and removes what a process that was killed was about to write.
func openStore(dir string, d files, clock func() time.Time, log *slog.Logger) (*store, error) {
	s := &store{dir: dir, disk: d, clock: clock, log: log, checked: map[string]time.Time{}}
	if err := os.RemoveAll(s.path(draftsDir)); err != nil {
		return nil, fmt.Errorf("removing what was not finished: %w", err)
	}
	for _, folder := range []string{blobsDir, repositoriesDir, draftsDir, damagedDir} {
		if err := makeDirs(d, s.path(folder)); err != nil {
			return nil, fmt.Errorf("preparing the folder of images: %w", err)
		}
	}
	return s, nil
}

func (s *store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// shard is how much of a digest names the folder that a blob is in.
const shard = 2

func (s *store) blobPath(hex string) string { return s.path(blobsDir, hex[:shard], hex) }

func (s *store) manifestPath(repository, hex string) string {
	return s.path(repositoriesDir, filepath.FromSlash(repository), manifestsDir, hex)
}

func (s *store) tagPath(repository, tag string) string {
	return s.path(repositoriesDir, filepath.FromSlash(repository), tagsDir, tag)
}

// draft is a file that is being written, beside the place it is for.
type draft struct {
	name string
	file file
	hash hash.Hash
	size int64
}

func (s *store) newDraft() (*draft, error) {
	name := s.path(draftsDir, rand.Text())
	// Someone may have cleaned up under a registry that runs: a push brings back what is lost, and needs the folder for it.
	if err := makeDirs(s.disk, s.path(draftsDir)); err != nil {
		return nil, err
	}
	f, err := s.disk.create(name)
	if err != nil {
		return nil, err
	}
	return &draft{name: name, file: f, hash: sha256.New()}, nil
}

// Write implements io.Writer.
func (d *draft) Write(p []byte) (int, error) {
	n, err := d.file.Write(p)
	d.hash.Write(p[:n])
	d.size += int64(n)
	return n, err
}

// digest of what was written, in hex.
func (d *draft) digest() string { return hex.EncodeToString(d.hash.Sum(nil)) }

// discard removes a draft.
func (s *store) discard(d *draft) {
	err := errors.Join(ignoreClosed(d.file.Close()), s.disk.remove(d.name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("a file that is not needed cannot be removed", "file", d.name, "error", err)
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// finish makes sure that a draft is on the disk.
func (d *draft) finish() error {
	return errors.Join(d.file.Sync(), d.file.Close())
}

// place gives a finished draft its name, in place of what had it. s.mu is held.
func (s *store) place(d *draft, to string) error {
	folder := filepath.Dir(to)
	if err := makeDirs(s.disk, folder); err != nil {
		return err
	}
	now := s.clock()
	_ = os.Chtimes(d.name, now, now) // else it has the time of the machine, which is nearly the same
	if err := s.disk.rename(d.name, to); err != nil {
		return err
	}
	return s.disk.syncDir(folder)
}

// keepBlob makes a draft the blob that it is. The draft is gone in any case.
func (s *store) keepBlob(d *draft) error {
	digest := d.digest()
	err := d.finish()
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		err = s.place(d, s.blobPath(digest))
	}
	if err != nil {
		s.discard(d)
		return err
	}
	s.checked[digest] = s.clock()
	s.healed(digest)
	return nil
}

// healed forgets a damaged file that is there again. s.mu is held.
func (s *store) healed(hex string) {
	err := s.disk.remove(s.path(damagedDir, hex))
	switch {
	case err == nil:
		s.log.Info("what was damaged was pushed again", "digest", algorithm+hex)
	case !errors.Is(err, fs.ErrNotExist):
		s.log.Warn("a file that is not needed cannot be removed", "file", s.path(damagedDir, hex), "error", err)
	}
}

// algorithm is in front of every digest.
const algorithm = "sha256:"

// write puts a small file in its place. s.mu is held.
func (s *store) write(to string, content []byte) error {
	d, err := s.newDraft()
	if err != nil {
		return err
	}
	if _, err = d.Write(content); err == nil {
		err = d.finish()
	}
	if err == nil {
		err = s.place(d, to)
	}
	if err != nil {
		s.discard(d)
	}
	return err
}

// whole returns the size of a blob that somebody wants. What is damaged is not there.
func (s *store) whole(ctx context.Context, digest string) (int64, error) {
	if err := s.inspect(ctx, digest); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.use(s.blobPath(digest)); err != nil {
		return 0, err
	}
	info, err := os.Stat(s.blobPath(digest))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// inspect hashes a blob. What is damaged is put aside: the error is fs.ErrNotExist, as it is for what is not there.
func (s *store) inspect(ctx context.Context, digest string) error {
	f, err := os.Open(s.blobPath(digest))
	if err != nil {
		return err
	}
	defer f.Close()
	err = sum(ctx, f, digest)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return s.putAside(f, digest, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked[digest] = s.clock()
	return nil
}

// errDamaged says that a file is not what its name says.
var errDamaged = errors.New("it has other content than its digest says")

// sum reads everything and compares it with a digest.
func sum(ctx context.Context, from io.Reader, digest string) error {
	h := sha256.New()
	_, err := io.Copy(h, interruptible{ctx, from})
	if err == nil && hex.EncodeToString(h.Sum(nil)) != digest {
		err = errDamaged
	}
	return err
}

// interruptible ends reading with a context.
type interruptible struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.from.Read(p)
}

// putAside moves a damaged file out of the way, unless another one has its name by now. The error is fs.ErrNotExist.
func (s *store) putAside(damaged *os.File, digest string, why error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.checked, digest)
	said := fmt.Errorf("%s is damaged on the disk of the registry: %w (push it again): %w", algorithm+digest, why, fs.ErrNotExist)
	if !isAt(damaged, damaged.Name()) {
		return said
	}
	to := s.path(damagedDir, digest)
	if err := s.disk.rename(damaged.Name(), to); err != nil {
		s.log.Error("what the registry has is damaged and cannot be put aside", "digest", algorithm+digest, "file", damaged.Name(), "error", err)
		return said
	}
	now := s.clock()
	_ = os.Chtimes(to, now, now) // how long it is kept counts from now; without, it is kept for a shorter time
	s.log.Error("what the registry has is damaged and was put aside; it is there again once it is pushed again",
		"digest", algorithm+digest, "file", to, "error", why)
	return said
}

// isAt says that an open file still has its name.
func isAt(open *os.File, name string) bool {
	mine, err := open.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(mine, there)
}

// recent is how old the time of a file may be for it not to be written anew.
const recent = time.Minute

// use notes in the time of a file that somebody wants it. s.mu is held.
func (s *store) use(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	now := s.clock()
	if age := now.Sub(info.ModTime()); age < recent && age > -recent {
		return nil
	}
	if err := os.Chtimes(name, now, now); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil // on a disk that cannot be written to nothing is removed either
}
