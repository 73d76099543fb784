package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A registry that takes an image and then refuses to tag it holds up nobody, not even that release, for images run by their
// digest: others go out and back, and once it lets itself be written to again the tag is there, without another build.
func TestRegistryThatRefusesATagHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop, blog := w.goProject("ws-1", "shop"), w.imageProject("ws-1", "blog", "birds/wren:1")
	w.add(blog)
	blog.runs("v1.0.0")
	refused := make(chan struct{}, 100)
	w.registry.watch(nil, func(method, path string) {
		if method != http.MethodPut || !strings.HasPrefix(path, "/v2/"+shop.repository()+"/manifests/") {
			return
		}
		w.registry.deny(shop.repository(), true)
		select {
		case refused <- struct{}{}:
		default:
		}
	})
	commit := w.add(shop)
	select {
	case <-refused:
	case <-time.After(patience):
		t.Fatal("no image was pushed")
	}
	blog.edit("replicas: 2")
	blog.runs("v1.0.1")
	blog.revert("v1.0.1")
	blog.runs("v1.0.0")
	v := shop.runs("v1.0.0")
	shop.wantVerdict(commit, "success")
	if tagged := w.registry.digest(v.Image.Repository + ":v1.0.0"); tagged != "" {
		t.Errorf("v1.0.0 is tagged as %s, although the registry refuses", tagged)
	}
	shop.wantSays("one")
	w.registry.watch(nil, nil)
	w.registry.deny(shop.repository(), false)
	shop.tagged("v1.0.0", v.Image)
	if shop.builds() != 1 {
		t.Errorf("it was built %d times", shop.builds())
	}
}
