package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// publishIndex pushes an index without a single image.
func (r *registry) publishIndex(repositoryAndTag string) {
	r.t.Helper()
	ref, err := name.ParseReference(r.host+"/"+repositoryAndTag, name.Insecure)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, empty.Index); err != nil {
		r.t.Fatal(err)
	}
}

// A tag that was there before Plateform is not taken away. The release goes out, as images run by their digest, and says so.
func TestATagOfSomebodyElseStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	theirs := w.registry.publish("ws-1/shop:v1.0.0")
	shop := w.goProject("ws-1", "shop")
	verdict := shop.verdict(w.add(shop))
	one := shop.runs("v1.0.0")
	if verdict.State != "success" {
		t.Errorf("it ended with %+v", verdict)
	}
	for _, words := range []string{"the tag v1.0.0 of " + w.registry.host + "/ws-1/shop is somebody else's", theirs, one.Image.Digest, "remove that tag"} {
		if !strings.Contains(verdict.Description, words) {
			t.Errorf("it ended with %q, want %q in it", verdict.Description, words)
		}
	}
	out, err := w.plateform("status", "ws-1/shop", "--config-repo", w.config.url, "--gitops-repo", w.gitops.url)
	if err != nil || !strings.Contains(out, "the tag v1.0.0 of") {
		t.Errorf("status says (%v):\n%s", err, out)
	}
	if got := w.registry.digest(one.Image.Repository + ":v1.0.0"); got != theirs {
		t.Errorf("v1.0.0 is %s, want %s as before", got, theirs)
	}
	shop.wantSays("one")
	shop.sourceVerdict(shop.push("two"))
	shop.tagged("v1.0.1", shop.runs("v1.0.1").Image) // the next version is free
}

// What no node can run is red with its place, and neighbours in the same commit go out.
func TestWhatCannotRunIsNotReleased(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	w.registry.publish("birds/wren:1")
	w.registry.publishIndex("birds/owl:1")
	blog, site := w.imageProject("ws-1", "blog", "birds/wren:1"), w.imageProject("ws-1", "site", "birds/owl:1")
	commit := w.add(blog, site)
	blog.runs("v1.0.0")
	red := w.redOn(commit, site)
	for _, words := range []string{site.file() + ":", w.registry.host + "/birds/owl:1", "an empty image index"} {
		if !strings.Contains(red.Description, words) {
			t.Errorf("it ended with %q, want %q in it", red.Description, words)
		}
	}
	site.wantReleases()
}
