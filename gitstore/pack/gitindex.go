package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// gitIndex is the index that Git made of a pack: a fan-out, names, checksums, offsets, long offsets. It is searched
// where it lies, since a command looks for a handful of objects among perhaps a million. Names that share their first byte
// lie together; where they are not many, they are read at once and kept, for a command that looks for thousands.
type gitIndex struct {
	r      io.ReaderAt
	file   *os.File
	fanout [256]uint32

	mu    sync.Mutex
	names [256][]byte
}

// keptNames is how many names with the same first byte are kept at most.
const keptNames = 1 << 13

const (
	indexHead = 8
	indexFan  = 256 * 4
)

// openIndex checks the beginning of an index. file is closed with it.
func openIndex(r io.ReaderAt, file *os.File) (*gitIndex, error) {
	var head [indexHead + indexFan]byte
	if n, err := r.ReadAt(head[:], 0); n < len(head) {
		return nil, fmt.Errorf("%w: an index that is too short: %w", ErrCorrupt, err)
	}
	if string(head[:indexHead]) != "\xfftOc\x00\x00\x00\x02" {
		return nil, ErrIndexKind
	}
	x := &gitIndex{r: r, file: file}
	for i := range x.fanout {
		x.fanout[i] = binary.BigEndian.Uint32(head[indexHead+4*i:])
		if i > 0 && x.fanout[i] < x.fanout[i-1] {
			return nil, fmt.Errorf("%w: an index out of order", ErrCorrupt)
		}
	}
	// The last of the short offsets has to be there.
	if n := x.count(); n > 0 {
		if err := x.readAt(make([]byte, 4), x.shortOffset(n-1)); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (x *gitIndex) close() error { return x.file.Close() }

func (x *gitIndex) count() int64 { return int64(x.fanout[255]) }

// shortOffset returns where the offset of object i is.
func (x *gitIndex) shortOffset(i int64) int64 {
	return indexHead + indexFan + (hashSize+4)*x.count() + 4*i
}

const hashSize = 20

func (x *gitIndex) readAt(p []byte, at int64) error {
	if n, err := x.r.ReadAt(p, at); n < len(p) {
		return fmt.Errorf("%w: an index that is too short: %w", ErrCorrupt, err)
	}
	return nil
}

func (x *gitIndex) hash(i int64) (h plumbing.Hash, err error) {
	return h, x.readAt(h[:], indexHead+indexFan+hashSize*i)
}

// search returns the number of the first object whose name does not come before a prefix.
func (x *gitIndex) search(prefix []byte) (int64, error) {
	var from int64
	if prefix[0] > 0 {
		from = int64(x.fanout[prefix[0]-1])
	}
	count := int(int64(x.fanout[prefix[0]]) - from)
	names, failed := x.namesAt(prefix[0], from, count)
	n := sort.Search(count, func(i int) bool {
		if names != nil {
			return bytes.Compare(names[i*hashSize:i*hashSize+len(prefix)], prefix) >= 0
		}
		h, err := x.hash(from + int64(i))
		failed = errors.Join(failed, err)
		return bytes.Compare(h[:len(prefix)], prefix) >= 0
	})
	return from + int64(n), failed
}

// namesAt returns the names that begin with a byte; nil when they are too many.
func (x *gitIndex) namesAt(first byte, from int64, count int) ([]byte, error) {
	if count == 0 || count > keptNames {
		return nil, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.names[first] == nil {
		names := make([]byte, count*hashSize)
		if err := x.readAt(names, indexHead+indexFan+hashSize*from); err != nil {
			return nil, err
		}
		x.names[first] = names
	}
	return x.names[first], nil
}

// find returns where in the pack an object is.
func (x *gitIndex) find(h plumbing.Hash) (int64, bool, error) {
	i, err := x.search(h[:])
	if err != nil || i >= x.count() {
		return 0, false, err
	}
	if got, err := x.hash(i); err != nil || got != h {
		return 0, false, err
	}
	var short [4]byte
	if err := x.readAt(short[:], x.shortOffset(i)); err != nil {
		return 0, false, err
	}
	const isLong = 1 << 31
	offset := int64(binary.BigEndian.Uint32(short[:]))
	if offset&isLong == 0 {
		return offset, true, nil
	}
	var long [8]byte
	if err := x.readAt(long[:], x.shortOffset(x.count())+8*(offset&^isLong)); err != nil {
		return 0, false, err
	}
	return int64(binary.BigEndian.Uint64(long[:]) & (1<<62 - 1)), true, nil
}

// withPrefix returns the objects whose names begin with some bytes.
func (x *gitIndex) withPrefix(prefix []byte) ([]plumbing.Hash, error) {
	i, err := x.search(prefix)
	if err != nil {
		return nil, err
	}
	var found []plumbing.Hash
	for ; i < x.count(); i++ {
		h, err := x.hash(i)
		if err != nil || !bytes.HasPrefix(h[:], prefix) {
			return found, err
		}
		found = append(found, h)
	}
	return found, nil
}
