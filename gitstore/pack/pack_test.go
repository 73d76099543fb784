package pack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/plateform/plateform/test/gitserver"
)

// none is a source without objects.
type none struct{}

func (none) Object(plumbing.Hash) (Object, bool, error) { return Object{}, false, nil }

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
			objects, p, err := receive(t.Context(), bytes.NewReader(data), NewDB(Options{Dir: t.TempDir(), CacheBytes: 1 << 20}))
			if err != nil || p != nil {
				t.Fatal(p, err)
			}
			if len(objects) != len(all) {
				t.Fatalf("%d objects of %d", len(objects), len(all))
			}
			// The same objects, now by way of a pack on disk.
			disk, err := packToDisk(t.TempDir(), objects, newCache(64<<10))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range all {
				h := plumbing.NewHash(name)
				o, ok := objects[h]
				if !ok || Hash(o.Kind, o.Data) != h {
					t.Fatalf("%s is missing or not itself", name)
				}
				off, ok := disk.find(h)
				if !ok {
					t.Fatalf("%s is not on disk", name)
				}
				back, err := disk.read(off, none{})
				if err != nil || back.Kind != o.Kind || !bytes.Equal(back.Data, o.Data) {
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
	p := newPack(file, newCache(1<<20), x.hashes, x.offsets)
	for range 2 { // the second time from the cache
		for line := range strings.Lines(r.Git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype) %(objectsize)")) {
			f := strings.Fields(line)
			off, ok := p.find(plumbing.NewHash(f[0]))
			if !ok {
				t.Fatalf("%s is missing", f[0])
			}
			o, err := p.read(off, none{})
			if err != nil || Hash(o.Kind, o.Data).String() != f[0] || o.Kind.String() != f[1] || fmt.Sprint(len(o.Data)) != f[2] {
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
		{"nothing", nil, 0, ErrCorrupt},
		{"something else", []byte("this is no pack at all, it is text"), 0, ErrCorrupt},
		{"a part of one", data[:len(data)-30], 0, ErrCorrupt},
		{"one without its checksum", data[:len(data)-1], 0, ErrCorrupt},
		{"a bit that flipped", flipped, 0, nil},
		{"a count that lies", many, 0, nil},
		{"too many bytes", data, int64(len(data) - 1), ErrTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			_, _, err := receive(t.Context(), bytes.NewReader(c.data), NewDB(Options{Dir: dir, CacheBytes: 1 << 20, MaxBytes: c.max}))
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
	tree := []byte("100644 a\x0001234567890123456789")
	w := NewWriter(&small, 3)
	w.Object(Object{Kind: plumbing.TreeObject, Data: tree})
	more := "100644 b\x0001234567890123456789"
	copyAll, insert := []byte{0x90, byte(len(tree))}, append([]byte{byte(len(more))}, more...)
	w.Delta(Hash(plumbing.TreeObject, tree), slices.Concat([]byte{byte(len(tree)), byte(len(tree) + len(more))}, copyAll, insert))
	w.Object(Object{Kind: plumbing.BlobObject, Data: []byte("some text")})
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	if objects, _, err := receive(f.Context(), bytes.NewReader(small.Bytes()), NewDB(Options{Dir: f.TempDir()})); err != nil || len(objects) != 3 {
		f.Fatal(len(objects), err)
	}
	f.Add(small.Bytes())
	f.Add(small.Bytes()[:30])
	f.Add([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, p, err := receive(t.Context(), bytes.NewReader(data), NewDB(Options{Dir: dir, CacheBytes: 1 << 20, MaxBytes: 1 << 20}))
		if err != nil {
			return
		}
		if p != nil {
			t.Fatal("a small pack stays on disk")
		}
		for h, o := range objects {
			if Hash(o.Kind, o.Data) != h {
				t.Fatalf("%s is not what it says", h)
			}
		}
	})
}
