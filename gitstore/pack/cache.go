package pack

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cacheKey is an object's place: packs never change, so nothing in the cache goes stale.
type cacheKey struct {
	pack   *packFile
	offset int64
}

// cache keeps the unpacked objects that were used last, up to a number of bytes.
type cache struct {
	mu    sync.Mutex
	lru   *simplelru.LRU[cacheKey, Object]
	bytes int64
	max   int64
}

// cacheEntries bounds the entries of a cache; the bytes are what counts.
const cacheEntries = 1 << 20

func newCache(maxBytes int64) *cache {
	c := &cache{max: maxBytes}
	// The size is positive, the only thing NewLRU refuses.
	c.lru, _ = simplelru.NewLRU(cacheEntries, func(_ cacheKey, o Object) { c.bytes -= cost(o) })
	return c
}

func cost(o Object) int64 { return int64(len(o.Data)) + cacheOverhead }

// cacheOverhead is about what an object costs in the cache beside its content.
const cacheOverhead = 400

func (c *cache) get(k cacheKey) (Object, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lru.Get(k)
}

func (c *cache) put(k cacheKey, o Object) {
	if cost(o) > c.max/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lru.Contains(k) {
		return
	}
	c.lru.Add(k, o)
	c.bytes += cost(o)
	for c.bytes > c.max {
		c.lru.RemoveOldest()
	}
}

// drop forgets the objects of a pack.
func (c *cache) drop(p *packFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.lru.Keys() {
		if k.pack == p {
			c.lru.Remove(k)
		}
	}
}
