package e2e

import (
	"strings"
	"testing"
)

// A host that a deployed project has is not given to another: the commit turns red, who has it keeps it.
func TestHostThatIsTaken(t *testing.T) {
	t.Parallel()
	w, shop, blog := twoWithADomain(t)
	one := shop.runs("v1.0.0")

	taken := w.add(blog)
	if verdict := w.redOn(taken, blog); !strings.Contains(verdict.Description, "www.acme.example") {
		t.Errorf("taking the host ended with %+v", verdict)
	}
	shop.still(one)
	blog.wantReleases()

	blog.spec = blog.spec[:2]
	blog.edit()
	if v := blog.runs("v1.0.0"); v.Host != "blog-ws-1.apps.example.com" {
		t.Errorf("blog is\n%s", v.text)
	}
}

// A rollback to a release whose host went to another project meanwhile is not deployed: what must hold now is checked now.
func TestRollbackToAHostThatWentToAnother(t *testing.T) {
	t.Parallel()
	w, shop, blog := twoWithADomain(t)
	shop.runs("v1.0.0")
	domain := shop.spec[2]
	shop.spec = shop.spec[:2]
	shop.edit()
	two := shop.runs("v1.0.1")
	blog.spec[2] = domain
	w.add(blog)
	blogOne := blog.runs("v1.0.0")

	rollback := shop.revert("v1.0.1")
	if verdict := w.redOn(rollback, shop); !strings.Contains(verdict.Description, "www.acme.example") {
		t.Errorf("the rollback ended with %+v", verdict)
	}
	w.settle()
	same(t, blog.values(), blogOne)
	same(t, shop.values(), two)
}

// twoWithADomain is a world with a workspace that owns a domain, a deployed project that has it, and another that is not
// in the config repository yet and wants it.
func twoWithADomain(t *testing.T) (w *world, shop, blog *project) {
	t.Helper()
	w = newWorld(t).open()
	w.registry.publish("birds/wren:1")
	shop = w.imageProject("ws-1", "shop", "birds/wren:1", "domain: www.acme.example")
	blog = w.imageProject("ws-1", "blog", "birds/wren:1", "domain: www.acme.example")
	w.config.commit("Add the workspace", files{workspaceFile("ws-1"): object("Workspace", "ws-1",
		"owner: {github: alice, id: 1001}", "domains: [acme.example]")})
	w.add(shop)
	return w, shop, blog
}
