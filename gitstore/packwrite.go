package gitstore

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
)

// packWriter writes a pack: what a push sends, or what memory has too much of.
type packWriter struct {
	out io.Writer
	n   int64
	z   *zlib.Writer
	err error
}

// newPackWriter begins a pack of count objects.
func newPackWriter(out io.Writer, count int) *packWriter {
	w := &packWriter{out: out}
	// The level is a valid one, the only thing NewWriterLevel refuses.
	w.z, _ = zlib.NewWriterLevel(w, zlib.BestSpeed)
	var head [packHeader]byte
	copy(head[:], "PACK")
	binary.BigEndian.PutUint32(head[4:], 2)
	binary.BigEndian.PutUint32(head[8:], uint32(count))
	_, w.err = w.Write(head[:])
	return w
}

// Write passes on what the compressor makes.
func (w *packWriter) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.n += int64(n)
	return n, err
}

// object appends a whole object.
func (w *packWriter) object(o rawObject) { w.entry(o.kind, nil, o.data) }

// delta appends an object as the difference from another one, which the reader has.
func (w *packWriter) delta(base plumbing.Hash, delta []byte) {
	w.entry(plumbing.REFDeltaObject, base[:], delta)
}

func (w *packWriter) entry(kind plumbing.ObjectType, base, data []byte) {
	if w.err != nil {
		return
	}
	var head [16]byte
	size := len(data)
	b := byte(kind)<<4 | byte(size&15)
	size >>= 4
	h := head[:0]
	for size > 0 {
		h = append(h, b|0x80)
		b = byte(size & 0x7f)
		size >>= 7
	}
	h = append(h, b)
	if _, w.err = w.Write(append(h, base...)); w.err != nil {
		return
	}
	w.z.Reset(w)
	if _, w.err = w.z.Write(data); w.err != nil {
		return
	}
	w.err = w.z.Close()
}

// packToDisk writes objects as a pack into dir.
func packToDisk(dir string, objects map[plumbing.Hash]rawObject, cache *objectCache) (p *pack, err error) {
	file, err := scratchFile(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if p == nil {
			err = errors.Join(err, discard(file))
		}
	}()
	buf := bufio.NewWriterSize(file, 256<<10)
	sum := sha1.New()
	w := newPackWriter(io.MultiWriter(buf, sum), len(objects))
	hashes := make([]plumbing.Hash, 0, len(objects))
	offsets := make([]int64, 0, len(objects))
	for h, o := range objects {
		hashes, offsets = append(hashes, h), append(offsets, w.n)
		w.object(o)
	}
	if w.err != nil {
		return nil, w.err
	}
	if _, err := buf.Write(sum.Sum(nil)); err != nil {
		return nil, err
	}
	if err := buf.Flush(); err != nil {
		return nil, err
	}
	return newPack(file, cache, hashes, offsets), nil
}
