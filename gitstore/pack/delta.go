package pack

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// patchDelta writes what a delta makes of its base into buf, or a larger buffer.
func patchDelta(buf, base, delta []byte) ([]byte, error) {
	from, rest, err := deltaSize(delta)
	if err != nil {
		return nil, err
	}
	size, rest, err := deltaSize(rest)
	if err != nil {
		return nil, err
	}
	if from != uint64(len(base)) || size > maxObjectBytes {
		return nil, fmt.Errorf("%w: a delta of another base, or of too much", ErrCorrupt)
	}
	const trusted = 1 << 20 // a size that lies costs no memory
	out := slices.Grow(buf[:0], int(min(size, trusted)))
	for len(rest) > 0 {
		command := rest[0]
		rest = rest[1:]
		var part []byte
		switch {
		case command&0x80 != 0:
			part, rest, err = deltaCopy(command, base, rest)
		case int(command) <= len(rest) && command > 0:
			part, rest = rest[:command], rest[command:]
		default:
			err = fmt.Errorf("%w: a delta with a broken command", ErrCorrupt)
		}
		if err != nil {
			return nil, err
		}
		if uint64(len(out)+len(part)) > size {
			return nil, fmt.Errorf("%w: a delta that makes more than it says", ErrCorrupt)
		}
		out = append(out, part...)
	}
	if uint64(len(out)) != size {
		return nil, fmt.Errorf("%w: a delta that makes less than it says", ErrCorrupt)
	}
	return out, nil
}

// deltaSize reads one of the two sizes that a delta begins with.
func deltaSize(delta []byte) (size uint64, rest []byte, err error) {
	size, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, nil, fmt.Errorf("%w: a delta without a size", ErrCorrupt)
	}
	return size, delta[n:], nil
}

// deltaCopy is the part of the base that a command copies.
func deltaCopy(command byte, base, rest []byte) (part, after []byte, err error) {
	var field [7]byte // offset and size, the lowest byte first; those that are zero are left out
	for i := range field {
		if command>>i&1 == 0 {
			continue
		}
		if len(rest) == 0 {
			return nil, nil, fmt.Errorf("%w: a delta with a broken command", ErrCorrupt)
		}
		field[i], rest = rest[0], rest[1:]
	}
	offset := uint64(field[0]) | uint64(field[1])<<8 | uint64(field[2])<<16 | uint64(field[3])<<24
	size := uint64(field[4]) | uint64(field[5])<<8 | uint64(field[6])<<16
	if size == 0 {
		size = 0x10000
	}
	if offset+size > uint64(len(base)) {
		return nil, nil, fmt.Errorf("%w: a delta that copies from behind the end", ErrCorrupt)
	}
	return base[offset : offset+size], rest, nil
}

// deltaKeeper keeps the deltas of a pack that is being indexed, up to a number of bytes: they are small, and unpacking them
// a second time would take half of the time there is.
type deltaKeeper struct {
	deltas [][]byte
	block  []byte
	left   int
}

const (
	keptDeltas = 24 << 20
	deltaBlock = 256 << 10
)

// add takes the delta that is entry len(deltas), or nil for another object.
func (k *deltaKeeper) add(delta []byte) {
	if len(delta) == 0 || len(delta) > k.left || len(delta) > deltaBlock/8 {
		k.deltas = append(k.deltas, nil)
		return
	}
	k.left -= len(delta)
	if cap(k.block)-len(k.block) < len(delta) {
		k.block = make([]byte, 0, deltaBlock)
	}
	from := len(k.block)
	k.block = append(k.block, delta...)
	k.deltas = append(k.deltas, k.block[from:len(k.block):len(k.block)])
}
