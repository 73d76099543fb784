package pack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
)

// maxObjectBytes bounds one object: the repositories of Plateform hold small text files, and a source is checked out by
// file.
const maxObjectBytes = 512 << 20

// packFile is a pack with its index in memory: 28 bytes an object. It is immutable and safe for several goroutines.
type packFile struct {
	file  *os.File
	cache *cache
	// hashes in order, and where in the file each one is.
	hashes  []plumbing.Hash
	offsets []int64
	// fanout holds for each first byte the number of hashes up to and including it.
	fanout [256]uint32
}

// newPack makes a pack of a file and what is where in it.
func newPack(file *os.File, cache *cache, hashes []plumbing.Hash, offsets []int64) *packFile {
	order := make([]uint32, len(hashes))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return bytes.Compare(hashes[a][:], hashes[b][:]) })
	p := &packFile{file: file, cache: cache, hashes: make([]plumbing.Hash, len(hashes)), offsets: make([]int64, len(hashes))}
	for i, o := range order {
		p.hashes[i], p.offsets[i] = hashes[o], offsets[o]
		p.fanout[hashes[o][0]]++
	}
	for i := 1; i < len(p.fanout); i++ {
		p.fanout[i] += p.fanout[i-1]
	}
	return p
}

// close ends the use of the pack.
func (p *packFile) close() error {
	p.cache.drop(p)
	return discard(p.file)
}

// scratchFile makes a file that leaves nothing behind, however the process ends: where the system allows it, it has no
// name from the start.
func scratchFile(dir string) (*os.File, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("the folder for packs: %w", err)
		}
	}
	f, err := os.CreateTemp(dir, "plateform-*.pack")
	if err != nil {
		return nil, fmt.Errorf("the folder for packs: %w", err)
	}
	_ = os.Remove(f.Name()) // works while it is open everywhere but on Windows, where discard does it
	return f, nil
}

// discard closes a scratch file and frees its space.
func discard(f *os.File) error {
	err := f.Close()
	if rerr := os.Remove(f.Name()); !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	return err
}

// find returns where an object is.
func (p *packFile) find(h plumbing.Hash) (int64, bool) {
	var from uint32
	if h[0] > 0 {
		from = p.fanout[h[0]-1]
	}
	among := p.hashes[from:p.fanout[h[0]]]
	i, ok := slices.BinarySearchFunc(among, h, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	if !ok {
		return 0, false
	}
	return p.offsets[int(from)+i], true
}

// read unpacks the object at an offset. bases knows the objects that deltas of a thin pack refer to.
func (p *packFile) read(offset int64, bases Source) (Object, error) {
	z := inflaters.Get().(*inflater)
	defer z.release()
	type link struct {
		offset int64
		delta  []byte
	}
	var chain []link
	var o Object
	for at := offset; ; {
		var ok bool
		if o, ok = p.cache.get(cacheKey{p, at}); ok {
			break
		}
		e, data, err := z.readAt(p.file, at, nil)
		if err != nil {
			return Object{}, err
		}
		if e.kind != plumbing.OFSDeltaObject && e.kind != plumbing.REFDeltaObject {
			o = Object{Kind: e.kind, Data: data}
			p.cache.put(cacheKey{p, at}, o)
			break
		}
		chain = append(chain, link{at, data})
		if len(chain) > maxDeltaChain {
			return Object{}, fmt.Errorf("%w: a chain of more than %d deltas", ErrCorrupt, maxDeltaChain)
		}
		if e.kind == plumbing.OFSDeltaObject {
			at = e.baseOffset
			continue
		}
		if o, ok, err = bases.Object(e.baseHash); err != nil || !ok {
			return Object{}, errors.Join(err, fmt.Errorf("%w: the base %s of a delta is missing", ErrCorrupt, e.baseHash))
		}
		break
	}
	for _, l := range slices.Backward(chain) {
		data, err := patchDelta(nil, o.Data, l.delta)
		if err != nil {
			return Object{}, err
		}
		o.Data = data
		p.cache.put(cacheKey{p, l.offset}, o)
	}
	return o, nil
}

// maxDeltaChain is what Git itself allows.
const maxDeltaChain = 4095

// packEntry is the head of an object in a pack.
type packEntry struct {
	kind       plumbing.ObjectType
	size       int64
	baseOffset int64
	baseHash   plumbing.Hash
}

// readEntry reads the head of the object that begins at an offset.
func readEntry(r *bufio.Reader, offset int64) (packEntry, error) {
	b, err := r.ReadByte()
	if err != nil {
		return packEntry{}, err
	}
	e := packEntry{kind: plumbing.ObjectType(b >> 4 & 7), size: int64(b & 15)}
	for shift := 4; b&0x80 != 0; shift += 7 {
		if b, err = r.ReadByte(); err != nil {
			return packEntry{}, err
		}
		if shift > 40 {
			return packEntry{}, fmt.Errorf("%w: an object of more than 2^47 bytes", ErrCorrupt)
		}
		e.size |= int64(b&0x7f) << shift
	}
	if e.size > maxObjectBytes {
		return packEntry{}, fmt.Errorf("%w: an object of %d bytes; the limit is %d", ErrTooLarge, e.size, maxObjectBytes)
	}
	switch e.kind {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		return e, nil
	case plumbing.REFDeltaObject:
		_, err = io.ReadFull(r, e.baseHash[:])
		return e, err
	case plumbing.OFSDeltaObject:
		back, err := readBackOffset(r)
		e.baseOffset = offset - back
		if err == nil && (back <= 0 || e.baseOffset < packHeader) {
			err = fmt.Errorf("%w: a base before the beginning", ErrCorrupt)
		}
		return e, err
	default:
		return packEntry{}, fmt.Errorf("%w: an object of kind %d", ErrCorrupt, e.kind)
	}
}

// packHeader is the length of what comes before the first object.
const packHeader = 12

// readBackOffset reads how far before an object its base begins.
func readBackOffset(r io.ByteReader) (int64, error) {
	b, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	n := int64(b & 0x7f)
	for i := 0; b&0x80 != 0; i++ {
		if b, err = r.ReadByte(); err != nil {
			return 0, err
		}
		if i > 7 {
			return 0, fmt.Errorf("%w: an offset of more than 2^56", ErrCorrupt)
		}
		n = (n+1)<<7 | int64(b&0x7f)
	}
	return n, nil
}

// readPackHeader returns the number of objects of a pack.
func readPackHeader(r io.Reader) (uint32, error) {
	var head [packHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if string(head[:4]) != "PACK" || binary.BigEndian.Uint32(head[4:]) != 2 {
		return 0, fmt.Errorf("%w: it does not begin like one", ErrCorrupt)
	}
	return binary.BigEndian.Uint32(head[8:]), nil
}

// inflater unpacks objects; its buffers are worth keeping.
type inflater struct {
	buf *bufio.Reader
	at  readerAt
	z   io.ReadCloser
}

var inflaters = sync.Pool{New: func() any { return &inflater{buf: bufio.NewReaderSize(nil, 4096)} }}

// readerAt reads a file from an offset on. It reads more than it is asked for and keeps that: the object that is wanted
// next is often the one that comes next. The file must not change.
type readerAt struct {
	r      io.ReaderAt
	offset int64

	buffer [16 << 10]byte
	window []byte // the part of the buffer that was read
	start  int64  // its offset in the file
}

func (r *readerAt) seek(to io.ReaderAt, offset int64) {
	if r.r != to {
		r.r, r.window = to, nil
	}
	r.offset = offset
}

func (r *readerAt) Read(p []byte) (int, error) {
	if r.offset < r.start || r.offset >= r.start+int64(len(r.window)) {
		n, err := r.r.ReadAt(r.buffer[:], r.offset)
		r.window, r.start = r.buffer[:n], r.offset
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, r.window[r.offset-r.start:])
	r.offset += int64(n)
	return n, nil
}

func (z *inflater) release() { inflaters.Put(z) }

// readAt returns the head and the unpacked content, of an object or of a delta, in buf or a larger one.
func (z *inflater) readAt(r io.ReaderAt, offset int64, buf []byte) (packEntry, []byte, error) {
	z.at.seek(r, offset)
	z.buf.Reset(&z.at)
	e, err := readEntry(z.buf, offset)
	if err != nil {
		return e, nil, err
	}
	data, err := z.inflate(z.buf, e.size, buf)
	return e, data, err
}

// inflate unpacks size bytes into buf, or a larger one.
func (z *inflater) inflate(r io.Reader, size int64, buf []byte) ([]byte, error) {
	if z.z == nil {
		var err error
		if z.z, err = zlib.NewReader(r); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	} else if err := z.z.(zlib.Resetter).Reset(r, nil); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	buf, err := readExactly(z.z, size, buf)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return buf, nil
}

// readExactly reads size bytes and finds the end after them. A size that lies costs no memory: the buffer grows with
// what is there.
func readExactly(r io.Reader, size int64, buf []byte) ([]byte, error) {
	const trusted = 1 << 20
	if int64(cap(buf)) < min(size, trusted) {
		buf = make([]byte, min(size, trusted))
	}
	buf = buf[:min(size, int64(cap(buf)))]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, err
	}
	for int64(len(buf)) < size {
		n := len(buf)
		buf = slices.Grow(buf, int(min(size-int64(n), int64(n)+trusted)))
		buf = buf[:min(int64(cap(buf)), size)]
		if _, err := io.ReadFull(r, buf[n:]); err != nil {
			return nil, err
		}
	}
	var end [1]byte
	if n, err := r.Read(end[:]); n != 0 || !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, errors.New("an object is longer than it says"))
	}
	return buf, nil
}
