package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// remove is what a registry's retention does: the manifest is gone, with all its tags.
func (r *registry) remove(i image) {
	r.t.Helper()
	repository, err := name.NewRepository(i.Repository, name.Insecure)
	if err != nil {
		r.t.Fatal(err)
	}
	tags, err := remote.List(repository)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, tag := range tags {
		if r.digest(i.Repository+":"+tag) == i.Digest {
			if err := remote.Delete(repository.Tag(tag)); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	if err := remote.Delete(repository.Digest(i.Digest)); err != nil {
		r.t.Fatal(err)
	}
	if r.digest(i.Repository+"@"+i.Digest) != "" {
		r.t.Fatalf("%s@%s is still there", i.Repository, i.Digest)
	}
}

// A rollback to an image that the registry does not have any more is refused on its commit, with what to do; what runs stays.
// Reverting it is as if nothing had happened, and a retry builds what the source has now.
func TestARollbackToAnImageThatIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	shop.verdict(w.add(shop))
	one := shop.runs("v1.0.0")
	shop.tagged("v1.0.0", one.Image)
	shop.sourceVerdict(shop.push("two"))
	two := shop.runs("v1.0.1")
	shop.tagged("v1.0.1", two.Image)
	w.registry.remove(one.Image)

	rollback := shop.revert("v1.0.1")
	red := w.redOn(rollback, shop)
	for _, words := range []string{one.Image.Digest, "v1.0.0 is gone", "plateform rollback ws-1/shop", "plateform retry ws-1/shop"} {
		if !strings.Contains(red.Description, words) {
			t.Errorf("the rollback ended with %q, want %q in it", red.Description, words)
		}
	}
	shop.still(two)
	w.restart()
	shop.still(two)

	forward := w.config.revert(rollback)
	shop.wantVerdict(forward, "success")
	shop.still(two)

	again := shop.revert("v1.0.1")
	w.redOn(again, shop)
	shop.still(two)
	w.config.commit("Try again\n\nPlateform-Retry: ws-1/shop", nil)
	three := shop.runs("v1.0.2")
	if got := w.says(three.Image); got != "two" {
		t.Errorf("v1.0.2 says %q, want what the source has now", got)
	}
}

// twoImages is a project that ran one image that somebody else publishes, and runs another.
func (w *world) twoImages() (blog *project, one, two values) {
	w.t.Helper()
	w.registry.publish("birds/wren:1")
	w.registry.publish("birds/wren:2")
	blog = w.imageProject("ws-1", "blog", "birds/wren:1")
	w.add(blog)
	one = blog.runs("v1.0.0")
	blog.spec = []string{"type: monolithic", "image: " + w.registry.host + "/birds/wren:2"}
	blog.edit()
	return blog, one, blog.runs("v1.0.1")
}

// The same for an image that somebody else publishes.
func TestARollbackToAPublishedImageThatIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	blog, one, two := w.twoImages()
	w.registry.remove(one.Image)
	rollback := blog.revert("v1.0.1")
	if red := w.redOn(rollback, blog); !strings.Contains(red.Description, "is gone") {
		t.Errorf("the rollback ended with %+v", red)
	}
	blog.still(two)
	w.config.revert(rollback)
	blog.still(two)
}

// No registry holds up a rollback: one that is in trouble, or does not answer within a few seconds, is not waited for.
func TestARollbackWaitsForNoRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	blog, one, _ := w.twoImages()

	open := make(chan struct{})
	t.Cleanup(func() { close(open) })
	asked := make(chan struct{}, 1000)
	w.registry.watch(func(method, path string) {
		if (method == http.MethodHead || method == http.MethodGet) && strings.Contains(path, "/manifests/sha256:") {
			asked <- struct{}{}
			<-open
		}
	}, nil)
	rollback := blog.revert("v1.0.1")
	same(t, blog.runs("v1.0.0"), one)
	blog.wantVerdict(rollback, "success")
	if len(asked) == 0 {
		t.Error("the registry was not asked at all")
	}
}
