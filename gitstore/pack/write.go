package pack

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"hash"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
)

// Writer writes a pack: what a push sends, or what memory has too much of.
type Writer struct {
	out summed
	z   *zlib.Writer
	err error
}

// summed counts what is written and sums it up.
type summed struct {
	out io.Writer
	n   int64
	sum hash.Hash
}

func (s *summed) Write(p []byte) (int, error) {
	n, err := s.out.Write(p)
	s.n += int64(n)
	s.sum.Write(p[:n])
	return n, err
}

// NewWriter begins a pack of count objects.
func NewWriter(out io.Writer, count int) *Writer {
	w := &Writer{out: summed{out: out, sum: sha1.New()}}
	// The level is a valid one, the only thing NewWriterLevel refuses.
	w.z, _ = zlib.NewWriterLevel(&w.out, zlib.BestSpeed)
	var head [packHeader]byte
	copy(head[:], "PACK")
	binary.BigEndian.PutUint32(head[4:], 2)
	binary.BigEndian.PutUint32(head[8:], uint32(count))
	_, w.err = w.out.Write(head[:])
	return w
}

// Object appends a whole object.
func (w *Writer) Object(o Object) { w.entry(o.Kind, nil, o.Data) }

// Delta appends an object as the difference from another one, which the reader has.
func (w *Writer) Delta(base plumbing.Hash, delta []byte) {
	w.entry(plumbing.REFDeltaObject, base[:], delta)
}

// Close ends the pack. It returns the first error there was; out stays open.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	_, err := w.out.out.Write(w.out.sum.Sum(nil))
	return err
}

func (w *Writer) entry(kind plumbing.ObjectType, base, data []byte) {
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
	if _, w.err = w.out.Write(append(h, base...)); w.err != nil {
		return
	}
	w.z.Reset(&w.out)
	if _, w.err = w.z.Write(data); w.err != nil {
		return
	}
	w.err = w.z.Close()
}

// packToDisk writes objects as a pack into dir.
func packToDisk(dir string, objects map[plumbing.Hash]Object, cache *cache) (p *packFile, err error) {
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
	w := NewWriter(buf, len(objects))
	hashes := make([]plumbing.Hash, 0, len(objects))
	offsets := make([]int64, 0, len(objects))
	for h, o := range objects {
		hashes, offsets = append(hashes, h), append(offsets, w.out.n)
		w.Object(o)
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := buf.Flush(); err != nil {
		return nil, err
	}
	return newPack(file, cache, hashes, offsets), nil
}
