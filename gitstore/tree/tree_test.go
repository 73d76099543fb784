package tree

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
)

func TestTreeDelta(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	tree := func(n int) []byte {
		var entries []object.TreeEntry
		for i := range n {
			if rnd.IntN(4) == 0 {
				continue
			}
			e := object.TreeEntry{Name: fmt.Sprintf("e%05d", i), Mode: filemode.Regular}
			e.Hash[0] = byte(rnd.IntN(3))
			entries = append(entries, e)
		}
		return Encode(entries)
	}
	for n := range 300 {
		from, to := tree(n), tree(n)
		d, err := Delta(from, to)
		if err != nil {
			t.Fatal(err)
		}
		if len(to) == 0 || len(from) == 0 {
			continue
		}
		got, err := packfile.PatchDelta(from, d)
		if err != nil || !bytes.Equal(got, to) {
			t.Fatalf("%d entries: the delta does not lead from one tree to the other: %v", n, err)
		}
	}
	big := tree(10_000)
	changed := slices.Clone(big)
	changed[len(changed)/2]++
	if d, err := Delta(big, changed); err != nil || len(d) > 200 {
		t.Errorf("one change of a large tree takes %d bytes: %v", len(d), err)
	}
}

func FuzzTreeDelta(f *testing.F) {
	a := Encode([]object.TreeEntry{{Name: "a", Mode: filemode.Regular}, {Name: "b", Mode: filemode.Dir}})
	f.Add(a, Encode([]object.TreeEntry{{Name: "b", Mode: filemode.Dir}, {Name: "c", Mode: filemode.Dir}}))
	f.Add(a, []byte("40000 b\x00short"))
	f.Fuzz(func(t *testing.T, from, to []byte) {
		d, err := Delta(from, to)
		if err != nil || len(from) == 0 || len(to) == 0 {
			return
		}
		if got, err := packfile.PatchDelta(from, d); err != nil || !bytes.Equal(got, to) {
			t.Fatalf("the delta does not lead from one tree to the other: %v", err)
		}
	})
}

func FuzzParseTree(f *testing.F) {
	f.Add(Encode([]object.TreeEntry{{Name: "a", Mode: filemode.Executable}, {Name: "a-b", Mode: filemode.Dir}}))
	f.Add([]byte("100644 ..\x0001234567890123456789"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := Parse(data)
		if err != nil {
			return
		}
		again, err := Parse(Encode(entries))
		if err != nil || !slices.Equal(again, entries) {
			t.Fatalf("%v is not %v: %v", again, entries, err)
		}
	})
}
