package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/plateform/plateform/test/gitserver"
)

// none is a source without objects.
type none struct{}

func (none) object(plumbing.Hash) (rawObject, bool, error) { return rawObject{}, false, nil }

// packedRepo returns a repository with some history, packed by git with the deltas git likes.
func packedRepo(t testing.TB, packArgs ...string) (*gitserver.Repo, []byte) {
	t.Helper()
	r := gitserver.CreateBare(t, t.TempDir())
	for i := range 3 {
		files := map[string]string{"big": strings.Repeat(fmt.Sprintf("line %d\n", i), 5_000)}
		for j := range 40 {
			files[fmt.Sprintf("d%d/f%d", j%7, j)] = strings.Repeat("the same text in all of them\n", 20) + fmt.Sprint(i, j)
		}
		r.Commit(gitserver.Change{Message: fmt.Sprint("commit ", i), Files: files})
	}
	out := filepath.Join(t.TempDir(), "out")
	gitserver.Git(t, r.Dir, []byte("refs/heads/main\n"), append([]string{"pack-objects", "--revs", "-q", out}, packArgs...)...)
	names, err := filepath.Glob(out + "*.pack")
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return r, data
}

func TestReceivePackReadsWhatGitWrites(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--delta-base-offset"}, {"--depth=0"}, {"--delta-base-offset", "--depth=200", "--window=50"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			r, data := packedRepo(t, args...)
			all := strings.Fields(r.Git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)"))
			objects, p, err := receivePack(t.Context(), bytes.NewReader(data), t.TempDir(), newObjectCache(1<<20), none{}, 0)
			if err != nil || p != nil {
				t.Fatal(p, err)
			}
			if len(objects) != len(all) {
				t.Fatalf("%d objects of %d", len(objects), len(all))
			}
			// The same objects, now by way of a pack on disk.
			disk, err := packToDisk(t.TempDir(), objects, newObjectCache(64<<10))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range all {
				h := plumbing.NewHash(name)
				o, ok := objects[h]
				if !ok || hashOf(o.kind, o.data) != h {
					t.Fatalf("%s is missing or not itself", name)
				}
				off, ok := disk.find(h)
				if !ok {
					t.Fatalf("%s is not on disk", name)
				}
				back, err := disk.read(off, none{})
				if err != nil || back.kind != o.kind || !bytes.Equal(back.data, o.data) {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if err := disk.close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestReceivePackOnDisk(t *testing.T) {
	t.Parallel()
	r, data := packedRepo(t, "--delta-base-offset")
	dir := t.TempDir()
	file, err := scratchFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	x := &indexer{file: file, bases: none{}, byHash: map[plumbing.Hash][]int32{}}
	if err := x.scan(t.Context(), bytes.NewReader(data), 0); err != nil {
		t.Fatal(err)
	}
	if err := x.resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := newPack(file, newObjectCache(1<<20), x.hashes, x.offsets)
	for range 2 { // the second time from the cache
		for line := range strings.Lines(r.Git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype) %(objectsize)")) {
			f := strings.Fields(line)
			off, ok := p.find(plumbing.NewHash(f[0]))
			if !ok {
				t.Fatalf("%s is missing", f[0])
			}
			o, err := p.read(off, none{})
			if err != nil || hashOf(o.kind, o.data).String() != f[0] || o.kind.String() != f[1] || fmt.Sprint(len(o.data)) != f[2] {
				t.Fatalf("%s: %v", f[0], err)
			}
		}
	}
	if _, ok := p.find(plumbing.NewHash(strings.Repeat("f", 40))); ok {
		t.Error("what is not there was found")
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestReceivePackRefuses(t *testing.T) {
	t.Parallel()
	_, data := packedRepo(t, "--delta-base-offset")
	flipped := slices.Clone(data)
	flipped[len(flipped)/2] ^= 0x10
	many := slices.Clone(data)
	many[8] = 0x7f
	cases := []struct {
		name string
		data []byte
		max  int64
		want error
	}{
		{"nothing", nil, 0, errCorrupt},
		{"something else", []byte("this is no pack at all, it is text"), 0, errCorrupt},
		{"a part of one", data[:len(data)-30], 0, errCorrupt},
		{"one without its checksum", data[:len(data)-1], 0, errCorrupt},
		{"a bit that flipped", flipped, 0, nil},
		{"a count that lies", many, 0, nil},
		{"too many bytes", data, int64(len(data) - 1), ErrTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			_, _, err := receivePack(t.Context(), bytes.NewReader(c.data), dir, newObjectCache(1<<20), none{}, c.max)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("got %v", err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func FuzzReceivePack(f *testing.F) {
	var small bytes.Buffer
	b := newBatch(none{})
	one := b.put(plumbing.TreeObject, encodeTree([]object.TreeEntry{{Name: "a", Mode: filemode.Regular}, {Name: "b", Mode: filemode.Dir}}))
	two := b.put(plumbing.TreeObject, encodeTree([]object.TreeEntry{{Name: "a", Mode: filemode.Regular}, {Name: "b", Mode: filemode.Dir}, {Name: "c", Mode: filemode.Dir}}))
	b.deltas[two] = treeBase{from: one}
	b.put(plumbing.BlobObject, []byte("some text"))
	if err := b.encode(&small); err != nil {
		f.Fatal(err)
	}
	f.Add(small.Bytes())
	f.Add(small.Bytes()[:30])
	f.Add([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, p, err := receivePack(t.Context(), bytes.NewReader(data), dir, newObjectCache(1<<20), none{}, 1<<20)
		if err != nil {
			return
		}
		if p != nil {
			t.Fatal("a small pack stays on disk")
		}
		for h, o := range objects {
			if hashOf(o.kind, o.data) != h {
				t.Fatalf("%s is not what it says", h)
			}
		}
	})
}

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
		return encodeTree(entries)
	}
	for n := range 300 {
		from, to := tree(n), tree(n)
		d, err := treeDelta(from, to)
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
	if d, err := treeDelta(big, changed); err != nil || len(d) > 200 {
		t.Errorf("one change of a large tree takes %d bytes: %v", len(d), err)
	}
}

func FuzzTreeDelta(f *testing.F) {
	a := encodeTree([]object.TreeEntry{{Name: "a", Mode: filemode.Regular}, {Name: "b", Mode: filemode.Dir}})
	f.Add(a, encodeTree([]object.TreeEntry{{Name: "b", Mode: filemode.Dir}, {Name: "c", Mode: filemode.Dir}}))
	f.Add(a, []byte("40000 b\x00short"))
	f.Fuzz(func(t *testing.T, from, to []byte) {
		d, err := treeDelta(from, to)
		if err != nil || len(from) == 0 || len(to) == 0 {
			return
		}
		if got, err := packfile.PatchDelta(from, d); err != nil || !bytes.Equal(got, to) {
			t.Fatalf("the delta does not lead from one tree to the other: %v", err)
		}
	})
}

func FuzzParseTree(f *testing.F) {
	f.Add(encodeTree([]object.TreeEntry{{Name: "a", Mode: filemode.Executable}, {Name: "a-b", Mode: filemode.Dir}}))
	f.Add([]byte("100644 ..\x0001234567890123456789"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data)
		if err != nil {
			return
		}
		again, err := parseTree(encodeTree(entries))
		if err != nil || !slices.Equal(again, entries) {
			t.Fatalf("%v is not %v: %v", again, entries, err)
		}
		if _, err := listTree(data); err != nil {
			t.Fatal(err)
		}
	})
}
