package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A registry that takes an image and then refuses to tag it keeps back that release alone: others go out and back, and
// once it lets itself be written to again so does this one, without another build.
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
	shop.wantReleases()
	w.await("a word on why it takes so long", func() error {
		said := shop.notes(commit)
		if n := len(said) - 1; n < 0 || said[n].terminal() || !strings.Contains(said[n].Description, "trying again: ") {
			return fmt.Errorf("so far it says %+v", said)
		}
		return nil
	})
	w.registry.watch(nil, nil)
	w.registry.deny(shop.repository(), false)
	shop.runs("v1.0.0")
	if verdict := shop.verdict(commit); verdict.State != "success" {
		t.Errorf("it ended with %+v", verdict)
	}
	if shop.builds() != 1 {
		t.Errorf("it was built %d times", shop.builds())
	}
}
