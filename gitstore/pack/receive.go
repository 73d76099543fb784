package pack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/sync/errgroup"
)

// indexer finds the names of all objects of a pack. The pack is read once as it arrives, which names the objects that
// are whole; then the deltas are followed from their bases upward, on all cores.
type indexer struct {
	file  *os.File
	bases Source
	// keep is called with each object when it is not nil; it must be safe for several goroutines.
	keep func(plumbing.Hash, Object)

	offsets []int64
	kinds   []plumbing.ObjectType
	hashes  []plumbing.Hash
	deltas  deltaKeeper
	// parent is the entry that a delta builds on, -1 when there is none.
	parent []int32
	// byHash are the deltas that name their base by hash.
	byHash map[plumbing.Hash][]int32
	// children of entry i are childList[childStart[i]:childStart[i+1]].
	childStart []int32
	childList  []int32
	done       []atomic.Bool
}

// smallPack is up to how many objects a fetched pack is taken apart into memory instead of staying on disk.
const smallPack = 4096

// receive takes a pack for a DB from a stream: a small one as objects, a large one as a pack on disk.
func receive(ctx context.Context, r io.Reader, db *DB) (objects map[plumbing.Hash]Object, p *packFile, err error) {
	file, err := scratchFile(db.options.Dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if p == nil {
			err = errors.Join(err, discard(file))
		}
	}()
	x := &indexer{file: file, bases: db, byHash: map[plumbing.Hash][]int32{}, deltas: deltaKeeper{left: keptDeltas}}
	if err := x.scan(ctx, r, db.options.MaxBytes); err != nil {
		return nil, nil, err
	}
	if len(x.offsets) <= smallPack {
		objects = make(map[plumbing.Hash]Object, len(x.offsets))
		var mu sync.Mutex
		x.keep = func(h plumbing.Hash, o Object) {
			mu.Lock()
			defer mu.Unlock()
			objects[h] = o
		}
	}
	if err := x.resolve(ctx); err != nil {
		return nil, nil, err
	}
	if objects != nil {
		return objects, nil, nil
	}
	return nil, newPack(file, db.cache, x.hashes, x.offsets), nil
}

// spool is a pack stream: it counts, writes to the file and sums up all but the checksum at the end.
type spool struct {
	r     io.Reader
	w     io.Writer
	sum   hash.Hash
	tail  []byte
	n     int64
	limit int64
}

func (s *spool) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if s.limit > 0 && s.n > s.limit {
		return n, fmt.Errorf("%w: the repository is more than %d bytes", ErrTooLarge, s.limit)
	}
	if _, werr := s.w.Write(p[:n]); werr != nil {
		return n, werr
	}
	s.tail = append(s.tail, p[:n]...)
	if over := len(s.tail) - sha1.Size; over > 0 {
		s.sum.Write(s.tail[:over])
		s.tail = append(s.tail[:0], s.tail[over:]...)
	}
	return n, err
}

// scan reads the pack as it arrives.
func (x *indexer) scan(ctx context.Context, r io.Reader, limit int64) error {
	w := bufio.NewWriterSize(x.file, 256<<10)
	s := &spool{r: r, w: w, sum: sha1.New(), limit: limit}
	in := bufio.NewReaderSize(s, 64<<10)
	count, err := readPackHeader(in)
	if err != nil {
		return err
	}
	z := &inflater{}
	var buf []byte
	for i := range count {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if buf, err = x.scanObject(in, s, z, buf); err != nil {
			return fmt.Errorf("object %d of %d: %w", i+1, count, err)
		}
	}
	var sum [sha1.Size]byte
	if _, err := io.ReadFull(in, sum[:]); err != nil {
		return fmt.Errorf("%w: its end is missing: %w", ErrCorrupt, err)
	}
	// What follows belongs to the protocol; reading to its end lets the connection be used again.
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	if !bytes.Equal(s.tail, sum[:]) || !bytes.Equal(s.sum.Sum(nil), sum[:]) {
		return fmt.Errorf("%w: wrong checksum", ErrCorrupt)
	}
	return w.Flush()
}

// scanObject reads one object: a whole one gets its name, a delta is taken note of.
func (x *indexer) scanObject(in *bufio.Reader, s *spool, z *inflater, buf []byte) ([]byte, error) {
	offset := s.n - int64(in.Buffered())
	e, err := readEntry(in, offset)
	if err != nil {
		return buf, err
	}
	data, err := z.inflate(in, e.size, buf)
	if err != nil {
		return buf, err
	}
	i := int32(len(x.offsets))
	parent := int32(-1)
	var name plumbing.Hash
	switch e.kind {
	case plumbing.OFSDeltaObject:
		at, ok := slices.BinarySearch(x.offsets, e.baseOffset)
		if !ok {
			return buf, fmt.Errorf("%w: a delta of nothing", ErrCorrupt)
		}
		parent = int32(at)
	case plumbing.REFDeltaObject:
		x.byHash[e.baseHash] = append(x.byHash[e.baseHash], i)
	default:
		name = Hash(e.kind, data)
	}
	if name.IsZero() {
		x.deltas.add(data)
	} else {
		x.deltas.add(nil)
	}
	x.offsets = append(x.offsets, offset)
	x.kinds = append(x.kinds, e.kind)
	x.hashes = append(x.hashes, name)
	x.parent = append(x.parent, parent)
	return data[:0], nil
}

// resolve names the deltas.
func (x *indexer) resolve(ctx context.Context) error {
	x.linkChildren()
	x.done = make([]atomic.Bool, len(x.offsets))
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), 1+len(x.offsets)/256) {
		g.Go(func() error {
			r := newResolver(x)
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(x.offsets)) {
					return nil
				}
				if err := r.root(int32(i)); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := x.resolveForeign(); err != nil {
		return err
	}
	for i := range x.done {
		if !x.done[i].Load() {
			return fmt.Errorf("%w: the base of the delta at %d is missing", ErrCorrupt, x.offsets[i])
		}
	}
	return nil
}

// linkChildren turns the parents around.
func (x *indexer) linkChildren() {
	x.childStart = make([]int32, len(x.offsets)+1)
	for _, p := range x.parent {
		if p >= 0 {
			x.childStart[p+1]++
		}
	}
	for i := 1; i < len(x.childStart); i++ {
		x.childStart[i] += x.childStart[i-1]
	}
	x.childList = make([]int32, x.childStart[len(x.offsets)])
	fill := slices.Clone(x.childStart)
	for i, p := range x.parent {
		if p >= 0 {
			x.childList[fill[p]] = int32(i)
			fill[p]++
		}
	}
}

// childrenOf returns the deltas that build on an entry whose name is known.
func (x *indexer) childrenOf(i int32) []int32 {
	children := x.childList[x.childStart[i]:x.childStart[i+1]]
	if len(x.byHash) == 0 {
		return children
	}
	if named := x.byHash[x.hashes[i]]; len(named) > 0 {
		children = slices.Concat(children, named)
	}
	return children
}
