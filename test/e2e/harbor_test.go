package e2e

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/plateform/plateform/test/harborserver"
)

// What the scanner of a Harbor finds in an image decides whether it is released, before anything runs it; while it looks the commit waits,
// and what was released before goes on.
func TestAScanInHarbor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry.scanner = harborserver.New(t, w.registry.images)
	w.platform = []string{"policy: {scan: {failOn: high}}"}
	w.open()
	shop := w.goProject("ws-1", "shop")
	w.registry.scanner.Finds(map[string]int{"Medium": 3})
	w.add(shop)
	one := shop.runs("v1.0.0")
	if release := w.config.read(shop.releaseFile("v1.0.0")); !strings.Contains(release, "medium: 3") {
		t.Errorf("the release file does not say what was found:\n%s", release)
	}
	w.registry.scanner.Finds(map[string]int{"Critical": 1, "High": 2})
	risky := shop.app.commit("Bring along an old package", files{"extra.go": "package main\n\nvar Old = 1\n"})
	verdict := shop.sourceVerdict(risky)
	if verdict.State != "failure" || !strings.Contains(verdict.Description, "a scan of the image found 1 critical, 2 high") {
		t.Errorf("the failure is told as %+v", verdict)
	}
	shop.still(one)

	w.registry.scanner.Finds(map[string]int{})
	w.registry.scanner.Hold()
	mended := shop.app.commit("Bring along a newer one", files{"extra.go": "package main\n\nvar New = 1\n"})
	w.await("a scan of the newer image", func() error {
		if w.registry.scanner.Scans() < 3 {
			return errors.New("it was not asked for")
		}
		return nil
	})
	w.settleBut(shop)
	if files := w.config.list(path.Dir(shop.releaseFile("v1.0.1"))); len(files) != 1 {
		t.Errorf("it is released while nobody knows what is in the image: %v", files)
	}
	w.registry.scanner.Release()
	shop.runs("v1.0.1")
	if verdict := shop.sourceVerdict(mended); verdict.State != "success" {
		t.Errorf("in the end it is %+v", verdict)
	}
}
