package tree

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/plateform/plateform/gitstore/pack"
)

// Delta writes the tree to as Git's difference from the tree from. Both are in order, so one walk over the entries
// of both finds what they share, where a general algorithm would have to search.
func Delta(from, to []byte) ([]byte, error) {
	d := deltaWriter{out: binary.AppendUvarint(binary.AppendUvarint(nil, uint64(len(from))), uint64(len(to)))}
	old, fresh := Scan(from), Scan(to)
	at, more := 0, old.Next()
	for fresh.Next() {
		for more && bytes.Compare(old.Name, fresh.Name) < 0 && !bytes.Equal(old.raw, fresh.raw) {
			at += len(old.raw)
			more = old.Next()
		}
		if more && bytes.Equal(old.raw, fresh.raw) {
			d.copy(at, len(old.raw))
			at += len(old.raw)
			more = old.Next()
			continue
		}
		d.insert(fresh.raw)
		if more && bytes.Equal(old.Name, fresh.Name) {
			at += len(old.raw)
			more = old.Next()
		}
	}
	if old.Err != nil || fresh.Err != nil {
		return nil, fmt.Errorf("%w: a tree to send", pack.ErrCorrupt)
	}
	d.flush()
	return d.out, nil
}

// deltaWriter puts together the instructions of a delta.
type deltaWriter struct {
	out []byte
	// from and length of a copy that may still grow.
	from, length int
	pending      []byte
}

func (d *deltaWriter) copy(from, length int) {
	if d.length > 0 && d.from+d.length == from {
		d.length += length
		return
	}
	d.flush()
	d.from, d.length = from, length
}

func (d *deltaWriter) insert(data []byte) {
	if d.length > 0 {
		d.flush()
	}
	d.pending = append(d.pending, data...)
}

// flush writes what is pending: bytes to insert, or a copy.
func (d *deltaWriter) flush() {
	for len(d.pending) > 0 {
		n := min(len(d.pending), 127)
		d.out = append(d.out, byte(n))
		d.out = append(d.out, d.pending[:n]...)
		d.pending = d.pending[n:]
	}
	for d.length > 0 {
		n := min(d.length, 0xffff)
		d.out = append(d.out, 0x80|0x0f|0x30, byte(d.from), byte(d.from>>8), byte(d.from>>16), byte(d.from>>24),
			byte(n), byte(n>>8))
		d.from, d.length = d.from+n, d.length-n
	}
	d.pending = d.pending[:0]
}
