package gitstore

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
)

// localObjects are the objects of a repository that Git made: packs with their indexes, and single files.
type localObjects struct {
	// dirs are the object folders: its own, and those of the repositories it borrows from.
	dirs  []string
	packs []*pack
}

// openLocalObjects opens what a repository has now.
func openLocalObjects(gitDir string) (*localObjects, error) {
	l := &localObjects{}
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
		p, err := openLocalPack(name, cache)
		if errors.Is(err, fs.ErrNotExist) {
			continue // Git is packing again
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		l.packs = append(l.packs, p)
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

// openLocalPack opens a pack by its index.
func openLocalPack(index string, cache *objectCache) (*pack, error) {
	data, err := os.ReadFile(index)
	if err != nil {
		return nil, err
	}
	p, err := parseIndex(data)
	if err != nil {
		return nil, err
	}
	p.cache = cache
	p.file, err = os.Open(strings.TrimSuffix(index, ".idx") + ".pack")
	return p, err
}

// parseIndex reads the second version of Git's index of a pack: a fan-out, names, checksums, offsets, long offsets.
func parseIndex(data []byte) (*pack, error) {
	const head, fan = 8, 256 * 4
	if len(data) < head+fan || string(data[:8]) != "\xfftOc\x00\x00\x00\x02" {
		return nil, fmt.Errorf("%w: an index of another kind; run git gc", errCorrupt)
	}
	p := &pack{}
	for i := range p.fanout {
		p.fanout[i] = binary.BigEndian.Uint32(data[head+4*i:])
		if i > 0 && p.fanout[i] < p.fanout[i-1] {
			return nil, fmt.Errorf("%w: an index out of order", errCorrupt)
		}
	}
	n := int(p.fanout[255])
	names := data[head+fan:]
	const perObject = 20 + 4 + 4
	if len(names)/perObject < n {
		return nil, fmt.Errorf("%w: an index that is too short", errCorrupt)
	}
	short, long := names[24*n:28*n], names[28*n:]
	p.hashes, p.offsets = make([]plumbing.Hash, n), make([]int64, n)
	for i := range n {
		copy(p.hashes[i][:], names[20*i:])
		offset := int64(binary.BigEndian.Uint32(short[4*i:]))
		if offset&0x80000000 != 0 {
			at := 8 * int(offset&0x7fffffff)
			if at+8 > len(long) {
				return nil, fmt.Errorf("%w: an index that points behind its end", errCorrupt)
			}
			offset = int64(binary.BigEndian.Uint64(long[at:]) & (1<<62 - 1))
		}
		p.offsets[i] = offset
	}
	return p, nil
}

func (l *localObjects) object(h plumbing.Hash) (rawObject, bool, error) {
	for _, p := range l.packs {
		if off, ok := p.find(h); ok {
			o, err := p.read(off, l)
			return o, err == nil, err
		}
	}
	name := h.String()
	for _, d := range l.dirs {
		o, err := readLoose(filepath.Join(d, name[:2], name[2:]))
		if errors.Is(err, fs.ErrNotExist) {
			continue
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
		for i := p.firstFrom(raw); i < len(p.hashes) && bytes.HasPrefix(p.hashes[i][:], raw); i++ {
			if strings.HasPrefix(p.hashes[i].String(), strings.ToLower(prefix)) {
				found[p.hashes[i]] = true
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
		err = errors.Join(err, p.file.Close())
	}
	l.packs = nil
	return err
}

// firstFrom returns the index of the first name that is not before a prefix.
func (p *pack) firstFrom(prefix []byte) int {
	from := 0
	if prefix[0] > 0 {
		from = int(p.fanout[prefix[0]-1])
	}
	for from < len(p.hashes) && bytes.Compare(p.hashes[from][:len(prefix)], prefix) < 0 {
		from++
	}
	return from
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
