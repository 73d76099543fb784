package e2e

import (
	"strings"
	"testing"
)

// An image that is named before it is pushed makes its commit red, which is no word about a build, and is released once it is
// there: nobody has to ask for a retry. Of a project that runs, and of a new one, over a restart.
func TestAnImageThatComesLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.registry.publish("birds/wren:1")
	w.open()
	shop, fresh := w.imageProject("ws-1", "shop", "birds/wren:1"), w.imageProject("ws-1", "fresh", "birds/owl:1")
	shop.verdict(w.add(shop))
	shop.runs("v1.0.0")

	shop.spec[1] = strings.Replace(shop.spec[1], "wren:1", "wren:2", 1)
	commit := w.config.commit("Name what is to come", files{shop.file(): shop.yaml(), fresh.file(): fresh.yaml()})
	for _, p := range []*project{shop, fresh} {
		p.newestSays(commit, "failure", p.file()+":", "cannot be used", "it is asked for again by itself")
		if notes := p.notes(commit); strings.Contains(notes[len(notes)-1].Description, "build failed") {
			t.Errorf("nothing was built, and it says %+v", notes)
		}
	}
	meanwhile := shop.edit("replicas: 2")
	shop.runs("v1.0.1")
	shop.newestSays(meanwhile, "success", "source is held because its image cannot be used")
	w.restart()
	w.isReady()
	told := len(shop.notes(commit))
	w.settle()
	if notes := shop.notes(commit); len(notes) != told || notes[told-1].State != "failure" {
		t.Errorf("after a restart the commit says %+v", notes)
	}

	w.registry.publish("birds/wren:2")
	w.registry.publish("birds/owl:1")
	shop.runs("v1.0.2")
	fresh.runs("v1.0.0")
	shop.newestSays(commit, "success", "v1.0.2")
	fresh.newestSays(commit, "success", "v1.0.0")
	shop.statusTells("ws-1/shop running")
	w.settle()
}
