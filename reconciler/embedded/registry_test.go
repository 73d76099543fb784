package embedded

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/plateform/plateform/reconciler/registrytest"
	"github.com/plateform/plateform/test/ociregistry"
)

// bench is a registry that is served, on a folder of its own.
type bench struct {
	*Registry
	server *ociregistry.Registry
	dir    string
	log    *logText
	// ahead is how far the clock of the registry is ahead.
	ahead *atomic.Int64
}

// later lets time pass.
func (b *bench) later(d time.Duration) { b.ahead.Add(int64(d)) }

// logText is a log that several goroutines write.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newBench(t *testing.T) *bench { return openBench(t, t.TempDir(), disk{}) }

func openBench(t *testing.T, dir string, d files) *bench {
	t.Helper()
	b := &bench{dir: dir, log: &logText{}, ahead: &atomic.Int64{}}
	clock := func() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }
	var err error
	if b.Registry, err = open(Options{Dir: dir, Clock: clock, Log: slog.New(slog.NewTextHandler(b.log, nil))}, d); err != nil {
		t.Fatal(err)
	}
	b.server = ociregistry.Of(t, b.Registry)
	return b
}

// restart is the registry of another process on the same folder.
func (b *bench) restart(t *testing.T) *bench { return openBench(t, b.dir, disk{}) }

func (b *bench) repository() string { return b.server.Host + "/ws-1/shop" }

func newImage(t *testing.T, layers int64) v1.Image {
	t.Helper()
	image, err := random.Image(512, layers)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func digest(t *testing.T, i interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	d, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func (b *bench) push(t *testing.T, tag string, image v1.Image) {
	t.Helper()
	if _, err := b.server.Client(t, "", "").Push(t.Context(), b.repository(), tag, image); err != nil {
		t.Fatalf("pushing %s: %v", tag, err)
	}
}

// pushIndex pushes an index of two images, which gets the tag all.
func (b *bench) pushIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	index, err := random.Index(256, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(b.repository() + ":all")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, index); err != nil {
		t.Fatal(err)
	}
	return index
}

// pull reads all of an image, and says what is wrong with it.
func (b *bench) pull(t *testing.T, reference string) error {
	t.Helper()
	ref, err := name.ParseReference(b.repository() + reference)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(ref, remote.WithContext(t.Context()), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
	if err != nil {
		return err
	}
	return validate.Image(image)
}

func (b *bench) wantPull(t *testing.T, reference string) {
	t.Helper()
	if err := b.pull(t, reference); err != nil {
		t.Errorf("pulling %s: %v", reference, err)
	}
}

// tagged is the digest that a tag has; empty when there is none.
func (b *bench) tagged(t *testing.T, tag string) string {
	t.Helper()
	d, err := b.server.Client(t, "", "").Digest(t.Context(), b.repository(), tag)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return d
}

func TestRegistryIsARegistry(t *testing.T) {
	registrytest.Run(t, func(t *testing.T) registrytest.Subject {
		b := newBench(t)
		one, two := newImage(t, 1), newImage(t, 1)
		b.push(t, "build-1", one)
		b.push(t, "build-2", two)
		return registrytest.Subject{
			Registry: b.server.Client(t, "", ""), Repository: b.repository(), Tag: "build-1", Digest: digest(t, one), Other: digest(t, two),
			Freeze: func(*testing.T) { b.server.Immutable(true) },
			Tagged: b.tagged,
			Break:  func(*testing.T) { b.server.Fail("", "/v2/", http.StatusInternalServerError) },
			Silence: func(*testing.T) {
				b.server.Answer(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
			},
		}
	})
}

// Another process on the same folder has it all, and nothing that was not finished.
func TestRestart(t *testing.T) {
	b := newBench(t)
	one, two := newImage(t, 3), newImage(t, 1)
	b.push(t, "v1.0.0", one)
	b.push(t, "v1.0.1", two)
	index := b.pushIndex(t)
	half := filepath.Join(b.dir, draftsDir, "half")
	if err := os.WriteFile(half, []byte("half a blob"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := b.restart(t)
	if got := again.tagged(t, "v1.0.0"); got != digest(t, one) {
		t.Errorf("v1.0.0 is %q, want %s", got, digest(t, one))
	}
	for _, reference := range []string{":v1.0.0", ":v1.0.1", "@" + digest(t, one)} {
		again.wantPull(t, reference)
	}
	tag, err := name.NewTag(again.repository() + ":all")
	if err != nil {
		t.Fatal(err)
	}
	found, err := remote.Index(tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(found); err != nil || digest(t, found) != digest(t, index) {
		t.Errorf("the index is %v, %v", found, err)
	}
	if _, err := os.Stat(half); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was not finished is still there: %v", err)
	}
	tags, err := remote.List(tag.Repository)
	if err != nil || strings.Join(tags, " ") != "all v1.0.0 v1.0.1" {
		t.Errorf("tags: %v, %v", tags, err)
	}
}

// A folder that is lost under a registry that runs is there again with the next push.
func TestLostFolderComesBack(t *testing.T) {
	b := newBench(t)
	b.push(t, "v1.0.0", newImage(t, 1))
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	if err := b.pull(t, ":v1.0.0"); err == nil {
		t.Error("what is lost can be pulled")
	}
	b.push(t, "v1.0.1", newImage(t, 1))
	b.wantPull(t, ":v1.0.1")
}

// A tag that moves gives its new image; the other one stays under its digest.
func TestTagMoves(t *testing.T) {
	b := newBench(t)
	one, two := newImage(t, 1), newImage(t, 1)
	tag, err := name.NewTag(b.repository() + ":latest")
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range []v1.Image{one, two, one} {
		if err := remote.Write(tag, image); err != nil {
			t.Fatal(err)
		}
		if got := b.restart(t).tagged(t, "latest"); got != digest(t, image) {
			t.Errorf("latest is %s, want %s", got, digest(t, image))
		}
	}
	b.wantPull(t, "@"+digest(t, two))
}

// change alters files below a folder of the store.
func change(t *testing.T, dir string, alter func(content []byte) []byte) {
	t.Helper()
	changed := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		changed++
		if content = alter(content); content == nil {
			return os.Remove(path)
		}
		return os.WriteFile(path, content, 0o600)
	})
	if err != nil || changed == 0 {
		t.Fatalf("changed %d files, %v", changed, err)
	}
}

func flipped(content []byte) []byte {
	content[len(content)/2] ^= 1
	return content
}

// What is damaged on disk is not served, is told, and is there again once it is pushed again.
func TestDamage(t *testing.T) {
	shortened := func(content []byte) []byte { return content[:len(content)-1] }
	removed := func([]byte) []byte { return nil }
	manifests := filepath.Join(repositoriesDir, "ws-1", "shop", manifestsDir)
	tags := filepath.Join(repositoriesDir, "ws-1", "shop", tagsDir)
	tests := []struct {
		name, dir string
		alter     func([]byte) []byte
		log       string // "" where nobody is to blame the disk
	}{
		{"blobs with other content", blobsDir, flipped, "was put aside"},
		{"blobs that are cut", blobsDir, shortened, ""},
		{"blobs that are gone", blobsDir, removed, ""},
		{"a manifest with other content", manifests, flipped, "was put aside"},
		{"a manifest that is cut", manifests, shortened, "was put aside"},
		{"a manifest that is gone", manifests, removed, ""},
		{"a tag that is cut", tags, func(b []byte) []byte { return b[:20] }, "a tag is damaged"},
		{"a tag of nothing", tags, func(b []byte) []byte { b[10] = 'a' + (b[10]+1)%6; return b }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			image := newImage(t, 2)
			b.push(t, "v1.0.0", image)
			change(t, filepath.Join(b.dir, tt.dir), tt.alter)
			if err := b.pull(t, ":v1.0.0"); err == nil {
				t.Fatal("it is pulled as if nothing were wrong")
			}
			if tt.log != "" && !strings.Contains(b.log.String(), tt.log) {
				t.Errorf("the log says %q, want %q in it", b.log, tt.log)
			}
			if tt.dir != tags {
				if there, err := b.server.Client(t, "", "").Has(t.Context(), b.repository(), digest(t, image)); err != nil || there {
					t.Errorf("Has = %t, %v: nobody would push it again", there, err)
				}
			}
			for range 2 { // with all of it damaged, each push finds one more that is
				_ = b.pull(t, ":v1.0.0")
			}
			b.push(t, "v1.0.0", image)
			b.wantPull(t, ":v1.0.0")
			b.restart(t).wantPull(t, "@"+digest(t, image))
			if left, err := os.ReadDir(filepath.Join(b.dir, damagedDir)); err != nil || len(left) > 0 {
				t.Errorf("damaged files that are there again: %v, %v", left, err)
			}
		})
	}
}

// Whoever asks for an image is told that it is damaged before anything of it is read.
func TestDamageIsFoundByAsking(t *testing.T) {
	b := newBench(t)
	image := newImage(t, 2)
	b.push(t, "v1.0.0", image)
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	d, err := layers[1].Digest()
	if err != nil {
		t.Fatal(err)
	}
	client := b.server.Client(t, "", "")
	for _, damaged := range []bool{false, true} {
		if damaged {
			change(t, b.store.blobPath(d.Hex), flipped)
		}
		b.later(2 * recent)
		if there, err := client.Has(t.Context(), b.repository(), digest(t, image)); err != nil || there == damaged {
			t.Errorf("damaged %t: Has = %t, %v", damaged, there, err)
		}
	}
	if got := b.tagged(t, "v1.0.0"); got != "" {
		t.Errorf("v1.0.0 is %s", got)
	}
}

// A damaged layer is never sent, not even in part.
func TestDamagedLayersAreNotSent(t *testing.T) {
	b := newBench(t)
	image := newImage(t, 1)
	b.push(t, "v1.0.0", image)
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	change(t, filepath.Join(b.dir, blobsDir), flipped)
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		status, body := b.ask(t, method, "/v2/ws-1/shop/blobs/"+digest(t, layers[0]), nil)
		if status != http.StatusNotFound || len(body) > 200 {
			t.Errorf("%s: %d with %d bytes", method, status, len(body))
		}
	}
}

// Many read and write at the same time, the same and others.
func TestConcurrentPullsAndPushes(t *testing.T) {
	b := newBench(t)
	image := newImage(t, 3)
	b.push(t, "v1.0.0", image)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { b.wantPull(t, ":v1.0.0") })
		group.Go(func() {
			if _, err := b.server.Client(t, "", "").Push(t.Context(), b.repository(), "v1.0.0", image); err != nil {
				t.Error(err)
			}
		})
		other := newImage(t, 2)
		group.Go(func() {
			d := digest(t, other)
			tag := "build-" + d[len("sha256:"):][:8]
			if _, err := b.server.Client(t, "", "").Push(t.Context(), b.repository(), tag, other); err != nil {
				t.Error(err)
			}
			b.wantPull(t, "@"+d)
		})
	}
	group.Wait()
}

// Inspect tells what is there, changing nothing.
func TestInspect(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nothing")
	if c, err := Inspect(t.Context(), dir); err != nil || c.Images != 0 || c.Bytes != 0 {
		t.Errorf("of nothing: %+v, %v", c, err)
	}
	b := newBench(t)
	one, two := newImage(t, 2), newImage(t, 1)
	b.push(t, "v1.0.0", one)
	b.push(t, "v1.0.1", two)
	c, err := Inspect(t.Context(), b.dir)
	if err != nil || c.Images != 2 || c.Repositories != 1 || c.Bytes < 3*512 || len(c.Broken)+c.Aside+c.Unchecked > 0 {
		t.Errorf("%+v, %v", c, err)
	}
	config, err := two.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	change(t, b.store.blobPath(config.Hex), flipped)
	for range 2 {
		c, err = Inspect(t.Context(), b.dir)
		if want := "ws-1/shop@" + digest(t, two); err != nil || len(c.Broken) != 1 || c.Broken[0] != want || c.Aside != 0 {
			t.Errorf("%+v, %v, want that %s is broken and still in its place", c, err, want)
		}
	}
	if err := b.pull(t, ":v1.0.1"); err == nil {
		t.Error("it is pulled as if nothing were wrong")
	}
	if c, err = Inspect(t.Context(), b.dir); err != nil || len(c.Broken) != 1 || c.Aside != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err = Inspect(over, b.dir); err != nil || c.Unchecked == 0 || c.Images != 2 {
		t.Errorf("without time: %+v, %v", c, err)
	}
}

// patience bounds what takes a moment.
const patience = time.Minute
