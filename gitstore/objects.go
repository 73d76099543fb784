package gitstore

import (
	"crypto/sha1"
	"fmt"
	"strconv"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// rawObject is one unpacked object.
type rawObject struct {
	kind plumbing.ObjectType
	data []byte
}

// hashOf names an object as Git does. Nothing looks for made-up collisions here: the server has, before it let the object
// in, and that is who could be deceived.
func hashOf(kind plumbing.ObjectType, data []byte) plumbing.Hash {
	h := sha1.New()
	var head [32]byte
	b := append(head[:0], kind.String()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(data)), 10)
	h.Write(append(b, 0))
	h.Write(data)
	var sum plumbing.Hash
	h.Sum(sum[:0])
	return sum
}

// source is where objects come from. Implementations are safe for use by several goroutines.
type source interface {
	// object returns an object; false when it is not there.
	object(h plumbing.Hash) (rawObject, bool, error)
}

// get returns an object of a kind.
func get(s source, h plumbing.Hash, kind plumbing.ObjectType) ([]byte, error) {
	o, ok, err := s.object(h)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s %s: %w", kind, h, err)
	case !ok:
		return nil, fmt.Errorf("%s %s: %w", kind, h, plumbing.ErrObjectNotFound)
	case o.kind != kind:
		return nil, fmt.Errorf("%s is a %s where a %s should be", h, o.kind, kind)
	}
	return o.data, nil
}

// objectDB holds the objects of a Store: packs on disk and, on top of them, new objects in memory. It only grows; the
// Store replaces it when it has grown too much.
type objectDB struct {
	dir   string
	cache *objectCache

	mu     sync.RWMutex
	memory map[plumbing.Hash]rawObject
	bytes  int64
	packs  []*pack
	// older is what this one replaced: readers of commits that are gone from the remote go on working.
	older  *objectDB
	closed bool
}

func newObjectDB(dir string, cache *objectCache) *objectDB {
	return &objectDB{dir: dir, cache: cache, memory: map[plumbing.Hash]rawObject{}}
}

func (db *objectDB) object(h plumbing.Hash) (rawObject, bool, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if o, ok := db.memory[h]; ok {
		return o, true, nil
	}
	if db.closed {
		return rawObject{}, false, nil
	}
	for _, p := range db.packs {
		if off, ok := p.find(h); ok {
			o, err := p.read(off, lockedBases{db})
			return o, err == nil, err
		}
	}
	if db.older != nil {
		return db.older.object(h)
	}
	return rawObject{}, false, nil
}

// lockedBases finds bases of deltas while the lock is held.
type lockedBases struct{ db *objectDB }

func (l lockedBases) object(h plumbing.Hash) (rawObject, bool, error) {
	if o, ok := l.db.memory[h]; ok {
		return o, true, nil
	}
	for _, p := range l.db.packs {
		if off, ok := p.find(h); ok {
			o, err := p.read(off, l)
			return o, err == nil, err
		}
	}
	return rawObject{}, false, nil
}

// has tells whether an object is there, without unpacking it.
func (db *objectDB) has(h plumbing.Hash) bool {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if _, ok := db.memory[h]; ok {
		return true
	}
	for _, p := range db.packs {
		if _, ok := p.find(h); ok {
			return true
		}
	}
	return false
}

// add takes new objects into memory and moves all of memory to a pack on disk when it is over the bounds.
func (db *objectDB) add(objects map[plumbing.Hash]rawObject, maxObjects int, maxBytes int64) error {
	db.mu.Lock()
	for h, o := range objects {
		if _, ok := db.memory[h]; !ok {
			db.memory[h] = o
			db.bytes += int64(len(o.data)) + objectOverhead
		}
	}
	full := len(db.memory) > maxObjects || db.bytes > maxBytes
	db.mu.Unlock()
	if full {
		return db.spill()
	}
	return nil
}

// objectOverhead is about what an object costs in memory beside its content.
const objectOverhead = 150

// spill packs the objects in memory to disk. Only one goroutine adds, so the map does not change while it is packed.
func (db *objectDB) spill() error {
	p, err := packToDisk(db.dir, db.memory, db.cache)
	if err != nil {
		return fmt.Errorf("packing new objects: %w", err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.packs = append(db.packs, p)
	db.memory = map[plumbing.Hash]rawObject{}
	db.bytes = 0
	return nil
}

func (db *objectDB) addPack(p *pack) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.packs = append(db.packs, p)
}

func (db *objectDB) packCount() int {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return len(db.packs)
}

// replace makes db the successor of older; what older itself replaced is given up.
func (db *objectDB) replace(older *objectDB) error {
	older.mu.Lock()
	oldest := older.older
	older.older = nil
	older.mu.Unlock()
	db.mu.Lock()
	db.older = older
	db.mu.Unlock()
	if oldest == nil {
		return nil
	}
	return oldest.close()
}

// close gives up the packs, after reads that are under way.
func (db *objectDB) close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	var first error
	for _, p := range db.packs {
		if err := p.close(); err != nil && first == nil {
			first = err
		}
	}
	db.packs, db.closed = nil, true
	db.memory = map[plumbing.Hash]rawObject{}
	if db.older != nil {
		if err := db.older.close(); err != nil && first == nil {
			first = err
		}
		db.older = nil
	}
	return first
}
