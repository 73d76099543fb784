package embedded

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
)

func (b *bench) sweep(t *testing.T, digests ...string) {
	t.Helper()
	named := map[string]bool{}
	for _, d := range digests {
		named[d] = true
	}
	if err := b.Sweep(t.Context(), named); err != nil {
		t.Fatal(err)
	}
}

// blobs counts those on disk.
func (b *bench) blobs(t *testing.T) int {
	t.Helper()
	return len(filesBelow(t, filepath.Join(b.dir, blobsDir)))
}

// withLayer is an image with one more layer.
func withLayer(t *testing.T, on v1.Image) v1.Image {
	t.Helper()
	layer, err := random.Layer(300, "application/vnd.docker.image.rootfs.diff.tar.gzip")
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(on, layer)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// What nobody names goes away a day after it was last wanted, with its tags, and takes along what nothing else needs.
func TestSweep(t *testing.T) {
	b := newBench(t)
	base := newImage(t, 2)
	named, unnamed, read := withLayer(t, base), withLayer(t, base), withLayer(t, base)
	b.push(t, "v1.0.0", named)
	b.push(t, "v1.0.1", unnamed)
	b.push(t, "v1.0.2", read)
	all := b.blobs(t)
	b.later(grace - time.Hour)
	b.sweep(t, digest(t, named))
	if got := b.blobs(t); got != all {
		t.Fatalf("%d of %d blobs are left before the time is over", got, all)
	}
	b.later(2 * time.Hour)
	b.wantPull(t, ":v1.0.2")
	b.sweep(t, digest(t, named))
	b.wantPull(t, ":v1.0.0")
	b.wantPull(t, ":v1.0.2")
	if got := b.tagged(t, "v1.0.1"); got != "" {
		t.Errorf("v1.0.1 is still %s", got)
	}
	if got := b.blobs(t); got != all-2 { // its config, and its own layer
		t.Errorf("%d blobs are left of %d", got, all)
	}
	if !strings.Contains(b.log.String(), "images=1") {
		t.Errorf("the log says %q", b.log)
	}
	b.sweep(t) // what was named until now has its time, too
	b.wantPull(t, ":v1.0.0")
	b.later(grace + time.Hour)
	b.sweep(t)
	if files := filesBelow(t, b.dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	if _, err := os.Stat(filepath.Join(b.dir, repositoriesDir, "ws-1", "shop")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of the repository is still there: %v", err)
	}
	b.push(t, "v1.0.0", named)
	b.wantPull(t, ":v1.0.0")
}

// An index that is named keeps what it lists.
func TestSweepKeepsWhatAnIndexLists(t *testing.T) {
	b := newBench(t)
	index := b.pushIndex(t)
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	b.later(2 * grace)
	b.sweep(t, digest(t, index))
	for _, d := range manifest.Manifests {
		b.wantPull(t, "@"+d.Digest.String())
	}
	b.later(2 * grace) // the images were just pulled
	b.sweep(t)
	if got := b.blobs(t); got != 0 {
		t.Errorf("%d blobs are left", got)
	}
}

// Nothing is removed while what is there cannot be read.
func TestSweepEndsAtWhatItCannotRead(t *testing.T) {
	b := newBench(t)
	image := newImage(t, 1)
	b.push(t, "v1.0.0", image)
	all := b.blobs(t)
	b.later(2 * grace)
	odd := `{"of":"another time"}`
	if err := os.WriteFile(b.store.manifestPath("ws-1/shop", digestOf([]byte(odd))), []byte(odd), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Sweep(t.Context(), nil); err == nil || b.blobs(t) != all {
		t.Errorf("%v, and %d of %d blobs are left", err, b.blobs(t), all)
	}
	b.wantPull(t, ":v1.0.0")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Sweep(over, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
}

// Damage is found before somebody needs what is damaged; what was looked at is not looked at again for a day.
func TestSweepFindsDamage(t *testing.T) {
	b := newBench(t)
	image := newImage(t, 1)
	b.push(t, "v1.0.0", image)
	b = b.restart(t)
	b.later(2 * keepDamaged) // how old a file is says nothing of when it was found to be damaged
	b.sweep(t, digest(t, image))
	change(t, filepath.Join(b.dir, blobsDir), flipped)
	b.sweep(t, digest(t, image))
	if strings.Contains(b.log.String(), "put aside") {
		t.Errorf("it has looked again: %s", b.log)
	}
	b.later(checkAgain)
	b.sweep(t, digest(t, image))
	if got := strings.Count(b.log.String(), "put aside"); got != 2 {
		t.Errorf("%d damaged blobs were put aside, want 2: %s", got, b.log)
	}
	if there, err := b.server.Client(t, "", "").Has(t.Context(), b.repository(), digest(t, image)); err != nil || there {
		t.Errorf("Has = %t, %v", there, err)
	}
	b.sweep(t, digest(t, image))
	if c, err := Inspect(t.Context(), b.dir); err != nil || c.Aside != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	b.later(2 * keepDamaged)
	b.sweep(t, digest(t, image))
	if c, err := Inspect(t.Context(), b.dir); err != nil || c.Aside != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

// Images that are pushed while others go away are whole, also where they share layers with those that go.
func TestSweepDuringPushes(t *testing.T) {
	b := newBench(t)
	const rounds, pushers = 12, 4
	for range rounds {
		base := newImage(t, 3)
		b.push(t, "old", withLayer(t, base))
		b.later(2 * grace) // from now on nobody needs it
		pushed := make([]v1.Image, pushers)
		for i := range pushed {
			pushed[i] = withLayer(t, base)
		}
		sweeping, stop := context.WithCancel(t.Context())
		var sweeper, group sync.WaitGroup
		sweeper.Go(func() {
			for sweeping.Err() == nil {
				if err := b.Sweep(sweeping, nil); err != nil && sweeping.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
		for _, image := range pushed {
			group.Go(func() {
				if _, err := b.server.Client(t, "", "").Push(t.Context(), b.repository(), "build-"+digest(t, image)[7:15], image); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		stop()
		sweeper.Wait()
		for _, image := range pushed {
			b.wantPull(t, "@"+digest(t, image))
		}
	}
	whole(t, b.dir)
}

// What was named has a day from then on, also when nobody else wanted it.
func TestSweepCountsFromTheLastTimeItWasNamed(t *testing.T) {
	b := newBench(t)
	image := newImage(t, 1)
	b.push(t, "v1.0.0", image)
	b.later(2 * grace)
	b.sweep(t, digest(t, image))
	b.later(grace - time.Hour)
	b.sweep(t)
	b.wantPull(t, ":v1.0.0")
}

// An image that comes in between the two halves of a sweep keeps the old blobs that it needs.
func TestSweepSparesWhatIsPushedInTheMiddle(t *testing.T) {
	b := newBench(t)
	image := newImage(t, 2)
	b.push(t, "v1.0.0", image)
	content, err := image.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	b.later(2 * grace)
	w := &sweep{store: b.store, now: b.store.clock(), named: map[string]bool{}, needed: map[string]bool{}}
	manifest := b.store.manifestPath("ws-1/shop", digestOf(content))
	b.wantPull(t, ":v1.0.0") // after it was found to be old
	if gone, err := w.removeStale(manifest); gone || err != nil {
		t.Fatalf("removed what was just pulled: %t, %v", gone, err)
	}
	b.later(2 * grace)
	w.now = b.store.clock()
	if err := w.images(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.put("ws-1/shop", "v1.0.1", "application/vnd.docker.distribution.manifest.v2+json", content); err != nil {
		t.Fatal(err)
	}
	if err := w.blobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantPull(t, ":v1.0.1")
}
