package gitstore

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/klauspost/compress/zlib"
)

// localObjects are the objects of a repository that Git made: packs with their indexes, and single files.
type localObjects struct {
	// dirs are the object folders: its own, and those of the repositories it borrows from.
	dirs  []string
	packs []localPack
	// folders are single files that hold folders: the way to most files goes through the same few, and they may be large.
	folders *lru.Cache[plumbing.Hash, rawObject]
}

// Bounds of the folders that are kept: how many, and how large each may be.
const (
	keptFolders     = 256
	keptFolderBytes = 1 << 17
)

// localPack is a pack that Git made, with the index that Git made.
type localPack struct {
	index *packIndex
	pack  *pack
}

// openLocalObjects opens what a repository has now.
func openLocalObjects(gitDir string) (*localObjects, error) {
	l := &localObjects{}
	l.folders, _ = lru.New[plumbing.Hash, rawObject](keptFolders) // the size is positive, the only thing New refuses
	if err := l.addDir(filepath.Join(gitDir, "objects"), 0); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// maxAlternates bounds repositories that borrow from repositories.
const maxAlternates = 5

func (l *localObjects) addDir(dir string, depth int) error {
	l.dirs = append(l.dirs, dir)
	indexes, err := filepath.Glob(filepath.Join(dir, "pack", "*.idx"))
	if err != nil {
		return err
	}
	cache := newObjectCache(16 << 20)
	for _, name := range indexes {
		if err := l.addPack(name, cache); err != nil && !errors.Is(err, fs.ErrNotExist) { // or Git is packing again
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
		if err := l.addDir(line, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (l *localObjects) addPack(index string, cache *objectCache) error {
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
	l.packs = append(l.packs, localPack{i, &pack{file: data, cache: cache}})
	return nil
}

func (l *localObjects) object(h plumbing.Hash) (rawObject, bool, error) {
	for _, p := range l.packs {
		off, ok, err := p.index.find(h)
		if err != nil {
			return rawObject{}, false, err
		}
		if ok {
			o, err := p.pack.read(off, l)
			return o, err == nil, err
		}
	}
	return l.single(h)
}

// single finds an object that is a file of its own.
func (l *localObjects) single(h plumbing.Hash) (rawObject, bool, error) {
	if o, ok := l.folders.Get(h); ok {
		return o, true, nil
	}
	name := h.String()
	for _, d := range l.dirs {
		o, err := readLoose(filepath.Join(d, name[:2], name[2:]))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && o.kind == plumbing.TreeObject && len(o.data) <= keptFolderBytes {
			l.folders.Add(h, o)
		}
		return o, err == nil, err
	}
	return rawObject{}, false, nil
}

// abbreviated finds the one object whose name begins like this.
func (l *localObjects) abbreviated(prefix string) (plumbing.Hash, error) {
	const shortest = 4
	even := prefix[:len(prefix)&^1]
	raw, err := hex.DecodeString(even)
	if err != nil || len(prefix) < shortest || len(prefix) > 40 {
		return plumbing.ZeroHash, fmt.Errorf("is no branch, tag or commit: %w", ErrNoCommit)
	}
	found := map[plumbing.Hash]bool{}
	for _, p := range l.packs {
		hashes, err := p.index.withPrefix(raw)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		for _, h := range hashes {
			if strings.HasPrefix(h.String(), strings.ToLower(prefix)) {
				found[h] = true
			}
		}
	}
	for _, d := range l.dirs {
		names, err := filepath.Glob(filepath.Join(d, strings.ToLower(prefix[:2]), strings.ToLower(prefix[2:])+"*"))
		if err != nil {
			return plumbing.ZeroHash, err
		}
		for _, n := range names {
			found[plumbing.NewHash(filepath.Base(filepath.Dir(n))+filepath.Base(n))] = true
		}
	}
	return l.onlyCommit(found)
}

// onlyCommit returns the one commit or tag among objects.
func (l *localObjects) onlyCommit(found map[plumbing.Hash]bool) (plumbing.Hash, error) {
	var only []plumbing.Hash
	for h := range found {
		if o, ok, err := l.object(h); err != nil {
			return h, err
		} else if ok && (o.kind == plumbing.CommitObject || o.kind == plumbing.TagObject) {
			only = append(only, h)
		}
	}
	switch len(only) {
	case 0:
		return plumbing.ZeroHash, fmt.Errorf("is no branch, tag or commit: %w", ErrNoCommit)
	case 1:
		return only[0], nil
	}
	return plumbing.ZeroHash, fmt.Errorf("%d commits begin like this; name more of it", len(only))
}

func (l *localObjects) close() error {
	var err error
	for _, p := range l.packs {
		err = errors.Join(err, p.index.close(), p.pack.file.Close())
	}
	l.packs = nil
	return err
}

// loose returns the head of a single object, and its content to read.
func (z *inflater) loose(r io.Reader) (string, io.Reader, error) {
	zr, err := zlib.NewReader(r)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	z.z = zr
	content := bufio.NewReaderSize(io.LimitReader(zr, maxObjectBytes+64), 4096)
	var head []byte
	for len(head) < 32 {
		b, err := content.ReadByte()
		if err != nil {
			return "", nil, fmt.Errorf("%w: %w", errCorrupt, err)
		}
		if b == 0 {
			return string(head), content, nil
		}
		head = append(head, b)
	}
	return "", nil, fmt.Errorf("%w: an object that begins with %q", errCorrupt, head)
}
