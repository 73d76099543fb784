//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A data folder without room is no fault of a source: the build that wants some is tried again and says so, nothing is held,
// and who needs none goes out. Once there is room it goes on by itself. The folder is a file system of its own, which takes
// root to make.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := filepath.Join(w.dir, "data")
	mustRun(t, w.dir, "mkdir", data)
	mustRun(t, w.dir, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", data)
	t.Cleanup(func() { mustRun(t, w.dir, "umount", "--lazy", data) })
	w.open()
	w.registry.publish("birds/wren:1")
	shop, blog := w.goProject("ws-1", "shop"), w.imageProject("ws-1", "blog", "birds/wren:1")
	commit := w.add(shop, blog)
	blog.runs("v1.0.0")
	shop.triesAgain(commit, "no room on its disk")
	blog.edit("replicas: 2")
	blog.runs("v1.0.1")
	shop.wantReleases()
	w.wantWaiting(commit, shop)

	mustRun(t, w.dir, "mount", "-o", "remount,size=500m", data)
	shop.runs("v1.0.0")
	shop.wantVerdict(commit, "success")
	shop.wantSays("one")
}

// The disk of the embedded registry has room for little: the build whose image does not fit is tried again and says so, what was
// released stays whole, and once there is room the image comes in.
func TestFullDiskOfTheEmbeddedRegistry(t *testing.T) {
	t.Parallel()
	w := newEmbeddedWorld(t)
	images := w.imagesDir()
	mustRun(t, w.dir, "mkdir", "-p", images)
	mustRun(t, w.dir, "mount", "-t", "tmpfs", "-o", "size=500m", "tmpfs", images)
	t.Cleanup(func() { mustRun(t, w.dir, "umount", "--lazy", images) })
	w.open()
	shop, blog := w.goProject("ws-1", "shop"), w.goProject("ws-1", "blog")
	shop.verdict(w.add(shop))
	one := shop.runs("v1.0.0")
	shop.tagged("v1.0.0", one.Image)
	var disk syscall.Statfs_t
	if err := syscall.Statfs(images, &disk); err != nil {
		t.Fatal(err)
	}
	const room = 128 << 10
	used := int64(disk.Blocks-disk.Bfree) * disk.Bsize
	mustRun(t, w.dir, "mount", "-o", fmt.Sprintf("remount,size=%d", used+room), images)
	commit := w.add(blog)
	blog.triesAgain(commit, "no space left on device")
	if got := w.says(one.Image); got != "one" {
		t.Errorf("v1.0.0 says %q", got)
	}
	w.wantWaiting(commit, blog)

	mustRun(t, w.dir, "mount", "-o", "remount,size=500m", images)
	blog.runs("v1.0.0")
	blog.wantSays("one")
}

// The folder of apps has no room for the next release: what runs goes on answering, the commit says whose fault it is, and once there
// is room the release runs, by itself.
func TestFullDiskOfApps(t *testing.T) {
	t.Parallel()
	shop := liveProject(t)
	w := shop.w
	w.add(shop.project)
	shop.answers("one")
	w.settle()
	w.stop()
	apps := filepath.Join(w.dir, "data", "apps")
	mustRun(t, w.dir, "mount", "-t", "tmpfs", "-o", "size=500m", "tmpfs", apps)
	t.Cleanup(func() { mustRun(t, w.dir, "umount", "--lazy", apps) })
	w.start()
	shop.answers("one")
	var disk syscall.Statfs_t
	if err := syscall.Statfs(apps, &disk); err != nil {
		t.Fatal(err)
	}
	const room = 1 << 20
	used := int64(disk.Blocks-disk.Bfree) * disk.Bsize
	mustRun(t, w.dir, "mount", "-o", fmt.Sprintf("remount,size=%d", used+room), apps)
	source := shop.app.commit("Say two", files{"main.go": webServer("two")})
	w.await("the commit to say that there is no room", func() error {
		notes := shop.sourceNotes(source)
		if len(notes) == 0 || !strings.Contains(notes[len(notes)-1].Description, "no space left on device") {
			return fmt.Errorf("it says %+v", notes)
		}
		return nil
	})
	shop.answers("one")
	shop.statusTells("ws-1/shop pending", "no space left on device")

	mustRun(t, w.dir, "mount", "-o", "remount,size=500m", apps)
	shop.answers("two")
	if v := shop.sourceVerdict(source); v.State != "success" || v.Stage != "deployed" {
		t.Errorf("it ended with %+v", v)
	}
}
