//go:build e2e

package e2e

import (
	"path/filepath"
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
	if verdict := shop.verdict(commit); verdict.State != "success" {
		t.Errorf("it ended with %+v", verdict)
	}
	if got := shop.says(); got != "one" {
		t.Errorf("v1.0.0 says %q", got)
	}
}
