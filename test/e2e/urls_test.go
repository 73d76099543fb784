package e2e

import (
	"slices"
	"strings"
	"testing"
)

// Every URL that is told can be opened as it is: hosts under localhost have no TLS, and a port that is not the usual one is
// part of it. A new port needs no build.
func TestURLsAreTheOnesThatAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.platform = []string{"ingress: {port: 8480, tlsIssuer: letsencrypt}"}
	w.domain = "localhost"
	w.open()
	w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	w.config.pull()
	w.config.record("Add shop", files{workspaceFile("ws-1"): workspaceYAML("ws-1", 1001), shop.file(): shop.yaml()})
	wantURL := func(url string, args ...string) {
		t.Helper()
		if out, err := w.plateform(args...); err != nil || !slices.Contains(strings.Fields(out), url) {
			t.Errorf("plateform %s does not say %s: %v\n%s", strings.Join(args, " "), url, err, out)
		}
	}
	wantURL("http://shop-ws-1.localhost:8480", "plan", "--base", "origin/main")
	added := w.config.push()
	one := shop.runs("v1.0.0")
	if verdict := shop.verdict(added); verdict.URL != "http://shop-ws-1.localhost:8480" {
		t.Errorf("the commit says %+v", verdict)
	}
	wantURL("http://shop-ws-1.localhost:8480", "status", "--gitops-repo", w.gitops.bare)
	wantURL("http://shop-ws-1.localhost:8480", "why", "--gitops-repo", w.gitops.bare, "http://shop-ws-1.localhost:8480/cart")

	w.platform = nil
	moved := w.config.commit("Take the usual port", files{"platform.yaml": w.platformYAML()})
	if v := shop.runs("v1.0.1"); v.Image != one.Image {
		t.Errorf("v1.0.1 runs %+v, want the image of v1.0.0", v.Image)
	}
	if verdict := shop.verdict(moved); verdict.URL != "http://shop-ws-1.localhost" {
		t.Errorf("the commit says %+v", verdict)
	}
}
