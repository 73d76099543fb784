package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// failing is a disk on which one operation fails, or all from one on, as for a process that is killed there.
type failing struct {
	inner files
	err   error
	last  bool // nothing works any more

	mu   sync.Mutex
	left int
}

// step counts an operation and does it, unless it fails. A process that is dead does nothing any more, also not what it had
// begun.
func (f *failing) step(do func() error, fails func(error) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	if f.left == 0 || f.last && f.left < 0 {
		return fails(f.err)
	}
	return do()
}

func pathError(op, name string) func(error) error {
	return func(err error) error { return &os.PathError{Op: op, Path: name, Err: err} }
}

func (f *failing) create(name string) (created file, err error) {
	err = f.step(func() error {
		inner, err := f.inner.create(name)
		created = &failingFile{f, inner, name}
		return err
	}, pathError("open", name))
	return created, err
}

func (f *failing) mkdir(dir string) error {
	return f.step(func() error { return f.inner.mkdir(dir) }, pathError("mkdir", dir))
}

func (f *failing) rename(from, to string) error {
	return f.step(func() error { return f.inner.rename(from, to) },
		func(err error) error { return &os.LinkError{Op: "rename", Old: from, New: to, Err: err} })
}

func (f *failing) syncDir(dir string) error {
	return f.step(func() error { return f.inner.syncDir(dir) }, pathError("sync", dir))
}

// remove is what cleans up: it fails for the dead only.
func (f *failing) remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last && f.left <= 0 {
		return f.err
	}
	return f.inner.remove(name)
}

type failingFile struct {
	on    *failing
	inner file
	name  string
}

// Write implements io.Writer. What does not fit is written in part.
func (f *failingFile) Write(p []byte) (n int, err error) {
	err = f.on.step(func() error {
		n, err = f.inner.Write(p)
		return err
	}, func(cause error) error {
		n, _ = f.inner.Write(p[:len(p)/2])
		return pathError("write", f.name)(cause)
	})
	return n, err
}

// Sync implements file.
func (f *failingFile) Sync() error { return f.on.step(f.inner.Sync, pathError("sync", f.name)) }

// Close implements io.Closer.
func (f *failingFile) Close() error { return f.inner.Close() }

// arm has the n-th operation from now on fail.
func (f *failing) arm(n int, last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.last = n, last
}

// whole holds that every file of a store is what its name says, and that nothing half-written lies about.
func whole(t *testing.T, dir string) {
	t.Helper()
	for _, path := range filesBelow(t, dir) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, folder := filepath.Base(path), filepath.Base(filepath.Dir(path))
		if folder == tagsDir {
			digest, ok := parseDigest(strings.TrimSpace(string(content)))
			if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(path)), manifestsDir, digest)); !ok || err != nil {
				t.Errorf("the tag %s has %q: %v", name, content, err)
			}
			continue
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != name {
			t.Errorf("%s has other content than its name says", path)
		}
	}
}

// A push that fails at any step, and a process that dies there, leave a store that is whole: what was there before is there,
// nothing half-written is, and the same push goes well afterwards.
func TestEveryStepOfAPushMayFail(t *testing.T) {
	before, pushed := newImage(t, 1), newImage(t, 2)
	for _, dies := range []bool{false, true} {
		for n, over := 1, false; !over; n++ {
			t.Run(fmt.Sprintf("step %d, dies %t", n, dies), func(t *testing.T) {
				d := &failing{inner: disk{}, err: syscall.ENOSPC}
				b := openBench(t, t.TempDir(), d)
				b.push(t, "v1.0.0", before)
				d.arm(n, dies)
				_, err := b.server.Client(t, "", "").Push(t.Context(), b.repository(), "v1.0.1", pushed)
				d.mu.Lock()
				over = d.left > 0
				d.mu.Unlock()
				if over {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				switch {
				case dies:
					b = b.restart(t)
				case err != nil:
					t.Errorf("it is not tried again: %v", err)
				default:
					d.arm(0, false)
				}
				b.later(2 * idleUpload)
				b.uploads.endIdle() // what was given up when something beside it failed
				whole(t, b.dir)
				b.wantPull(t, ":v1.0.0")
				if got := b.tagged(t, "v1.0.1"); got != digest(t, pushed) && (got != "" || err == nil) {
					t.Errorf("v1.0.1 is %q after a push that ended with %v", got, err)
				}
				b.push(t, "v1.0.1", pushed)
				b.wantPull(t, ":v1.0.1")
				whole(t, b.dir)
			})
			if n > 200 {
				t.Fatal("a push has no end")
			}
		}
	}
}

// A disk without room is the machine's fault: whoever pushes is told so, and nothing is left of what did not fit.
func TestFullDisk(t *testing.T) {
	d := &failing{inner: disk{}, err: syscall.ENOSPC}
	b := openBench(t, t.TempDir(), d)
	image := newImage(t, 1)
	d.arm(2, true)
	b.store.disk = &roomless{failing: d}
	_, err := b.server.Client(t, "", "").Push(t.Context(), b.repository(), "v1.0.0", image)
	if err == nil {
		t.Fatal("it went well")
	}
	var told interface{ Temporary() bool }
	if !errors.As(err, &told) || !told.Temporary() || !strings.Contains(err.Error(), "no space left on device") || strings.Contains(err.Error(), b.dir) {
		t.Errorf("whoever pushes is told %v, to be tried again", err)
	}
	if files := filesBelow(t, b.dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	b.store.disk = disk{}
	b.push(t, "v1.0.0", image)
	b.wantPull(t, ":v1.0.0")
}

// roomless is a disk on which files can be removed, but nothing be written.
type roomless struct{ *failing }

func (r *roomless) remove(name string) error { return r.inner.remove(name) }

// Whoever goes away in the middle of a push leaves nothing behind.
func TestAnUploadThatBreaksOff(t *testing.T) {
	b := newBench(t)
	begun := b.send(t, "POST", "/v2/shop/blobs/uploads/", nil)
	begun.Body.Close()
	at := begun.Header.Get("Location")
	status, answer := b.ask(t, "PATCH", at, io.LimitReader(zero{}, 10))
	if status != 202 {
		t.Fatal(status, answer)
	}
	in, out := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = b.tryPatch(t, at, in)
	}()
	if _, err := out.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	_ = out.CloseWithError(io.ErrUnexpectedEOF)
	<-ended
	eventually(t, "nothing to be left of the upload", func() bool {
		return len(filesBelow(t, filepath.Join(b.dir, draftsDir))) == 0
	})
	if status, answer := b.ask(t, "PATCH", at, nil); status != 404 {
		t.Errorf("it goes on: %d %s", status, answer)
	}
}

// Whoever pushes a large layer to a disk that is full gets to read why.
func TestTheAnswerToALargeUploadArrives(t *testing.T) {
	d := &failing{inner: disk{}, err: syscall.ENOSPC}
	b := openBench(t, t.TempDir(), d)
	begun := b.send(t, "POST", "/v2/shop/blobs/uploads/", nil)
	begun.Body.Close()
	d.arm(2, false)
	status, answer := b.ask(t, "PATCH", begun.Header.Get("Location"), zeros(64<<20))
	if status != http.StatusInsufficientStorage || !strings.Contains(answer, "no space left on device") {
		t.Errorf("%d %s", status, answer)
	}
}

// A blob that was pushed again while somebody read the damaged one is not put aside.
func TestOnlyTheDamagedFileIsPutAside(t *testing.T) {
	b := newBench(t)
	image := newImage(t, 1)
	b.push(t, "v1.0.0", image)
	config, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	damaged, err := os.Open(b.store.blobPath(config.Hex))
	if err != nil {
		t.Fatal(err)
	}
	defer damaged.Close()
	content, err := image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.store.newDraft()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := b.store.keepBlob(again); err != nil {
		t.Fatal(err)
	}
	if err := b.store.putAside(damaged, config.Hex, errDamaged); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("whoever read it is told %v", err)
	}
	b.wantPull(t, ":v1.0.0")
}
