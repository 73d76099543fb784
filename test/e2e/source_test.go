package e2e

import (
	"testing"
)

// A push that leaves the project's path untouched makes no release; one that touches it does.
func TestPushOutsideThePathMakesNoRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	mono := shop.app
	mono.commit("Move the app", files{"apps/shop/go.mod": "module example.com/shop\n\ngo 1.24\n", "apps/shop/main.go": program("one")})
	shop.app, shop.spec = nil, []string{"type: monolithic", "source: {repository: " + mono.bare + ", path: apps/shop}"}
	w.add(shop)
	one := shop.runs("v1.0.0")

	mono.commit("Write docs", files{"docs/README.md": "Read me.\n"})
	shop.still(one)
	shop.wantReleases("v1.0.0")

	mono.commit("Change the app", files{"apps/shop/main.go": program("two")})
	shop.runs("v1.0.1")
	shop.wantSays("two")
}

// A pinned revision is what runs, whatever is pushed to the branch, until the pin changes.
func TestPinnedRevision(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	app, first := shop.app, shop.app.head()
	second := shop.push("two")
	pin := func(revision string) []string {
		return []string{"type: monolithic", "source: {repository: " + app.bare + ", revision: " + revision + "}"}
	}
	shop.app, shop.spec = nil, pin(first)
	w.add(shop)
	one := shop.runs("v1.0.0")
	shop.wantSays("one")

	app.commit("Say three", files{"main.go": program("three")})
	shop.still(one)

	shop.spec = pin(second)
	shop.edit()
	shop.runs("v1.0.1")
	shop.wantSays("two")
	shop.spec = pin(first)
	shop.edit()
	if v := shop.runs("v1.0.2"); v.Image != one.Image {
		t.Errorf("the first pin again runs %+v, want the image that is there, %+v", v.Image, one.Image)
	}
	if shop.builds() != 2 || shop.attempts() != 2 {
		t.Errorf("%d builds were begun and %d pushed for two revisions", shop.attempts(), shop.builds())
	}
}

// With autoDeploy off a push makes no release by itself; a retry makes one.
func TestAutoDeployOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.goProject("ws-1", "shop")
	app := shop.app
	shop.app, shop.spec = nil, []string{"type: monolithic", "source: {repository: " + app.bare + ", autoDeploy: false}"}
	w.add(shop)
	one := shop.runs("v1.0.0")

	app.commit("Say two", files{"main.go": program("two")})
	shop.still(one)
	shop.wantReleases("v1.0.0")
	shop.edit("replicas: 2")
	if v := shop.runs("v1.0.1"); v.Image != one.Image || v.Replicas != 2 {
		t.Errorf("v1.0.1 is\n%s\nwant the old image with 2 replicas", v.text)
	}

	shop.retry()
	shop.runs("v1.0.2")
	shop.wantSays("two")
}

// A paused project makes no release, can be rolled back, and makes up for what it missed when it goes on.
func TestPaused(t *testing.T) {
	t.Parallel()
	w, shop, one := oneApp(t)
	shop.push("two")
	two := shop.runs("v1.0.1")

	shop.edit("paused: true")
	shop.still(two)
	shop.push("three")
	shop.edit("paused: true", "replicas: 2")
	shop.still(two)
	shop.revert("v1.0.1")
	same(t, shop.runs("v1.0.0"), one)
	shop.still(one)

	shop.push("four")
	shop.still(one)
	shop.edit("replicas: 3")
	v := shop.runs("v1.0.2")
	w.settle()
	if got := shop.says(); got != "four" || v.Replicas != 3 {
		t.Errorf("v1.0.2 says %q and is\n%s", got, v.text)
	}
}

// A tag of an authored image is resolved to a digest once per edit: moving the tag changes nothing, also when another
// setting changes; naming another tag does.
func TestAuthoredImageIsResolvedOncePerEdit(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	first := w.registry.publish("birds/wren:1")
	shop := w.imageProject("ws-1", "shop", "birds/wren:1")
	commit := w.add(shop)
	one := shop.runs("v1.0.0")
	if want := (image{Repository: w.registry.host + "/birds/wren", Tag: "1", Digest: first}); one.Image != want {
		t.Errorf("the image is %+v, want %+v", one.Image, want)
	}
	shop.wantVerdict(commit, "success")

	w.registry.publish("birds/wren:1")
	shop.still(one)
	shop.edit("replicas: 2")
	if v := shop.runs("v1.0.1"); v.Image != one.Image || v.Replicas != 2 {
		t.Errorf("v1.0.1 is\n%s", v.text)
	}

	second := w.registry.publish("birds/wren:2")
	shop.spec[1] = "image: " + w.registry.host + "/birds/wren:2"
	shop.edit("replicas: 2")
	if v := shop.runs("v1.0.2"); v.Image.Digest != second || v.Image.Tag != "2" {
		t.Errorf("v1.0.2 is\n%s", v.text)
	}
	if shop.builds() != 0 {
		t.Errorf("something was built for an authored image")
	}
}

// An image that is not there is a failure that says so.
func TestAuthoredImageThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t).open()
	shop := w.imageProject("ws-1", "shop", "birds/dodo:1")
	shop.newestSays(w.add(shop), "failure", "birds/dodo:1")
	w.settle()
	shop.wantReleases()
}
