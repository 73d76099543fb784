package gitstore

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/plateform/plateform/gitstore/pack"
	"github.com/plateform/plateform/gitstore/tree"
	"github.com/plateform/plateform/manifest"
)

// listTree returns what is shown of a tree, sorted by name.
func listTree(data []byte) ([]manifest.Entry, error) {
	entries, err := tree.Parse(data)
	if err != nil {
		return nil, err
	}
	out := make([]manifest.Entry, 0, len(entries))
	for _, e := range entries {
		if tree.IsRegular(e.Mode, []byte(e.Name)) {
			out = append(out, manifest.Entry{Name: e.Name, Hash: e.Hash.String(), Dir: tree.IsDir(e.Mode)})
		}
	}
	slices.SortFunc(out, func(a, b manifest.Entry) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Diff returns the files that differ between two commits, sorted by path, symlinks and submodules among them; "" is the
// empty tree. Folders with the same hash are not looked at.
func (r *reader) Diff(from, to string) ([]manifest.Change, error) {
	var roots [2]plumbing.Hash
	for i, commit := range []string{from, to} {
		if commit == "" {
			continue
		}
		var err error
		if roots[i], err = r.root(commit); err != nil {
			return nil, err
		}
	}
	d := differ{from: r.from(), seen: new(atomic.Int64), limit: maxEntries}
	err := d.trees("", roots[0], roots[1], 0)
	return d.changes, err
}

// differ collects the differences between two trees.
type differ struct {
	from    pack.Source
	changes []manifest.Change
	// seen counts the entries looked at so far, limit is how many there may be.
	seen  *atomic.Int64
	limit int64
}

// A few small trees can be made that stand for more folders than there are atoms, each holding the next one many times.
const (
	maxDepth   = 128
	maxEntries = 20_000_000
)

func (d *differ) trees(prefix string, before, after plumbing.Hash, depth int) error {
	if before == after {
		return nil
	}
	if depth > maxDepth || d.seen.Load() > d.limit {
		return fmt.Errorf("the difference at %s: %w", prefix, ErrTooLarge)
	}
	a, err := d.entries(before)
	if err != nil {
		return err
	}
	b, err := d.entries(after)
	if err != nil {
		return err
	}
	d.seen.Add(int64(1 + len(a) + len(b)))
	pairs := pair(a, b)
	if depth > 0 && depth <= 2 && len(pairs) >= wide {
		return d.several(prefix, pairs, depth)
	}
	for _, p := range pairs {
		if err := d.entry(prefix, p, depth); err != nil {
			return err
		}
	}
	return nil
}

// wide is how many entries a folder must have to be worth several goroutines.
const wide = 128

// several compares the entries of a folder on all cores.
func (d *differ) several(prefix string, pairs []entryPair, depth int) error {
	workers := runtime.GOMAXPROCS(0)
	parts := slices.Collect(slices.Chunk(pairs, (len(pairs)+workers-1)/workers))
	found := make([][]manifest.Change, len(parts))
	var group errgroup.Group
	for i, part := range parts {
		group.Go(func() error {
			mine := differ{from: d.from, seen: d.seen, limit: d.limit}
			for _, p := range part {
				if err := mine.entry(prefix, p, depth); err != nil {
					return err
				}
			}
			found[i] = mine.changes
			return nil
		})
	}
	err := group.Wait()
	d.changes = slices.Concat(append([][]manifest.Change{d.changes}, found...)...)
	return err
}

// entryPair is what one name stands for before and after; a missing one is zero. Both are of one kind.
type entryPair struct{ before, after object.TreeEntry }

// pair puts the entries of two folders together, in Git's order.
func pair(a, b []object.TreeEntry) []entryPair {
	pairs := make([]entryPair, 0, max(len(a), len(b)))
	for len(a) > 0 || len(b) > 0 {
		order := 0
		switch {
		case len(b) == 0:
			order = -1
		case len(a) == 0:
			order = 1
		default:
			order = strings.Compare(tree.SortName(a[0]), tree.SortName(b[0]))
		}
		var p entryPair
		if order <= 0 {
			p.before, a = a[0], a[1:]
		}
		if order >= 0 {
			p.after, b = b[0], b[1:]
		}
		if p.before.Hash != p.after.Hash || tree.IsSpecial(p.before.Mode) != tree.IsSpecial(p.after.Mode) {
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// entry compares what one name stands for.
func (d *differ) entry(prefix string, p entryPair, depth int) error {
	before, after := p.before, p.after
	name := prefix + max(before.Name, after.Name)
	if tree.IsDir(before.Mode) || tree.IsDir(after.Mode) {
		return d.trees(name+"/", before.Hash, after.Hash, depth+1)
	}
	c := manifest.Change{Path: name, Special: tree.IsSpecial(after.Mode)}
	if !before.Hash.IsZero() {
		c.Before = before.Hash.String()
	}
	if !after.Hash.IsZero() {
		c.After = after.Hash.String()
	}
	d.changes = append(d.changes, c)
	return nil
}

// entries returns what has a name of a tree, in Git's order, which is the order of the paths below it.
func (d *differ) entries(h plumbing.Hash) ([]object.TreeEntry, error) {
	if h.IsZero() {
		return nil, nil
	}
	data, err := pack.Get(d.from, h, plumbing.TreeObject)
	if err != nil {
		return nil, err
	}
	entries, err := tree.Parse(data)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, func(e object.TreeEntry) bool { return tree.Hostile([]byte(e.Name)) }), nil
}
