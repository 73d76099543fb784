package pack

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"
)

// ErrCorrupt says that a pack, an index or an object does not read as one.
var ErrCorrupt = errors.New("corrupt pack")

// ErrTooLarge says that a pack or an object is beyond the limit.
var ErrTooLarge = errors.New("too large")

// ErrIndexKind says that the index of a pack is of another kind than the one that git writes since 2008.
var ErrIndexKind = fmt.Errorf("%w: an index of another kind; run git repack -ad", ErrCorrupt)

// Object is one unpacked object.
type Object struct {
	Kind plumbing.ObjectType
	Data []byte
}

// Hash names an object as Git does. Forged SHA-1 collisions are not looked for here: the server does that before it accepts
// an object.
func Hash(kind plumbing.ObjectType, data []byte) plumbing.Hash {
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

// Source is where objects come from. Implementations are safe for use by several goroutines.
type Source interface {
	// Object returns an object; false when it is not there.
	Object(h plumbing.Hash) (Object, bool, error)
}

// Get returns the content of an object of a kind.
func Get(s Source, h plumbing.Hash, kind plumbing.ObjectType) ([]byte, error) {
	o, ok, err := s.Object(h)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s %s: %w", kind, h, err)
	case !ok:
		return nil, fmt.Errorf("%s %s: %w", kind, h, plumbing.ErrObjectNotFound)
	case o.Kind != kind:
		return nil, fmt.Errorf("%s is a %s where a %s should be", h, o.Kind, kind)
	}
	return o.Data, nil
}
