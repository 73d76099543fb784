package pack

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// resolver names the deltas of a pack that is being indexed. It works for one goroutine, and uses its buffers again.
type resolver struct {
	*indexer
	inflater inflater
	free     [][]byte
	delta    []byte
}

func newResolver(x *indexer) *resolver {
	return &resolver{indexer: x, inflater: inflater{buf: bufio.NewReaderSize(nil, 4096)}}
}

// root names all that builds on a whole object.
func (r *resolver) root(i int32) error {
	x := r.indexer
	switch x.kinds[i] {
	case plumbing.OFSDeltaObject, plumbing.REFDeltaObject:
		return nil
	}
	x.done[i].Store(true)
	children := x.childrenOf(i)
	if len(children) == 0 && x.keep == nil {
		return nil
	}
	_, data, err := r.inflater.readAt(x.file, x.offsets[i], r.buffer())
	if err != nil {
		return err
	}
	o := Object{Kind: x.kinds[i], Data: data}
	if x.keep != nil {
		x.keep(x.hashes[i], o)
	}
	return r.children(o, children)
}

// children names deltas and, depth first, what builds on them. It does not recurse: chains may be long.
func (r *resolver) children(base Object, children []int32) error {
	x := r.indexer
	type level struct {
		base     Object
		children []int32
	}
	stack := []level{{base, children}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.children) == 0 {
			r.release(top.base.Data)
			stack = stack[:len(stack)-1]
			continue
		}
		i := top.children[0]
		top.children = top.children[1:]
		if x.done[i].Swap(true) {
			continue
		}
		data, err := r.patch(top.base.Data, i)
		if err != nil {
			return err
		}
		o := Object{Kind: top.base.Kind, Data: data}
		x.hashes[i] = Hash(o.Kind, o.Data)
		if x.keep != nil {
			x.keep(x.hashes[i], o)
		}
		next := x.childrenOf(i)
		if len(next) == 0 {
			r.release(data)
			continue
		}
		if len(stack) > maxDeltaChain {
			return fmt.Errorf("%w: a chain of more than %d deltas", ErrCorrupt, maxDeltaChain)
		}
		stack = append(stack, level{o, next})
	}
	return nil
}

// patch returns what the delta that is entry i makes of its base.
func (r *resolver) patch(base []byte, i int32) ([]byte, error) {
	delta := r.deltas.deltas[i]
	if delta == nil {
		var err error
		if _, delta, err = r.inflater.readAt(r.file, r.offsets[i], r.delta); err != nil {
			return nil, err
		}
		r.delta = delta
	}
	return patchDelta(r.buffer(), base, delta)
}

// buffer returns one to unpack into; nil for a new one.
func (r *resolver) buffer() []byte {
	n := len(r.free)
	if n == 0 {
		return nil
	}
	b := r.free[n-1]
	r.free = r.free[:n-1]
	return b
}

// release takes back the content of an object that nothing more builds on, unless it is kept.
func (r *resolver) release(b []byte) {
	if r.keep == nil {
		r.free = append(r.free, b)
	}
}

// resolveForeign names the deltas whose bases the other side knows us to have already.
func (x *indexer) resolveForeign() error {
	missing := make([]plumbing.Hash, 0, len(x.byHash))
	for h := range x.byHash {
		missing = append(missing, h)
	}
	slices.SortFunc(missing, func(a, b plumbing.Hash) int { return cmp.Compare(a.String(), b.String()) })
	for _, h := range missing {
		o, ok, err := x.bases.Object(h)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := newResolver(x).children(Object{o.Kind, bytes.Clone(o.Data)}, x.byHash[h]); err != nil {
			return err
		}
	}
	return nil
}
