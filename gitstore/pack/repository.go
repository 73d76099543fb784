package pack

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	lru "github.com/hashicorp/golang-lru/v2"
)

// Repository is a Source of the objects of a repository on this machine that Git made: packs with their indexes, and
// single files.
type Repository struct {
	// dirs are the object folders: its own, and those of the repositories it borrows from.
	dirs  []string
	packs []indexedPack
	// folders are single files that hold folders: the way to most files goes through the same few, and they may be large.
	folders *lru.Cache[plumbing.Hash, Object]
}

// Bounds of the folders that are kept: how many, and how large each may be.
const (
	keptFolders     = 256
	keptFolderBytes = 1 << 17
)

// indexedPack is a pack that Git made, with the index that Git made.
type indexedPack struct {
	index *gitIndex
	pack  *packFile
}

// OpenRepository opens the objects that a repository has now.
func OpenRepository(gitDir string) (*Repository, error) {
	r := &Repository{}
	r.folders, _ = lru.New[plumbing.Hash, Object](keptFolders) // the size is positive, the only thing New refuses
	if err := r.addDir(filepath.Join(gitDir, "objects"), 0); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// maxAlternates bounds repositories that borrow from repositories.
const maxAlternates = 5

func (r *Repository) addDir(dir string, depth int) error {
	r.dirs = append(r.dirs, dir)
	indexes, err := filepath.Glob(filepath.Join(dir, "pack", "*.idx"))
	if err != nil {
		return err
	}
	cache := newCache(16 << 20)
	for _, name := range indexes {
		if err := r.addPack(name, cache); err != nil && !errors.Is(err, fs.ErrNotExist) { // or Git is packing again
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	borrowed, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
	if err != nil || depth >= maxAlternates {
		return nil
	}
	for line := range strings.Lines(string(borrowed)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(dir, line)
		}
		if err := r.addDir(line, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repository) addPack(index string, cache *cache) error {
	f, err := os.Open(index)
	if err != nil {
		return err
	}
	i, err := openIndex(f, f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	data, err := os.Open(strings.TrimSuffix(index, ".idx") + ".pack")
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r.packs = append(r.packs, indexedPack{i, &packFile{file: data, cache: cache}})
	return nil
}

// Object implements Source.
func (r *Repository) Object(h plumbing.Hash) (Object, bool, error) {
	for _, p := range r.packs {
		off, ok, err := p.index.find(h)
		if err != nil {
			return Object{}, false, err
		}
		if ok {
			o, err := p.pack.read(off, r)
			return o, err == nil, err
		}
	}
	return r.single(h)
}

// single finds an object that is a file of its own.
func (r *Repository) single(h plumbing.Hash) (Object, bool, error) {
	if o, ok := r.folders.Get(h); ok {
		return o, true, nil
	}
	name := h.String()
	for _, d := range r.dirs {
		o, err := readLoose(filepath.Join(d, name[:2], name[2:]))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && o.Kind == plumbing.TreeObject && len(o.Data) <= keptFolderBytes {
			r.folders.Add(h, o)
		}
		return o, err == nil, err
	}
	return Object{}, false, nil
}

// WithPrefix returns the names of objects that begin with some hexadecimal digits, at least two.
func (r *Repository) WithPrefix(digits string) ([]plumbing.Hash, error) {
	digits = strings.ToLower(digits)
	raw, err := hex.DecodeString(digits[:len(digits)&^1])
	if err != nil {
		return nil, err
	}
	found := map[plumbing.Hash]bool{}
	for _, p := range r.packs {
		hashes, err := p.index.withPrefix(raw)
		if err != nil {
			return nil, err
		}
		for _, h := range hashes {
			if strings.HasPrefix(h.String(), digits) {
				found[h] = true
			}
		}
	}
	for _, d := range r.dirs {
		names, err := filepath.Glob(filepath.Join(d, digits[:2], digits[2:]+"*"))
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			found[plumbing.NewHash(filepath.Base(filepath.Dir(n))+filepath.Base(n))] = true
		}
	}
	return slices.Collect(maps.Keys(found)), nil
}

// Close closes the packs.
func (r *Repository) Close() error {
	var err error
	for _, p := range r.packs {
		err = errors.Join(err, p.index.close(), p.pack.file.Close())
	}
	r.packs = nil
	return err
}
