package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newEmbeddedWorld is a world whose serve is the registry itself.
func newEmbeddedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.embedded = freeAddress(t)
	return w
}

// freeAddress is one of this machine that nobody listens at. It is below the ports that the kernel gives out by itself, so that
// nobody gets it while serve is started again.
func freeAddress(t *testing.T) string {
	t.Helper()
	const first, ports = 20000, 12000
	for range 100 {
		listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", first+rand.IntN(ports)))
		if err != nil {
			continue
		}
		defer listener.Close()
		return listener.Addr().String()
	}
	t.Fatal("no port is free")
	return ""
}

// imagesDir is where serve keeps the images.
func (w *world) imagesDir() string { return filepath.Join(w.dir, "data", "registry") }

// eachFile calls f for each file below a folder.
func (w *world) eachFile(dir string, f func(name string) error) {
	w.t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		found++
		return f(name)
	})
	if err != nil || found == 0 {
		w.t.Fatalf("%d files in %s: %v", found, dir, err)
	}
}

// age makes all that is stored look as if nobody had wanted it for days.
func (w *world) age() {
	w.t.Helper()
	before := time.Now().Add(-72 * time.Hour)
	w.eachFile(w.imagesDir(), func(name string) error { return os.Chtimes(name, before, before) })
}

// With the registry inside serve an app is built, released, and rolled back without a build, also by another process.
func TestEmbeddedRegistry(t *testing.T) {
	t.Parallel()
	w := newEmbeddedWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	shop.verdict(w.add(shop))
	one := shop.runs("v1.0.0")
	if want := w.embedded + "/ws-1/shop"; one.Image.Repository != want {
		t.Errorf("the image is in %s, want %s", one.Image.Repository, want)
	}
	shop.tagged("v1.0.0", one.Image)
	shop.sourceVerdict(shop.push("two"))
	two := shop.runs("v1.0.1")
	if got := w.says(two.Image); got != "two" {
		t.Errorf("v1.0.1 says %q", got)
	}
	builds := shop.attempts()
	w.restart()
	rollback := shop.revert("v1.0.1")
	same(t, shop.runs("v1.0.0"), one)
	shop.wantVerdict(rollback, "success")
	if got := w.says(one.Image); got != "one" || shop.attempts() != builds {
		t.Errorf("v1.0.0 says %q, after %d builds, want %d", got, shop.attempts(), builds)
	}
	out, err := w.doctor()
	if err != nil || !strings.Contains(out, "all whole") || !strings.Contains(out, "lets us in without credentials") {
		t.Errorf("doctor says %s, %v", out, err)
	}
}

func (w *world) doctor() (string, error) {
	return run1(w.dir, nil, os.Getenv(binaryVariable), "doctor", "--config", filepath.Join(w.dir, "serve.yaml"))
}

// A serve that is killed while an image comes in, from a build and from elsewhere, leaves nothing half-written, and the next
// one makes the release.
func TestKilledWhileAnImageComesIn(t *testing.T) {
	t.Parallel()
	w := newEmbeddedWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	noise := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	for i := range noise {
		noise[i] ^= byte(i * 7919 >> 5)
	}
	shop.app.commit("Bring a lot along", files{
		"noise.bin": string(noise), "noise.go": "package main\n\nimport _ \"embed\"\n\n//go:embed noise.bin\nvar noise []byte\n\nfunc init() { _ = len(noise) }\n",
	})
	for round := range 3 {
		if round == 0 {
			w.add(shop)
		}
		body, more := io.Pipe()
		at := w.beginUpload()
		broken := make(chan error, 1)
		go func() {
			request, err := http.NewRequest(http.MethodPatch, "http://"+w.embedded+at, body)
			if err == nil {
				var response *http.Response
				if response, err = http.DefaultClient.Do(request); err == nil {
					err = errors.Join(errors.New(response.Status), response.Body.Close())
				}
			}
			broken <- err
		}()
		if _, err := more.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		drafts := filepath.Join(w.imagesDir(), "drafts")
		w.await("a blob to be half there", func() error { return wantFiles(drafts, 1) })
		w.crash()
		more.Close()
		if err := <-broken; err == nil {
			t.Error("the upload went well")
		}
		w.await("what was half there to be gone", func() error {
			if entries, err := os.ReadDir(drafts); err != nil || len(entries) > 1 { // one may be of the build by now
				return fmt.Errorf("%v, %v", entries, err)
			}
			return nil
		})
	}
	v := shop.runs("v1.0.0")
	if got := w.says(v.Image); got != "one" {
		t.Errorf("v1.0.0 says %q", got)
	}
	w.settle()
	shop.wantReleases("v1.0.0")
	if err := wantFiles(filepath.Join(w.imagesDir(), "drafts"), 0); err != nil {
		t.Error(err)
	}
}

// awaitImages waits until the registry inside serve answers.
func (w *world) awaitImages() {
	w.t.Helper()
	w.await("the registry to answer", func() error {
		response, err := http.Get("http://" + w.embedded + "/v2/")
		if err != nil {
			return err
		}
		return response.Body.Close()
	})
}

func (w *world) beginUpload() string {
	w.t.Helper()
	w.awaitImages()
	response, err := http.Post("http://"+w.embedded+"/v2/birds/wren/blobs/uploads/", "", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		w.t.Fatal(response.Status)
	}
	return response.Header.Get("Location")
}

// wantFiles says how many files a folder has, when that is not at least so many, or more than none.
func wantFiles(dir string, least int) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < least || least == 0 && len(entries) > 0 {
		return fmt.Errorf("%s has %d files, %v", dir, len(entries), err)
	}
	return nil
}

// What is damaged on disk is neither served nor run: it is told by doctor and in the log, a rollback to it is refused, and a
// retry builds it again.
func TestDamagedImages(t *testing.T) {
	t.Parallel()
	w := newEmbeddedWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	shop.verdict(w.add(shop))
	one := shop.runs("v1.0.0")
	w.stop()
	w.eachFile(filepath.Join(w.imagesDir(), "blobs"), func(name string) error {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		content[len(content)/2] ^= 1
		return os.WriteFile(name, content, 0o600)
	})
	if out, err := w.doctor(); err == nil || !strings.Contains(out, one.Image.Digest) {
		t.Errorf("doctor says %s, %v", out, err)
	}
	w.start()
	shop.sourceVerdict(shop.push("two"))
	two := shop.runs("v1.0.1")
	rollback := shop.revert("v1.0.1")
	if red := w.redOn(rollback, shop); !strings.Contains(red.Description, "is gone") {
		t.Errorf("the rollback ended with %q", red.Description)
	}
	shop.still(two)
	if got := w.registry.digest(one.Image.Repository + "@" + one.Image.Digest); got != "" {
		t.Error("the damaged image is served")
	}
	if log, err := os.ReadFile(w.serveLog()); err != nil || !strings.Contains(string(log), "is damaged and was put aside") {
		t.Errorf("the log does not tell of it: %v", err)
	}
	w.config.commit("Try again\n\nPlateform-Retry: ws-1/shop", nil)
	if got := w.says(shop.runs("v1.0.2").Image); got != "two" {
		t.Errorf("v1.0.2 says %q", got)
	}
}

// Whoever loses dataDir loses the images with it. What has to run cannot be fetched then, which its host, its commit and status say,
// with what to do; a retry builds it again and it runs, and builds no more than once.
func TestDataDirIsLost(t *testing.T) {
	t.Parallel()
	w := newEmbeddedWorld(t)
	w.engine = "{kind: local, listen: 127.0.0.1:0}"
	w.open()
	shop := &live{w.goProject("ws-1", "shop"), "shop-ws-1.apps.example.com"}
	shop.app.commit("Serve", files{"main.go": webServer("one")})
	shop.verdict(w.add(shop.project))
	shop.answers("one")
	w.settle()
	w.stop()
	if err := os.RemoveAll(filepath.Join(w.dir, "data")); err != nil {
		t.Fatal(err)
	}
	w.start()
	const do = "plateform retry ws-1/shop"
	w.await("its host to say what to do", func() error {
		if _, err := shop.get("/"); err == nil || !strings.Contains(err.Error(), "is gone") || !strings.Contains(err.Error(), do) {
			return fmt.Errorf("it answers %v", err)
		}
		return nil
	})
	w.settle()
	shop.statusTells("ws-1/shop failed", "is gone", do)
	if got := shop.releases(); len(got) != 1 {
		t.Errorf("without a retry there are %v", got)
	}
	for range 2 {
		retry := w.config.commit("Try again\n\nPlateform-Retry: ws-1/shop", nil)
		shop.wantVerdict(retry, "success")
		shop.answers("one")
		w.settle()
		shop.wantReleases("v1.0.0", "v1.0.1")
	}
}

// Images that no release file names, that no rollback could bring back and that nobody wanted for a while go away; all others
// stay.
func TestUnnamedImagesGoAway(t *testing.T) {
	t.Parallel()
	w := newEmbeddedWorld(t)
	w.platform = []string{"releases: {keep: 2}"}
	w.open()
	shop := w.goProject("ws-1", "shop")
	shop.verdict(w.add(shop))
	versions := []values{shop.runs("v1.0.0")}
	for i, text := range []string{"two", "three", "four"} {
		shop.sourceVerdict(shop.push(text))
		versions = append(versions, shop.runs(fmt.Sprintf("v1.0.%d", i+1)))
	}
	w.await("the oldest release files to go", func() error {
		if got := shop.releases(); len(got) != 2 {
			return fmt.Errorf("there are %v", got)
		}
		return nil
	})
	shop.verdict(shop.revert("v1.0.3"))
	shop.runs("v1.0.2")
	w.settle()
	w.age()
	there := func(v values) bool { return w.registry.digest(v.Image.Repository+"@"+v.Image.Digest) != "" }
	w.restart()
	gone := filepath.Join(w.imagesDir(), "repositories", "ws-1", "shop", "_manifests", strings.TrimPrefix(versions[0].Image.Digest, "sha256:"))
	w.await("the first image to go", func() error {
		if _, err := os.Stat(gone); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there: %v", gone, err)
		}
		return nil
	})
	w.settle()
	for i, want := range []bool{false, false, true, true} {
		if got := there(versions[i]); got != want {
			t.Errorf("image %d is there: %t, want %t", i, got, want)
		}
	}
	builds := shop.attempts()
	w.config.revert(lines(w.config.look("log", "-1", "--grep=^Revert", "--format=%H", "main"))[0])
	same(t, shop.runs("v1.0.3"), versions[3])
	if got := w.says(versions[3].Image); got != "four" || shop.attempts() != builds {
		t.Errorf("v1.0.3 says %q, after %d builds, want %d", got, shop.attempts(), builds)
	}
}

// An address that is taken is told, and what to do; the others of serve are given back.
func TestRegistryAddressIsTaken(t *testing.T) {
	t.Parallel()
	w := newEmbeddedWorld(t)
	w.setUp()
	listener, err := net.Listen("tcp", w.embedded)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	out, err := run1(w.dir, nil, os.Getenv(binaryVariable), "serve", "--config", w.writeSettings())
	if err == nil {
		t.Fatal("it serves")
	}
	for _, words := range []string{w.embedded, "address already in use", "registry.listen in serve.yaml", "registry.url in platform.yaml"} {
		if !strings.Contains(out+err.Error(), words) {
			t.Errorf("it says %s, %v, want %q in it", out, err, words)
		}
	}
}

// Only this machine gets in, under its own name; and serve tells when platform.yaml names another registry.
func TestEmbeddedRegistryIsForThisMachine(t *testing.T) {
	t.Parallel()
	w := newEmbeddedWorld(t).open()
	w.awaitImages()
	request, err := http.NewRequest(http.MethodGet, "http://"+w.embedded+"/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{"": 200, "evil.example": 421} {
		request.Host = host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("as %q: %s, want %d", host, response.Status, want)
		}
	}
	w.embedded = ""
	w.config.commit("Move the images", files{"platform.yaml": w.platformYAML()})
	w.await("the log to tell of it", func() error {
		if log, err := os.ReadFile(w.serveLog()); err != nil || !strings.Contains(string(log), "the embedded registry is not the one that images go to") {
			return fmt.Errorf("it does not: %v", err)
		}
		return nil
	})
}

// Who loses the images loses no release: what runs stays in GitOps, and a push to the app makes an image that is there.
func TestLostImages(t *testing.T) {
	t.Parallel()
	w := newEmbeddedWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	shop.verdict(w.add(shop))
	one := shop.runs("v1.0.0")
	w.stop()
	w.loseData()
	w.start()
	w.settle()
	shop.still(one)
	shop.sourceVerdict(shop.push("two"))
	if got := w.says(shop.runs("v1.0.1").Image); got != "two" {
		t.Errorf("v1.0.1 says %q", got)
	}
}
