//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// A data folder without room fails the build that wants some, and says so; who needs none goes out, and once there is
// room a retry does what was asked. The folder is a file system of its own, which takes root to make.
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
	if verdict := shop.verdict(commit); verdict.State != "failure" || !strings.Contains(verdict.Description, "no space left on device") {
		t.Errorf("it ended with %+v", verdict)
	}
	blog.edit("replicas: 2")
	blog.runs("v1.0.1")
	shop.wantReleases()

	mustRun(t, w.dir, "mount", "-o", "remount,size=500m", data)
	if out, err := w.plateform("retry", "ws-1/shop"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shop.runs("v1.0.0")
	if got := shop.says(); got != "one" {
		t.Errorf("v1.0.0 says %q", got)
	}
}
