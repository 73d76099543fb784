package pack

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// Options of a DB.
type Options struct {
	// Dir is where packs are while they are needed. The directory for temporary files when empty.
	Dir string
	// CacheBytes bounds the unpacked objects of packs that are kept in memory.
	CacheBytes int64
	// MemoryObjects and MemoryBytes bound the new objects in memory before they are packed to disk.
	MemoryObjects int
	MemoryBytes   int64
	// MaxBytes bounds a pack that is received. 0 is no limit.
	MaxBytes int64
}

// DB holds objects: packs on disk and, on top of them, new objects in memory. It only grows, until another one replaces
// it. Reading is safe for use by several goroutines; one at a time adds.
type DB struct {
	options Options
	cache   *cache

	mu     sync.RWMutex
	memory map[plumbing.Hash]Object
	bytes  int64
	packs  []*packFile
	// older is what this one replaced: readers of commits that are gone from the remote go on working.
	older  *DB
	closed bool
}

// NewDB returns an empty DB. It touches no disk.
func NewDB(o Options) *DB { return newDB(o, newCache(o.CacheBytes)) }

func newDB(o Options, c *cache) *DB {
	return &DB{options: o, cache: c, memory: map[plumbing.Hash]Object{}}
}

// Fresh returns an empty DB with the same options, which shares the cache.
func (db *DB) Fresh() *DB { return newDB(db.options, db.cache) }

// Object implements Source.
func (db *DB) Object(h plumbing.Hash) (Object, bool, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if o, ok := db.memory[h]; ok {
		return o, true, nil
	}
	if db.closed {
		return Object{}, false, nil
	}
	for _, p := range db.packs {
		if off, ok := p.find(h); ok {
			o, err := p.read(off, lockedBases{db})
			return o, err == nil, err
		}
	}
	if db.older != nil {
		return db.older.Object(h)
	}
	return Object{}, false, nil
}

// lockedBases finds bases of deltas while the lock is held.
type lockedBases struct{ db *DB }

func (l lockedBases) Object(h plumbing.Hash) (Object, bool, error) {
	if o, ok := l.db.memory[h]; ok {
		return o, true, nil
	}
	for _, p := range l.db.packs {
		if off, ok := p.find(h); ok {
			o, err := p.read(off, l)
			return o, err == nil, err
		}
	}
	return Object{}, false, nil
}

// Has tells whether an object is there, without unpacking it.
func (db *DB) Has(h plumbing.Hash) bool {
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

// Receive takes in a pack from a stream: the objects of a small one like new ones, a large one as it is. Objects that deltas
// of a thin pack refer to are those that are there already.
func (db *DB) Receive(ctx context.Context, r io.Reader) error {
	objects, p, err := receive(ctx, r, db)
	if err != nil {
		return err
	}
	if p == nil {
		return db.Add(objects)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.packs = append(db.packs, p)
	return nil
}

// Add takes new objects into memory and moves all of memory to a pack on disk when it is over the bounds.
func (db *DB) Add(objects map[plumbing.Hash]Object) error {
	db.mu.Lock()
	for h, o := range objects {
		if _, ok := db.memory[h]; !ok {
			db.memory[h] = o
			db.bytes += int64(len(o.Data)) + objectOverhead
		}
	}
	full := len(db.memory) > db.options.MemoryObjects || db.bytes > db.options.MemoryBytes
	db.mu.Unlock()
	if full {
		return db.spill()
	}
	return nil
}

// objectOverhead is about what an object costs in memory beside its content.
const objectOverhead = 150

// spill packs the objects in memory to disk. Only one goroutine adds, so the map does not change while it is packed.
func (db *DB) spill() error {
	p, err := packToDisk(db.options.Dir, db.memory, db.cache)
	if err != nil {
		return fmt.Errorf("packing new objects: %w", err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.packs = append(db.packs, p)
	db.memory = map[plumbing.Hash]Object{}
	db.bytes = 0
	return nil
}

// Packs returns the number of packs on disk.
func (db *DB) Packs() int {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return len(db.packs)
}

// Replace makes db the successor of older: readers of objects that only older has go on working. What older itself
// replaced is given up.
func (db *DB) Replace(older *DB) error {
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
	return oldest.Close()
}

// Close gives up the packs, after reads that are under way.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	var first error
	for _, p := range db.packs {
		if err := p.close(); err != nil && first == nil {
			first = err
		}
	}
	db.packs, db.closed = nil, true
	db.memory = map[plumbing.Hash]Object{}
	if db.older != nil {
		if err := db.older.Close(); err != nil && first == nil {
			first = err
		}
		db.older = nil
	}
	return first
}
